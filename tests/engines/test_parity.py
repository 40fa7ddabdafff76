"""All engines of a bundle against fp32: near where they are, and told where they are not."""

from dataclasses import replace

import numpy as np
import pytest

from engines.bundle import load_bundle, write_bundle
from engines.contract import RuntimeMissing
from engines.parity import LIMITS, REHEARSAL, compare
from tests.bundles import tiny_bundle, tiny_crops


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return tiny_bundle(tmp_path_factory.mktemp("parity") / "tiny", filters=16)


def with_card(bundle, folder, **changes):
    """The same model with another card."""
    return write_bundle(folder, bundle.read_model(), replace(bundle.card, **changes), "tiny", "tests")


def test_every_runtime_and_precision_is_near(bundle, tmp_path):
    rows = compare(bundle, tiny_crops(32), cache_dir=tmp_path)
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
    int8, fp16, rehearsal = compare(other, tiny_crops(8), cache_dir=tmp_path)
    for row in (int8, rehearsal):
        (over,) = row.over
        assert over.startswith("max_dp 0.")
        assert over.endswith(", at most 0.000")
    assert fp16.over == ()
    assert LIMITS["int8"]["max_dp"] > 0


def test_wrong_ranges_are_found(bundle, tmp_path):
    """As if the bundle had been calibrated on other pictures."""
    ranges = {name: (low / 20, high / 20) for name, (low, high) in bundle.card.ranges.items()}
    int8, fp16, rehearsal = compare(
        with_card(bundle, tmp_path / "w", ranges=ranges), tiny_crops(16), cache_dir=tmp_path
    )
    assert int8.over
    assert rehearsal.over
    assert fp16.over == ()


def test_what_cannot_be_opened_says_why(bundle, tmp_path, monkeypatch):
    from engines import parity

    honest = parity.open_engine

    def without_fp16(*args, **more):
        if more["precision"] == "fp16":
            raise RuntimeMissing("no fp16 here")
        return honest(*args, **more)

    monkeypatch.setattr(parity, "open_engine", without_fp16)
    _, fp16, _ = compare(bundle, tiny_crops(2), cache_dir=tmp_path)
    assert (fp16.agreement, fp16.why_not) == (None, "no fp16 here")
    unranged = compare(with_card(bundle, tmp_path / "u", ranges={}), tiny_crops(2), cache_dir=tmp_path)
    assert [row.why_not for row in unranged] == ["tiny stores no calibration ranges for int8", "no fp16 here"]


def test_a_card_without_limits_is_an_older_one(bundle):
    assert "limits" in (bundle.folder / "card.json").read_text()
    assert bundle.card.limits == {}
    np.testing.assert_equal(LIMITS["fp16"]["agreement"], 0.99)
