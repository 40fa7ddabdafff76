"""What people gave back, laid out for training: whose face, which label, and what is refused."""

import copy
import json
import re

import pytest

from monitor.corrections.choose import Wish
from monitor.corrections.export import export
from monitor.corrections.layout import GROUP, lay_out
from monitor.errors import MonitorError
from train.spec import find_items, load_spec


@pytest.fixture(scope="module")
def went_out(analysed, tmp_path_factory):
    root = tmp_path_factory.mktemp("went-out")
    for form in ("coco", "label-studio"):
        export([analysed], form, root / form, Wish())
    return root


def submitted(went_out):
    """Label Studio's export where somebody looked at every picture and found all right."""
    tasks = json.loads((went_out / "label-studio" / "tasks.json").read_text())
    for task in tasks:
        result = copy.deepcopy(task["predictions"][0]["result"])
        for one in result:
            one["id"] = f"new-{one['id']}"
        task["annotations"] = [{"id": 1, "result": result, "was_cancelled": False, "updated_at": "2026-11-27T10"}]
    return tasks


def regions(task):
    return task["annotations"][0]["result"]


@pytest.fixture
def bring_back(went_out, tmp_path):
    def run(data, form="label-studio", **more):
        file = tmp_path / "export.json"
        file.write_text(data if isinstance(data, str) else json.dumps(data))
        return lay_out(file, went_out / form, tmp_path / "data", "fixed", **more)

    return run


def laid_out(root):
    return {
        label: sorted(path.name for path in (root / "data/fixed" / label).glob("*"))
        for label in ("real", "fake", "mask")
    }


def test_labels_come_back_by_person(went_out, bring_back, tmp_path):
    tasks = submitted(went_out)
    regions(tasks[1])[1]["value"]["rectanglelabels"] = ["fake"]  # person 2
    regions(tasks[2])[1]["value"]["rectanglelabels"] = ["fake"]
    del regions(tasks[3])[0]  # person 1
    tally = bring_back(tasks)
    assert (tally.faces, tally.undecided, tally.deleted) == ({"real": 4, "fake": 2, "mask": 3}, 1, 1)
    assert (tally.groups, tally.unknown, tally.not_looked_at) == (3, (), 0)
    assert laid_out(tmp_path) == {
        "real": ["my-clip_p1_00001.jpg", "my-clip_p1_00002.jpg", "my-clip_p1_00003.jpg", "my-clip_p2_00003.jpg"],
        "fake": ["my-clip_p2_00001.jpg", "my-clip_p2_00002.jpg"],
        "mask": ["my-clip_p3_00001.jpg", "my-clip_p3_00002.jpg", "my-clip_p3_00003.jpg"],
    }
    items = list(find_items(load_spec(tmp_path / "data/fixed.yaml"), tmp_path / "data"))
    assert {item.group for item in items} == {f"fixed-my-clip_p{n}" for n in (1, 2, 3)}
    assert {item.label for item in items if item.group.endswith("p2")} == {"real", "fake"}


def test_only_what_was_submitted_counts_and_the_newest_of_it(went_out, bring_back):
    tasks = submitted(went_out)
    tasks[0]["annotations"] = []
    tasks[1]["annotations"][0]["was_cancelled"] = True
    older = copy.deepcopy(tasks[2]["annotations"][0])
    tasks[2]["annotations"].insert(0, older)
    older["updated_at"], older["result"] = "2026-11-26T10", []
    tally = bring_back(tasks)
    assert (tally.not_looked_at, sum(tally.faces.values()), tally.deleted) == (2, 5, 0)


def test_json_min_is_read_too(went_out, bring_back):
    short = [
        {**task["data"], "id": task["id"], "annotator": 1, "label": [one["value"] for one in regions(task)]}
        for task in submitted(went_out)
    ]
    del short[0]["label"]  # both faces deleted
    tally = bring_back(short)
    assert (tally.faces, tally.deleted, tally.groups) == ({"real": 6, "fake": 0, "mask": 2}, 2, 3)


def test_uploaded_pictures_are_known_by_their_names(went_out, bring_back, tmp_path):
    tasks = submitted(went_out)
    for task in tasks:
        task["data"] = {"image": f"/data/upload/7/0a1b2c3d-my-clip_{task['data']['t'] * 1000:.0f}.jpg"}
    tally = bring_back(tasks)
    assert tally.unknown == ("my-clip",), "whose faces these are is not told any more: one group"
    assert {re.search(GROUP, name)[1] for names in laid_out(tmp_path).values() for name in names} == {"my-clip_p0"}


def test_a_new_face_makes_the_recording_one_group(went_out, bring_back):
    tasks = submitted(went_out)
    new = copy.deepcopy(regions(tasks[1])[0])
    new["value"] |= {"x": 40.0, "y": 70.0, "width": 8.0, "height": 20.0}
    regions(tasks[1]).append(new)
    assert (bring_back(tasks).unknown, bring_back(tasks, overwrite=True).groups) == (("my-clip",), 1)
    new["value"]["rectanglelabels"] = ["undecided"]
    assert bring_back(tasks, overwrite=True).groups == 3, "it is not used, so it does no harm"


def test_a_coco_file_comes_back(went_out, bring_back, tmp_path):
    data = json.loads((went_out / "coco" / "annotations.json").read_text())
    ids = {one["name"]: one["id"] for one in data["categories"]}
    for one in data["annotations"]:
        if one["attributes"]["person"] == 3:
            one["category_id"] = ids["fake"]
    data["annotations"][0]["attributes"] = {}  # then the box tells who it is
    tally = bring_back(data, "coco")
    assert (tally.faces, tally.groups, tally.unknown) == ({"real": 7, "fake": 4, "mask": 0}, 3, ())
    assert "mask" not in (tmp_path / "data/fixed.yaml").read_text(), "a class without pictures is not named"


def change(tasks, key, value):
    regions(tasks[1])[0]["value"][key] = value


def lose(tasks):
    tasks[1]["data"]["image"] = "/data/local-files/?d=x/../../../etc/passwd"


def shrink(tasks):
    regions(tasks[1])[0]["original_width"] = 600


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda tasks: change(tasks, "x", 99.0), "outside of the picture"),
        (lambda tasks: change(tasks, "width", 0), "is empty"),
        (lambda tasks: change(tasks, "x", "a lot"), "four numbers"),
        (lambda tasks: change(tasks, "rotation", 12), "turned"),
        (lambda tasks: change(tasks, "rectanglelabels", ["cat"]), "label 'cat'"),
        (lambda tasks: change(tasks, "rectanglelabels", ["real", "fake"]), "2 labels"),
        (lambda tasks: regions(tasks[1])[0].pop("value"), "not a task"),
        (lambda tasks: tasks.append("task"), "not a task"),
        (lambda tasks: tasks[1]["data"].update(people=[7]), "'people'"),
        (lose, "passwd is not in"),
        (shrink, "is 660 x 240, and was 600 x 240"),
    ],
)
def test_what_does_not_hold_is_said_and_nothing_written(went_out, bring_back, tmp_path, spoil, why):
    tasks = submitted(went_out)
    spoil(tasks)
    with pytest.raises(MonitorError, match=re.escape(why)) as told:
        bring_back(tasks)
    assert told.value.exit_code == 3
    assert told.value.hint
    assert not list((tmp_path / "data").glob("*"))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "not JSON"), ("7", "neither"), ('{"images": 3}', "neither"), ("[]", "no face"),
        ('{"images": [], "annotations": [{"image_id": 4}], "categories": []}', "not in the file"),
        ('{"images": [{}], "annotations": [], "categories": []}', "not a COCO file"),
    ],
)  # fmt: skip
def test_files_of_another_kind(bring_back, text, why):
    with pytest.raises(MonitorError, match=why) as told:
        bring_back(text)
    assert told.value.exit_code == 3


def test_what_is_there_is_kept(went_out, bring_back, tmp_path):
    tasks = submitted(went_out)
    bring_back(tasks)
    before = laid_out(tmp_path)
    with pytest.raises(MonitorError, match="not empty") as told:
        bring_back(tasks)
    assert told.value.exit_code == 2
    change(tasks, "x", 99.0)
    with pytest.raises(MonitorError, match="outside"):
        bring_back(tasks, overwrite=True)
    assert laid_out(tmp_path) == before


def test_names_that_lead_elsewhere(labels, went_out, tmp_path):
    file = tmp_path / "export.json"
    file.write_text(json.dumps(submitted(went_out)))
    more = ("--pictures", went_out / "label-studio", "--out", tmp_path / "data")
    assert labels("import", file, *more, "--name", "../up")[0] == 2
    assert labels("import", tmp_path / "none.json", *more)[0] == 3
    (tmp_path / "data").write_text("a file")
    assert labels("import", file, *more)[0] == 5
