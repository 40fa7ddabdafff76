"""Speed: what is measured, not how fast it is."""

import numpy as np
import onnx
import pytest

from engines.artefacts import parsed, typed_model
from engines.bench import bench
from engines.contract import BuildError, RuntimeMissing
from engines.work import multiplications, peak
from tests.bundles import tiny_bundle
from train.graph import vgg_graph
from train.recipe import VGG16


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return tiny_bundle(tmp_path_factory.mktemp("bench") / "tiny")


def test_multiplications_are_counted(bundle):
    """Tiny VGG: 32 px, 8 filters, 2 2 3 3 3 convolutions, 8 numbers at the end, 16, 16 and 3."""
    first = 32**2 * 9 * (3 * 8 + 8 * 8)
    rest = sum(side**2 * 9 * 64 * n for side, n in ((16, 2), (8, 3), (4, 3), (2, 3)))
    want = first + rest + 8 * 16 + 16 * 16 + 16 * 3
    assert multiplications(parsed(bundle)) == want
    for precision in ("int8", "fp16"):  # another arithmetic, the same amount
        assert multiplications(typed_model(bundle, precision)) == want


def test_vgg16_is_as_large_as_published():
    """15.3 thousand million in the convolutions at 224 px (He et al. 2015, table 1 has 15.3 for VGG-16)."""
    convs, channels = [], 3
    for block in VGG16:
        convs.append([])
        for filters in block:
            convs[-1].append((np.zeros((3, 3, channels, filters), np.float32), np.zeros(filters, np.float32)))
            channels = filters
    flat = 512 * 7 * 7
    denses = [(np.zeros((a, b), np.float32), np.zeros(b, np.float32)) for a, b in ((flat, 4), (4, 4), (4, 3))]
    found = multiplications(vgg_graph(convs, denses, input_px=224))
    assert found == pytest.approx(15.3e9 + flat * 4, rel=0.01)


def test_a_graph_of_unknown_sizes_is_refused():
    node = onnx.helper.make_node("Gemm", ["x", "w"], ["y"], name="lost")
    graph = onnx.helper.make_graph([node], "g", [], [])
    with pytest.raises(BuildError, match="the size of lost is not known"):
        multiplications(onnx.helper.make_model(graph))


def test_every_engine_and_batch_is_timed_against_the_baseline(bundle, tmp_path, monkeypatch):
    from engines import bench as module

    def no_gpu():
        raise RuntimeMissing("there is no NVIDIA GPU")

    monkeypatch.setattr("engines.build.open_cuda", no_gpu)
    monkeypatch.setattr(module, "peak", lambda precision, threads: peak_of(precision))
    said = []
    found = bench(
        bundle, batches=(1, 3), precisions=("int8",), rounds=5, threads=1, cache_dir=tmp_path, say=said.append
    )
    rows = {(row.runtime, row.precision, row.batch): row for row in found.timings}
    assert {("onnxruntime", p, b) for p in ("int8", "fp32") for b in (1, 3)} <= set(rows)
    for (_, precision, batch), row in rows.items():
        assert 0 < row.p50_ms <= row.p95_ms <= row.p99_ms
        assert row.faces_per_s == pytest.approx(batch / row.p50_ms * 1e3)
        assert row.peak_share == pytest.approx(found.multiplications * row.faces_per_s / peak_of(precision).per_s)
    assert rows["onnxruntime", "fp32", 1].times_baseline == 1
    assert any(line.startswith("tensorrt int8: ") for line in found.left_out)
    assert "5 rounds" in said


def peak_of(precision):
    from engines.work import Peak

    return Peak({"int8": 4e11, "fp32": 1e11}[precision], "of the test")


@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_the_peak_is_a_rate_of_a_named_kernel(precision, monkeypatch):
    from engines import work

    monkeypatch.setattr(work, "_EDGE", 128)
    monkeypatch.setattr(work, "_CONVOLUTIONS", ((4, 8), (8, 4)))
    best = peak(precision, 1, rounds=2)
    assert best.per_s > 1e6
    assert best.kernel.startswith(("ONNX Runtime ", "numpy "))
