"""Where pictures are: the YAML of sources, groups and pairs, and how it is refused."""

import pytest

from configs import FOLDER
from train.errors import DataError, TrainError
from train.manifest import split_of
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


def test_splits_by_hash_are_stable_and_near_their_shares():
    names = [split_of(f"group {i}") for i in range(4000)]
    assert names == [split_of(f"group {i}") for i in range(4000)]
    for name, share in (("train", 0.7), ("val", 0.15), ("test", 0.15)):
        assert abs(names.count(name) / 4000 - share) < 0.02
