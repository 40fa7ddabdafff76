"""All engines of a bundle against fp32: near where they are, and told where they are not."""

import json
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from engines.bundle import load_bundle, write_bundle
from engines.card import card_from_json, card_to_json
from engines.contract import BundleError, RuntimeMissing
from engines.parity import LIMITS, REHEARSAL, compare
from tests.bundles import tiny_bundle, tiny_crops


@pytest.fixture(autouse=True)
def _without_gpu(monkeypatch):
    """The same rows on every machine."""

    def no_gpu():
        raise RuntimeMissing("there is no NVIDIA GPU")

    monkeypatch.setattr("engines.build.open_cuda", no_gpu)


def measured(*args, **more):
    """The rows of what could be run."""
    return [row for row in compare(*args, **more) if row.agreement is not None]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return tiny_bundle(tmp_path_factory.mktemp("parity") / "tiny", filters=16)


def with_card(bundle, folder, **changes):
    """The same model with another card."""
    return write_bundle(folder, bundle.read_model(), replace(bundle.card, **changes), "tiny", "tests")


def test_every_runtime_and_precision_is_near(bundle, tmp_path):
    rows = measured(bundle, tiny_crops(32), cache_dir=tmp_path)
    assert [(row.runtime, row.precision) for row in rows] == [
        ("onnxruntime", "int8"), ("onnxruntime", "fp16"), (REHEARSAL, "int8"),
    ]  # fmt: skip
    for row in rows:
        assert 0 < row.mean_dp <= row.max_dp < 0.2
        assert row.agreement > 0.8
    int8, fp16, _ = rows
    assert fp16.max_dp < int8.max_dp / 3
    assert fp16.over == ()


def test_the_card_sets_the_limits(bundle, tmp_path):
    strict = {"int8": {"agreement": 0.5, "max_dp": 1e-9, "mean_dp": 1.0}}
    other = with_card(bundle, tmp_path / "strict", limits=strict)
    assert load_bundle(other.folder).card.limits == strict
    int8, fp16, rehearsal = measured(other, tiny_crops(8), cache_dir=tmp_path)
    for row in (int8, rehearsal):
        (over,) = row.over
        assert over.startswith("max_dp 0.")
        assert over.endswith(", at most 0.000")
    assert fp16.over == ()
    assert LIMITS["int8"]["max_dp"] > 0


def test_wrong_ranges_are_found(bundle, tmp_path):
    """As if the bundle had been calibrated on other pictures."""
    ranges = {name: (low / 20, high / 20) for name, (low, high) in bundle.card.ranges.items()}
    int8, fp16, rehearsal = measured(
        with_card(bundle, tmp_path / "w", ranges=ranges), tiny_crops(16), cache_dir=tmp_path
    )
    assert int8.over
    assert rehearsal.over
    assert fp16.over == ()


def test_what_cannot_be_opened_says_why(bundle, tmp_path):
    rows = compare(bundle, tiny_crops(2), cache_dir=tmp_path)
    missing = {row.runtime: row.why_not for row in rows if row.agreement is None}
    assert set(missing) == {"tensorrt", "tensorrt-rtx"}
    assert all(missing.values())
    assert all((row.precision, row.over) == ("", ()) for row in rows if row.agreement is None)
    unranged = compare(with_card(bundle, tmp_path / "u", ranges={}), tiny_crops(2), cache_dir=tmp_path)
    said = (unranged[0].precision, unranged[0].why_not, unranged[0].over)
    assert said == ("int8", "tiny stores no calibration ranges for int8", ())
    assert [row.precision for row in unranged if row.agreement is not None] == ["fp16"]


def test_an_engine_that_fails_has_not_passed(bundle, tmp_path):
    """Numbers that float16 cannot hold, and ranges of another model."""
    model = onnx.load_model_from_string(bundle.read_model())
    for weight in model.graph.initializer:
        if weight.name == "conv1_1.bias":
            weight.CopyFrom(numpy_helper.from_array(np.full(16, 1e6, np.float32), weight.name))
    ranges = {**bundle.card.ranges, "elsewhere": (0.0, 1.0)}
    card = replace(bundle.card, ranges=ranges)
    other = write_bundle(tmp_path / "large", model.SerializeToString(), card, "tiny", "tests")
    rows = compare(other, tiny_crops(4), cache_dir=tmp_path)
    failed = {(row.runtime, row.precision): row.over for row in rows if row.over}
    (why,) = failed.pop(("onnxruntime", "fp16"))
    assert why == "conv1_1.bias holds numbers that are too large for half precision"
    assert failed.keys() == {("onnxruntime", "int8"), (REHEARSAL, "int8")}
    assert all("do not fit the model: elsewhere" in why for (why,) in failed.values())
    assert all(row.why_not for row in rows)
    assert {row.runtime for row in rows if not row.over} == {"tensorrt", "tensorrt-rtx"}


def test_a_card_without_limits_is_an_older_one(bundle):
    told = json.loads(card_to_json(bundle.card))
    del told["limits"]
    assert card_from_json(json.dumps(told)) == replace(bundle.card, limits={})
    del told["priors"]
    with pytest.raises(BundleError, match="lacks the key: priors"):
        card_from_json(json.dumps(told))


@pytest.mark.parametrize("row", [{"max_dp": 0.1}, {**LIMITS["int8"], "mean_pd": 0.1}, {}])
def test_limits_that_are_not_whole_are_refused(bundle, row):
    told = json.loads(card_to_json(bundle.card)) | {"limits": {"int8": row}}
    with pytest.raises(BundleError, match="limits does not hold: int8 must limit agreement, max_dp, mean_dp"):
        card_from_json(json.dumps(told))
