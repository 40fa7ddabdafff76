"""Bundles: nothing unverified is parsed, cards are strict, writing is all or nothing."""

from __future__ import annotations

import dataclasses
import json

import pytest

from engines import bundle as bundles
from engines.bundle import load_bundle, write_bundle
from engines.card import card_from_json, card_to_json
from engines.contract import BundleError, EngineError
from engines.files import sha256
from tests.bundles import tiny_bundle


@pytest.fixture
def tiny(tmp_path):
    return tiny_bundle(tmp_path / "tiny")


def edited_manifest(tiny, **changes):
    path = tiny.folder / "manifest.json"
    manifest = json.loads(path.read_text()) | changes
    path.write_text(json.dumps(manifest))


def resign(tiny, name):
    """Makes the manifest agree with what `name` holds now."""
    data = (tiny.folder / name).read_bytes()
    files = json.loads((tiny.folder / "manifest.json").read_text())["files"]
    edited_manifest(tiny, files=files | {name: {"sha256": sha256(data), "bytes": len(data)}})


def test_what_was_written_is_read(tiny):
    again = load_bundle(tiny.folder)
    assert again == tiny
    assert again.card.classes == ("real", "fake", "mask")
    assert again.card.ranges["conv1_1"][0] == 0.0
    assert {path.name for path in tiny.folder.iterdir()} == {*bundles.REQUIRED, "manifest.json"}
    assert [path.name for path in tiny.folder.parent.iterdir()] == ["tiny"], "nothing is left beside it"


def test_a_bundle_is_replaced_whole(tiny):
    card = dataclasses.replace(tiny.card, version="2")
    fresh = write_bundle(tiny.folder, tiny.read_model(), card, "# two\n", "Licence.\n")
    assert load_bundle(tiny.folder).card.version == "2"
    assert fresh.sha256 != tiny.sha256
    assert [path.name for path in tiny.folder.parent.iterdir()] == ["tiny"]


def test_a_card_that_could_not_be_read_is_not_written(tiny):
    with pytest.raises(BundleError, match="priors"):
        write_bundle(tiny.folder, b"x", dataclasses.replace(tiny.card, priors=(1.0,)), "", "")
    assert load_bundle(tiny.folder) == tiny


@pytest.mark.parametrize("name", ["model.onnx", "card.json", "LICENSE"])
def test_a_flipped_byte_is_found(tiny, name):
    data = bytearray((tiny.folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (tiny.folder / name).write_bytes(data)
    with pytest.raises(BundleError, match=f"tiny/{name} is not what its manifest says .sha256 differs") as caught:
        load_bundle(tiny.folder)
    assert caught.value.hint
    assert caught.value.exit_code == 4


def test_truncation_and_absence_are_found(tiny):
    model = tiny.folder / "model.onnx"
    model.write_bytes(model.read_bytes()[:-1])
    with pytest.raises(BundleError, match=r"model.onnx is not what its manifest says \(\d+ of \d+ bytes\)"):
        load_bundle(tiny.folder)
    model.unlink()
    with pytest.raises(BundleError, match=r"model\.onnx cannot be read"):
        load_bundle(tiny.folder)


def test_the_model_is_checked_again_when_it_is_read(tiny):
    (tiny.folder / "model.onnx").write_bytes(b"swapped after loading")
    with pytest.raises(BundleError, match=r"model\.onnx"):
        tiny.read_model()


def test_size_is_bounded(tiny, monkeypatch):
    monkeypatch.setattr(bundles, "MAX_MODEL_BYTES", 1000)
    with pytest.raises(BundleError, match="larger than 1000 bytes"):
        load_bundle(tiny.folder)


@pytest.mark.parametrize("name", ["../outside", "/etc/hostname", "..", "", "a\\b", "manifest.json"])
def test_a_manifest_does_not_lead_out_of_its_folder(tiny, name):
    files = json.loads((tiny.folder / "manifest.json").read_text())["files"]
    edited_manifest(tiny, files=files | {name: {"sha256": "0" * 64, "bytes": 1}})
    with pytest.raises(BundleError, match="no plain file"):
        load_bundle(tiny.folder)


@pytest.mark.parametrize(
    "manifest", ["", "[]", "{", '{"format": 1}', '{"format": 1, "files": {"a": 3}}', "[" * 100_000]
)
def test_a_broken_manifest_is_said(tiny, manifest):
    (tiny.folder / "manifest.json").write_text(manifest)
    with pytest.raises(BundleError, match=r"manifest.json does not") as caught:
        load_bundle(tiny.folder)
    assert caught.value.hint


def test_another_format_or_a_missing_file_is_said(tiny):
    files = json.loads((tiny.folder / "manifest.json").read_text())["files"]
    edited_manifest(tiny, format=2)
    with pytest.raises(BundleError, match="format 2"):
        load_bundle(tiny.folder)
    edited_manifest(tiny, format=1, files={name: entry for name, entry in files.items() if name != "LICENSE"})
    with pytest.raises(BundleError, match="does not list LICENSE"):
        load_bundle(tiny.folder)


def test_no_bundle_names_the_shipped_ones(tmp_path):
    with pytest.raises(BundleError, match="no bundle at") as caught:
        load_bundle(tmp_path / "nowhere")
    assert "manifest.json" in caught.value.hint


def test_card_survives_the_way_to_json_and_back(tiny):
    assert card_from_json(card_to_json(tiny.card)) == tiny.card


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"colour": 1}, "has an unknown key: colour"),
        ({"input_px": None}, "input_px does not hold: expected a whole number, got None"),
        ({"input_px": True}, "input_px does not hold"),
        ({"input_px": 4}, "input_px must lie in"),
        ({"classes": "real"}, "classes does not hold: expected a list"),
        ({"classes": ["a", "a", "b"]}, "classes must be"),
        ({"priors": [0.5, 0.5]}, "priors must be 3"),
        ({"priors": [0.5, 0.5, 0.5]}, "with the sum 1"),
        ({"confidence": 1.5}, "confidence must lie"),
        ({"ranges": {"conv1_1": [2, 1]}}, "conv1_1 runs from 2.0 to 1.0"),
        ({"ranges": {"conv1_1": [1]}}, "ranges does not hold"),
        ({"licence": 3}, "licence does not hold: expected text"),
    ],
)
def test_cards_are_strict_by_key(tiny, change, said):
    raw = json.loads(card_to_json(tiny.card)) | change
    with pytest.raises(BundleError, match=said) as caught:
        card_from_json(json.dumps(raw))
    assert caught.value.hint


def test_a_key_that_lacks_is_named(tiny):
    raw = json.loads(card_to_json(tiny.card))
    del raw["crop_margin"], raw["ranges"]
    with pytest.raises(BundleError, match="lacks the key: crop_margin, ranges"):
        card_from_json(json.dumps(raw))


def test_no_number_that_is_not_one(tiny):
    with pytest.raises(BundleError, match="min_face_px"):
        card_from_json(card_to_json(tiny.card).replace('"min_face_px": 20.0', '"min_face_px": NaN'))


def test_a_card_with_a_wrong_key_is_refused_in_a_bundle_too(tiny):
    path = tiny.folder / "card.json"
    path.write_text(path.read_text().replace('"version"', '"versoin"'))
    resign(tiny, "card.json")
    with pytest.raises(EngineError, match="versoin"):
        load_bundle(tiny.folder)
