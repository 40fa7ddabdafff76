"""The whole way: an analysis, corrected by a person, becomes crops with the corrected labels."""

import csv
import json
import shlex

import pytest

from monitor import cli
from tests.monitor.corrections.crowd import BOXES


def correct_label_studio(folder):
    """As somebody would: Hopper is called fake, the undecided mask is one, and all is submitted."""
    tasks = json.loads((folder / "tasks.json").read_text())
    for task in tasks:
        result = task.pop("predictions")[0]["result"]
        for one in result:
            value = one["value"]
            if 40 < value["x"] < 60:
                value["rectanglelabels"] = ["fake"]
            if value["rectanglelabels"] == ["undecided"]:
                value["rectanglelabels"] = ["mask"]
        task["annotations"] = [{"id": 1, "result": result, "was_cancelled": False}]
    return tasks


def correct_coco(folder):
    data = json.loads((folder / "annotations.json").read_text())
    ids = {one["name"]: one["id"] for one in data["categories"]}
    for one in data["annotations"]:
        if 264 < one["bbox"][0] < 396:
            one["category_id"] = ids["fake"]
        if one["category_id"] == ids["undecided"]:
            one["category_id"] = ids["mask"]
    return data


@pytest.mark.parametrize(("form", "correct"), [("label-studio", correct_label_studio), ("coco", correct_coco)])
def test_corrected_labels_reach_training(labels, analysed, tmp_path, monkeypatch, capsys, form, correct):
    out, export, data = tmp_path / "to correct", tmp_path / "export.json", tmp_path / "data"
    assert labels("export", analysed, "--to", form, "--out", out)[0] == 0
    export.write_text(json.dumps(correct(out)))
    status, told, err = labels("import", export, "--pictures", out, "--out", data, "--name", "fixed")
    assert (status, err) == (0, "")
    assert "11 faces of 3 people" in told
    assert "4 real, 3 fake, 4 mask" in told
    assert "left out: 0 undecided, 0 deleted" in told

    command = told.splitlines()[-1].removeprefix("next: ")
    prepared = tmp_path / "prepared"
    monkeypatch.setattr("sys.argv", [*shlex.split(command), "--out", str(prepared), "--no-report"])
    assert cli.main() == 0, capsys.readouterr().err
    with (prepared / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    people = {"real": 1, "fake": 2, "mask": 3}
    assert len(rows) == 11
    for row in rows:
        x0, _, x1, _ = BOXES[people[row["label"]]]
        assert f"_p{people[row['label']]}_" in row["path"]
        assert row["found"] == "whole", "the detector finds the face again"
        assert float(row["face_px"]) == pytest.approx(x1 - x0, rel=0.2)
    splits = {}
    for row in rows:
        splits.setdefault(row["path"].split("/")[-1].split("_p")[1][0], set()).add(row["split"])
    assert all(len(found) == 1 for found in splits.values()), "nobody is in two splits"
