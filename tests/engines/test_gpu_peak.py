"""The peak of a GPU: real plans, built here without one, and rates counted on a GPU that is none."""

import pytest

from engines import gpu_peak as module
from engines.contract import InferenceError
from engines.gpu_peak import gpu_bandwidth, gpu_peak, peak_plan, tower
from engines.trt.cuda import Cuda
from engines.trt.layers import precision_of
from engines.trt.library import load_library
from engines.trt.plan import Plan
from engines.work import multiplications
from tests.gpu import FakeCudart, fake_library


def test_its_arithmetic_is_that_of_six_convolutions() -> None:
    places, width = 56 * 56, 16
    assert multiplications(tower(width)) == places * 9 * (3 * width + 5 * width * width) + 3 * width


@pytest.mark.parametrize(("precision", "kind"), [("fp32", "Float"), ("fp16", "Half"), ("int8", "Int8")])
def test_the_plan_is_made_in_the_precision_asked_for(precision: str, kind: str) -> None:
    pytest.importorskip("tensorrt_rtx")
    plan = peak_plan(load_library("tensorrt-rtx"), tower(32), precision, batch=4)
    asked = {f"conv{i}": kind for i in range(1, module.LAYERS)}
    found = precision_of(plan.layers, asked)
    assert found == asked


def test_the_rate_is_what_was_done_in_the_quickest_call(monkeypatch: pytest.MonkeyPatch) -> None:
    cudart = FakeCudart()
    monkeypatch.setattr(module, "build_plan", lambda _, graph, *__, **___: Plan(graph, (), 0.0))
    monkeypatch.setattr(module, "quickest", lambda run, _: (run(), 0.5)[1])
    peak = gpu_peak(fake_library(cudart), Cuda(cudart), "fp32", batch=2, channels=8, rounds=1)
    assert peak.per_s == pytest.approx(2 * multiplications(tower(8)) / 0.5)
    assert "fp32" in peak.kernel
    assert not cudart.held, "all is freed"


def test_memory_is_copied_where_it_lies_and_given_back() -> None:
    cudart = FakeCudart()
    assert gpu_bandwidth(Cuda(cudart), n_bytes=1 << 22, rounds=3) > 1e6
    assert not cudart.held
    cudart.fail["cudaMemcpyAsync"] = 719
    with pytest.raises(InferenceError, match="launch failure"):
        gpu_bandwidth(Cuda(cudart), n_bytes=1 << 10)
    assert not cudart.held
