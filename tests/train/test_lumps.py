"""What a division leaves without is said before it is missing."""

from train.lumps import lumps


def rows(label, *cells):
    return [(label, group, split) for group, split, n in cells for _ in range(n)]


def test_an_even_division_is_not_mentioned():
    assert lumps(row for label in ("real", "fake", "mask")
                 for row in rows(label, ("a", "train", 5), ("b", "val", 5), ("c", "test", 5))) == []  # fmt: skip


def test_a_split_without_a_class_and_a_group_of_most_are_told():
    whole = [("a", "train", 5), ("b", "val", 5), ("c", "test", 5)]
    told = lumps([*rows("real", *whole), *rows("fake", ("x", "test", 288), ("y", "train", 12)), *rows("mask", *whole)])
    assert told == [
        "no picture of fake is in the split val",
        "288 of 300 pictures of fake are one group, which is never divided",
    ]
