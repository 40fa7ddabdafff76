"""Plans on a GPU that is none: the same answers as the graph, few allocations, graphs captured, failures in words."""

import gc
import threading
import weakref
from contextlib import closing

import numpy as np
import pytest

from engines.artefacts import typed_model
from engines.contract import BuildError, EngineInfo, InferenceError, RuntimeMissing
from engines.runtimes.trt import TrtEngine
from engines.trt.cuda import Cuda
from engines.trt.slot import bucket_for
from tests.bundles import tiny_crops
from tests.gpu import FakeCudart, FakeEngine, fake_library

INFO = EngineInfo("tensorrt-rtx", "fp16", "a fake", "for tests", "0")


@pytest.fixture(scope="module")
def plan(bundle):
    return typed_model(bundle, "fp32").SerializeToString()


def opened(bundle, plan, cudart, *, max_batch=16, said=None, **more):
    say = (lambda _: None) if said is None else said.append
    library = fake_library(cudart, **more)
    return TrtEngine(library, Cuda(cudart), plan, bundle.card, INFO, max_batch=max_batch, say=say)


def test_buckets_are_few():
    assert [bucket_for(n, 32) for n in (1, 2, 4, 5, 16, 17, 32)] == [1, 4, 4, 16, 16, 32, 32]
    assert bucket_for(3, 2) == 2


@pytest.mark.parametrize("n", [1, 3, 16, 17, 50])
def test_any_number_of_crops_is_answered_as_by_the_graph(bundle, plan, cudart, exact, n):
    with closing(opened(bundle, plan, cudart)) as engine:
        np.testing.assert_allclose(engine.infer(tiny_crops(50)[:n]), exact[:n], atol=1e-5)


def test_sizes_in_turn_do_not_disturb_each_other(bundle, plan, cudart, exact):
    rgb = tiny_crops(50)
    with closing(opened(bundle, plan, cudart)) as engine:
        for n in (1, 12, 3, 16, 1, 12, 3, 16):
            np.testing.assert_allclose(engine.infer(rgb[:n]), exact[:n], atol=1e-5)
        assert engine.infer(rgb[:0]).shape == (0, 3)
        first = engine.infer(rgb[:2])
        engine.infer(rgb[10:12])
        np.testing.assert_allclose(first, exact[:2], atol=1e-5)  # the caller's to keep


def test_nothing_is_allocated_while_it_runs_and_all_is_freed(bundle, plan, cudart):
    engine = opened(bundle, plan, cudart)
    for n in (1, 4, 16):
        engine.infer(tiny_crops(n))
    before = len(cudart.held)
    cudart.calls.clear()
    for _ in range(20):
        engine.infer(tiny_crops(3))
    assert len(cudart.held) == before
    assert set(cudart.calls) == {"cudaGraphLaunch", "cudaStreamSynchronize"}
    engine.close()
    engine.close()
    assert not cudart.held
    with pytest.raises(InferenceError, match="closed"):
        engine.infer(tiny_crops(1))


def test_a_closed_engine_does_not_keep_the_plan_on_the_gpu(bundle, plan, cudart):
    engine = opened(bundle, plan, cudart)
    engine.infer(tiny_crops(1))
    loaded = [weakref.ref(found) for found in gc.get_objects() if isinstance(found, FakeEngine)]
    assert loaded
    engine.close()
    gc.collect()
    assert not any(reference() for reference in loaded)


@pytest.mark.parametrize("portable", [True, False])
def test_only_a_portable_plan_may_bring_code_for_the_host(bundle, plan, cudart, portable):
    library = fake_library(cudart)
    made, honest = [], library.trt.Runtime
    library.trt.Runtime = lambda logger: made.append(honest(logger)) or made[-1]
    with closing(
        TrtEngine(library, Cuda(cudart), plan, bundle.card, INFO, max_batch=1, say=made.append, portable=portable)
    ):
        assert [runtime.engine_host_code_allowed for runtime in made] == [portable]


def test_without_graphs_it_runs_and_says_so(bundle, plan, cudart, exact):
    said = []
    cudart.fail["cudaStreamBeginCapture"] = 900
    with closing(opened(bundle, plan, cudart, said=said)) as engine:
        for _ in range(3):
            np.testing.assert_allclose(engine.infer(tiny_crops(50)[:4]), exact[:4], atol=1e-5)
    (line,) = said
    assert "no CUDA graph for batch 4" in line
    assert "error 900" in line


def test_every_thread_has_its_own_stream(bundle, plan, cudart, exact):
    with closing(opened(bundle, plan, cudart)) as engine:
        engine.infer(tiny_crops(1))
        answers = []
        thread = threading.Thread(target=lambda: answers.append(engine.infer(tiny_crops(50)[:2])))
        thread.start()
        thread.join()
        np.testing.assert_allclose(answers[0], exact[:2], atol=1e-5)
        assert list(cudart.held.values()).count("stream") == 2


def test_threads_that_ended_hold_nothing(bundle, plan, cudart):
    """Whoever asks from many short threads does not fill the GPU."""
    with closing(opened(bundle, plan, cudart)) as engine:
        engine.infer(tiny_crops(1))
        for _ in range(5):
            thread = threading.Thread(target=engine.infer, args=(tiny_crops(1),))
            thread.start()
            thread.join()
        assert list(cudart.held.values()).count("stream") <= 2


def test_what_rtx_compiles_is_handed_out_and_taken_again(bundle, plan, cudart):
    """Once for every size of batch; kernels for that one shape, so that the captured graph has the best."""
    kept, said = [], []

    def asked(compiled, **more):
        engine = TrtEngine(
            fake_library(cudart, **more), Cuda(cudart), plan, bundle.card, INFO, max_batch=16, say=said.append,
            compiled=compiled, keep=kept.append,
        )  # fmt: skip
        with closing(engine):
            for n in (1, 1, 16, 1):
                engine.infer(tiny_crops(n))

    asked(b"")
    assert kept == [b"a fake GPU\neager", b"a fake GPU\neager\neager"]
    assert said == []
    asked(kept[1])
    assert kept[3] == b"a fake GPU\neager\neager\neager\neager"
    asked(kept[1], gpu="another one")
    assert kept[5] == b"another one\neager\neager"
    assert said == ["what was compiled before is for another GPU, driver or version: compiled again"]
    asked(b"", runtime="tensorrt")  # which compiles when it builds
    assert len(kept) == 6


@pytest.mark.parametrize(
    ("call", "code", "kind", "says"),
    [
        ("cudaGetDeviceCount", 35, RuntimeMissing, "the driver is too old, or there is none"),
        ("cudaGetDeviceCount", 100, RuntimeMissing, "there is no GPU"),
        ("cudaMalloc", 2, InferenceError, "memory is full"),
        ("cudaMallocHost", 2, InferenceError, "memory is full"),
        ("cudaStreamSynchronize", 719, InferenceError, r"the GPU is lost \(launch failure\)"),
        ("cudaMemcpyAsync", 700, InferenceError, "the GPU is lost"),
        ("cudaStreamCreateWithFlags", 1, InferenceError, "CUDA failed; cudaStreamCreateWithFlags"),
    ],
)
def test_a_failing_call_is_told_and_holds_nothing(bundle, plan, cudart, call, code, kind, says):
    cudart.fail[call] = code
    with pytest.raises(kind, match=says) as caught, closing(opened(bundle, plan, cudart)) as engine:
        engine.infer(tiny_crops(2))
    assert f"({code})" in str(caught.value)
    assert caught.value.hint
    assert not cudart.held


def test_a_gpu_that_is_lost_while_running(bundle, plan, cudart):
    said = []
    engine = opened(bundle, plan, cudart, said=said)
    engine.infer(tiny_crops(1))
    cudart.fail |= {"cudaGraphLaunch": 719, "cudaFree": 719}
    with pytest.raises(InferenceError, match="lost"):
        engine.infer(tiny_crops(1))
    engine.close()
    assert sum("while closing" in line for line in said) == 2


def test_a_plan_for_another_gpu_is_refused_with_the_reason(bundle, plan, cudart):
    with pytest.raises(
        BuildError, match=r"does not take the plan here: .*compute capability 9\.0\. Supported .*8\.9"
    ) as caught:
        opened(bundle, plan, cudart, takes_plans=False)
    assert "--runtime tensorrt" in caught.value.hint
    assert "clean --all" in caught.value.hint


def test_no_device_is_no_gpu():
    cudart = FakeCudart()
    cudart._cudaGetDeviceCount = lambda: (0,)
    with pytest.raises(RuntimeMissing, match="there is no NVIDIA GPU"):
        Cuda(cudart)
