"""Where pictures are: the YAML of sources, groups and pairs, and how it is refused."""

import pytest

from configs import FOLDER
from train.errors import DataError, TrainError
from train.manifest import read_splits, split_of
from train.public import PUBLIC
from train.spec import find_items, load_spec


def write(path, text):
    path.write_text(text)
    return path


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sources: 3", "'sources' must be a list"),
        ("sources: []", "'sources' must be a list"),
        ("sources: [{name: a}]", r"sources\[0\]: wants the keys name and folders"),
        ("sources: [{name: a, folders: {cat: x}}]", "wants classes out of real, fake, mask"),
        ("sources: [{name: a, folders: {real: x}, grp: y}]", "may have group or pairs"),
        ("sources: [{name: a, folders: {real: x}, group: y, pairs: z}]", "may have group or pairs"),
        ("sources: [{name: a, folders: {real: x}, group: '('}]", "group"),
        ("sources: [{name: a, folders: {real: x}}, {name: a, folders: {fake: y}}]", "the same name"),
        ("sources: [", "is not YAML"),
        ("sources: [{name: a, folders: {real: 5}}]", r"sources\[0\]\.folders\.real: wants a folder"),
        ("sources: [{name: a, folders: {real: [x, 5]}}]", "wants a folder"),
        ("sources: [{name: a, folders: {real: []}}]", "wants a folder"),
        ("sources: [{name: a, folders: {real: x}, group: 5}]", r"sources\[0\]\.group: wants text, got 5"),
        ("sources: [{name: a, folders: {real: x}, pairs: [5]}]", "pairs: wants text"),
        ("sources: [{name: a, name: b, folders: {real: x}}]", "name stands twice"),
    ],
)
def test_what_does_not_hold_is_named(tmp_path, text, says):
    with pytest.raises(TrainError, match=says):
        load_spec(write(tmp_path / "s.yaml", text))


def test_words_that_yaml_1_1_takes_for_something_else_are_folders(tmp_path):
    """PyYAML's own rules read `off` as false and `12:30` as 750."""
    (spec,) = load_spec(write(tmp_path / "s.yaml", "sources: [{name: a, folders: {real: off, fake: [12:30]}}]"))
    assert spec.folders == {"real": ("off",), "fake": ("12:30",)}


def test_of_every_source_of_the_shipped_spec_it_is_known_what_its_fakes_are():
    """Or cards and licences would take it for pictures of one's own."""
    specs = load_spec(FOLDER / "train/data.yaml")
    assert {spec.name: "fake" in spec.folders for spec in specs} == {
        name: bool(known.fakes) for name, known in PUBLIC.items()
    }


@pytest.mark.parametrize("titles", ["fake,real\n", ""])
def test_groups_by_expression_pairs_and_name(tmp_path, titles):
    touch(tmp_path, "live/1_a.jpg", "live/1_b.jpg", "live/2_a.jpg", "live/odd.jpg", "swap/f.jpg", "swap/r.jpg")
    write(tmp_path / "pairs.csv", titles + "f.jpg,r.jpg\n")
    spec = write(
        tmp_path / "s.yaml",
        "sources:\n"
        "  - {name: p, folders: {real: live}, group: '^([0-9]+)_'}\n"
        "  - {name: q, folders: {fake: swap}, pairs: pairs.csv}\n",
    )
    groups = {item.path: item.group for item in find_items(load_spec(spec), tmp_path)}
    assert groups["live/1_a.jpg"] == groups["live/1_b.jpg"] != groups["live/2_a.jpg"]
    assert groups["live/odd.jpg"] == "p-odd.jpg"
    assert groups["swap/f.jpg"] == groups["swap/r.jpg"]


def test_an_empty_folder_and_a_useless_expression_are_errors(tmp_path):
    (tmp_path / "empty").mkdir()
    spec = write(tmp_path / "s.yaml", "sources: [{name: a, folders: {real: empty}}]")
    with pytest.raises(DataError, match="no pictures in"):
        list(find_items(load_spec(spec), tmp_path))
    touch(tmp_path, "full/a.jpg")
    spec = write(tmp_path / "s.yaml", "sources: [{name: a, folders: {real: full}, group: 'zzz'}]")
    with pytest.raises(DataError, match="matches no file"):
        list(find_items(load_spec(spec), tmp_path))


@pytest.mark.parametrize("named", ["{root}/swap/f.jpg, swap/r.jpg", " f.jpg , r.jpg"])
def test_pairs_are_found_by_their_files_names(tmp_path, named):
    touch(tmp_path, "swap/f.jpg", "swap/r.jpg")
    write(tmp_path / "pairs.csv", named.format(root=tmp_path))
    spec = write(tmp_path / "s.yaml", "sources: [{name: q, folders: {fake: swap}, pairs: pairs.csv}]")
    assert len({item.group for item in find_items(load_spec(spec), tmp_path)}) == 1


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("{name: q, folders: {fake: swap}, pairs: pairs.csv}", "'pairs' of source q matches no file"),
        ("{name: q, folders: {fake: swap}, pairs: latin.csv}", "cannot read"),
        ("{name: q, folders: {real: swap, fake: swap/fakes}}", "is in two of the folders"),
    ],
)
def test_what_would_leak_or_give_two_labels_is_refused(tmp_path, spec, says):
    touch(tmp_path, "swap/r.jpg", "swap/fakes/f.jpg")
    write(tmp_path / "pairs.csv", "other.jpg,another.jpg\n")
    (tmp_path / "latin.csv").write_bytes("f\xfc.jpg,r.jpg".encode("latin-1"))
    file = write(tmp_path / "s.yaml", f"sources: [{spec}]")
    with pytest.raises(DataError, match=says) as caught:
        list(find_items(load_spec(file), tmp_path))
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0,a.jpg,s,real,g,Train\n", "line 2 has the split 'Train'"),
        ("0,a.jpg,s,real\n", "line 2 is too short"),
        ("0,a.jpg,s,real,g,val\n0,a.jpg,s,real,g,test\n", "line 3 names a.jpg again"),
    ],
)
def test_a_splits_file_that_does_not_hold_is_told_with_its_line(tmp_path, text, says):
    file = write(tmp_path / "splits.csv", f"sha256,path,source,label,group,split\n{text}")
    with pytest.raises(DataError, match=says) as caught:
        read_splits(file)
    assert "columns: sha256" in caught.value.hint
    file.write_bytes("sha256,path,source,label,group,split\n0,\xfc.jpg,s,real,g,val\n".encode("latin-1"))
    with pytest.raises(DataError, match="is no split file"):
        read_splits(file)
    with pytest.raises(DataError, match="no column 'path'"):
        read_splits(write(tmp_path / "splits.csv", "sha256\n0\n"))


def test_splits_by_hash_are_stable_and_near_their_shares():
    known = {"casia-1": "train", "casia-2": "train", "a": "val", "group 7": "test"}  # numbers published rest on these
    assert {name: split_of(name) for name in known} == known
    names = [split_of(f"group {i}") for i in range(4000)]
    for name, share in (("train", 0.7), ("val", 0.15), ("test", 0.15)):
        assert abs(names.count(name) / 4000 - share) < 0.02
