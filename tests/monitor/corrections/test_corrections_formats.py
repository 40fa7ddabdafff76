"""Every field of both formats, as their documentation has them, and what the command says and refuses."""

import json
import stat
import xml.etree.ElementTree as ET
from urllib.parse import parse_qs, urlsplit

import pytest

from monitor.corrections import label_studio
from tests.monitor.corrections.crowd import BOXES, number_of, read_bgr

ALL = ["my-clip_0.jpg", "my-clip_1000.jpg", "my-clip_3000.jpg", "my-clip_5000.jpg"]


@pytest.fixture(scope="module")
def folders(analysed, tmp_path_factory):
    """Both exports."""
    from monitor.corrections.choose import Wish
    from monitor.corrections.export import export

    root = tmp_path_factory.mktemp("exports") / "of a day"
    for form in ("coco", "label-studio"):
        export([analysed], form, root / form, Wish())
    return root


def test_coco_has_every_required_field(folders):
    told = json.loads((folders / "coco" / "annotations.json").read_text())
    assert set(told) == {"info", "licenses", "images", "annotations", "categories"}
    assert set(told["info"]) == {"year", "version", "description", "contributor", "url", "date_created"}
    assert isinstance(told["info"]["year"], int)
    assert [set(one) for one in told["licenses"]] == [{"id", "name", "url"}]
    names = {one["id"]: one["name"] for one in told["categories"]}
    assert list(names.values()) == ["real", "fake", "mask", "undecided"]
    assert all(one["supercategory"] == "face" for one in told["categories"])
    images = {one["id"]: one for one in told["images"]}
    assert len(images) == 4
    for image in images.values():
        needed = {"id", "width", "height", "file_name", "license", "flickr_url", "coco_url", "date_captured"}
        assert set(image) >= needed
        assert read_bgr(folders / "coco" / image["file_name"]).shape[:2] == (image["height"], image["width"])
    assert [one["t"] for one in told["images"]] == [0.0, 1.0, 3.0, 5.0]
    assert images[2]["date_captured"] == "2025-11-27 14:00:01"
    ids = [one["id"] for one in told["annotations"]]
    assert len(set(ids)) == len(ids) == 11
    for one in told["annotations"]:
        assert set(one) >= {"id", "image_id", "category_id", "segmentation", "area", "bbox", "iscrowd"}
        x, y, w, h = one["bbox"]
        assert one["area"] == pytest.approx(w * h)
        assert (one["iscrowd"], one["segmentation"]) == (0, [])
        assert (x, y, x + w, y + h) == pytest.approx(BOXES[one["attributes"]["person"]])
        assert 0 <= x < x + w <= images[one["image_id"]]["width"]
    (doubtful,) = [one for one in told["annotations"] if names[one["category_id"]] == "undecided"]
    assert (doubtful["score"], doubtful["attributes"]) == (0.5, {"person": 3, "reason": "unsure"})


def test_a_reader_like_pycocotools_finds_its_way(folders):
    """What that reader indexes: images and annotations by id, annotations by image and by category."""
    told = json.loads((folders / "coco" / "annotations.json").read_text())
    by_image = {one["id"]: [] for one in told["images"]}
    by_category = {one["id"]: [] for one in told["categories"]}
    for one in told["annotations"]:
        by_image[one["image_id"]].append(one["id"])
        by_category[one["category_id"]].append(one["image_id"])
    assert [len(found) for found in by_image.values()] == [2, 3, 3, 3]
    assert [len(found) for found in by_category.values()] == [7, 0, 3, 1]


def test_label_studio_has_every_field_of_a_prediction(folders):
    out = folders / "label-studio"
    tasks = json.loads((out / "tasks.json").read_text())
    results = [result for task in tasks for one in task["predictions"] for result in one["result"]]
    assert len({result["id"] for result in results}) == len(results) == 11
    for task in tasks:
        address = urlsplit(task["data"]["image"])
        assert address.path == "/data/local-files/"
        (below_root,) = parse_qs(address.query)["d"]
        assert read_bgr(out.parent / below_root).shape == (240, 660, 3)
        (prediction,) = task["predictions"]
        assert prediction["model_version"] == "vgg16-128 1"
        assert prediction["score"] == min(result["score"] for result in prediction["result"])
        for result in prediction["result"]:
            assert (result["type"], result["from_name"], result["to_name"]) == ("rectanglelabels", "label", "image")
            assert (result["original_width"], result["original_height"], result["image_rotation"]) == (660, 240, 0)
            value = result["value"]
            assert set(value) == {"x", "y", "width", "height", "rotation", "rectanglelabels"}
            assert (value["rotation"], len(value["rectanglelabels"])) == (0, 1)
            x0, y0, x1, y1 = BOXES[int(result["meta"]["text"][0].split(",")[0].split()[1])]
            px = (value["x"] * 6.6, value["y"] * 2.4, value["width"] * 6.6, value["height"] * 2.4)
            assert px == pytest.approx((x0, y0, x1 - x0, y1 - y0), abs=0.01)
    assert results[7]["meta"]["text"] == ["person 3, unsure"]
    assert results[7]["value"]["rectanglelabels"] == ["undecided"]


def test_the_labelling_interface_fits_the_tasks(folders):
    view = ET.fromstring((folders / "label-studio" / "labels.xml").read_text())
    image, labels = view.find("Image"), view.find("RectangleLabels")
    assert (image.get("name"), image.get("value")) == ("image", "$image")
    assert (labels.get("name"), labels.get("toName")) == ("label", "image")
    assert [one.get("value") for one in labels] == ["real", "fake", "mask", "undecided"]
    assert ET.fromstring(label_studio.layout(['a"<b&'])).find("RectangleLabels")[0].get("value") == 'a"<b&'
    readme = (folders / "label-studio" / "README.txt").read_text()
    assert f"LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT='{folders}' " in readme  # it has blanks
    assert f"{folders}/label-studio/pictures" in readme


@pytest.mark.parametrize("form", ["coco", "label-studio"])
def test_the_pictures_are_the_right_ones_and_only_mine(folders, form):
    out = folders / form
    assert sorted(path.name for path in (out / "pictures").iterdir()) == ALL
    assert [number_of(read_bgr(out / "pictures" / name)) for name in ALL] == [0, 25, 75, 125]
    assert stat.S_IMODE(out.stat().st_mode) == 0o700


def test_what_the_command_says(labels, analysed, tmp_path):
    out = tmp_path / "out"
    assert labels("export", analysed, "--to", "label-studio", "--out", out, "--most", 3, "--undecided-first") == (
        0,
        f"wrote 3 pictures of people with 9 faces, 1 of them undecided, to {out}\n"
        f"what to do now is in {out / 'README.txt'}\n",
        "",
    )
    first = json.loads((out / "tasks.json").read_text())[0]
    assert first["data"]["t"] == 3.0
    status, _, err = labels("export", analysed, "--to", "coco", "--out", out)
    assert (status, "not empty" in err) == (2, True)
    assert (out / "tasks.json").exists()
    status, told, _ = labels("export", analysed, "--to", "coco", "--out", out, "--overwrite", "--no-pictures")
    assert (status, "none of them" in told) == (0, True)
    assert [path.name for path in out.iterdir()] == ["annotations.json"]
    assert json.loads((out / "annotations.json").read_text())["images"][0]["width"] == 660


def test_other_peoples_things_are_never_replaced(labels, analysed, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    status, _, err = labels("export", analysed, "--to", "coco", "--out", tmp_path, "--overwrite")
    assert (status, "other things" in err) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("more", "code", "why"),
    [
        (["--only-label", "cat"], 2, "no such label"),
        (["--only-label", "fake"], 3, "nobody with the label fake"),
        (["--every", "0"], 2, "--every"),
        (["--most", "0"], 2, "--most"),
    ],
)
def test_wishes_that_cannot_be_met(labels, analysed, tmp_path, more, code, why):
    status, _, err = labels("export", analysed, "--to", "coco", "--out", tmp_path / "out", *more)
    assert (status, why in err) == (code, True), err
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_where_a_picture_cannot_be_written(labels, analysed, tmp_path, monkeypatch):
    def full(_path, _data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("monitor.corrections.export.write_whole", full)
    assert labels("export", analysed, "--to", "coco", "--out", tmp_path / "out")[0] == 5
    assert list(tmp_path.iterdir()) == []
