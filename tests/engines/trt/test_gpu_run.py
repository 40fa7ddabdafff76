"""Plans on a GPU that is none: the same answers as the graph, few allocations, graphs captured, failures in words."""

import os
import threading
from contextlib import closing

import numpy as np
import pytest

from engines import open_engine
from engines.artefacts import typed_model
from engines.contract import BuildError, EngineInfo, InferenceError, RuntimeMissing
from engines.machine import nvidia_gpu
from engines.runtimes.trt import TrtEngine
from engines.trt.cuda import Cuda
from engines.trt.slot import bucket_for
from tests.bundles import tiny_bundle, tiny_crops
from tests.gpu import FakeCudart, fake_library

INFO = EngineInfo("tensorrt-rtx", "fp16", "a fake", "for tests", "0")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return tiny_bundle(tmp_path_factory.mktemp("run") / "tiny", filters=16)


@pytest.fixture(scope="module")
def plan(bundle):
    return typed_model(bundle, "fp32").SerializeToString()


@pytest.fixture(scope="module")
def exact(bundle):
    with closing(open_engine(bundle.folder, precision="fp32")) as engine:
        return engine.infer(tiny_crops(50))


@pytest.fixture
def cudart():
    return FakeCudart()


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


def fake_gpu(monkeypatch, cudart, **more):
    """The machine has a GPU, and TensorRT-RTX for it; plans are the graphs they would be built from."""
    from engines import build, plans
    from engines.trt.library import load_library
    from engines.trt.plan import Plan

    def load(runtime):
        return fake_library(cudart, **more) if runtime == "tensorrt-rtx" else load_library(runtime)

    monkeypatch.setattr(build, "nvidia_gpu", lambda: "a fake GPU")
    monkeypatch.setattr(build, "load_library", load)
    monkeypatch.setattr(plans, "load_library", load)
    monkeypatch.setattr(plans, "known_capabilities", lambda _: ())
    monkeypatch.setattr(plans, "build_plan", lambda library, graph, options, **_: Plan(graph, (), 0.1))
    monkeypatch.setattr("engines.trt.cuda.load_cudart", lambda: cudart)
    monkeypatch.setitem(__import__("sys").modules, "tensorrt", None)


def test_auto_takes_the_gpu_and_says_why(bundle, cudart, exact, tmp_path, monkeypatch):
    fake_gpu(monkeypatch, cudart)
    with closing(open_engine(bundle.folder, cache_dir=tmp_path)) as engine:
        assert (engine.info.runtime, engine.info.precision) == ("tensorrt-rtx", "fp16")
        assert engine.info.why == "a fake GPU found; fp16, as tensorrt-rtx is not known to run int8"
        np.testing.assert_allclose(engine.infer(tiny_crops(50)), exact, atol=0.02)


def test_auto_falls_back_to_the_cpu_with_all_reasons(bundle, cudart, tmp_path, monkeypatch):
    fake_gpu(monkeypatch, cudart, takes_plans=False)
    with closing(open_engine(bundle.folder, cache_dir=tmp_path)) as engine:
        assert engine.info.runtime == "onnxruntime"
        for reason in ("a fake GPU found, but not usable", "tensorrt: tensorrt cannot be loaded", "for another GPU"):
            assert reason in engine.info.why


def test_a_runtime_asked_for_by_name_never_falls_back(bundle, cudart, tmp_path, monkeypatch):
    fake_gpu(monkeypatch, cudart, takes_plans=False)
    with pytest.raises(BuildError, match="another GPU"):
        open_engine(bundle.folder, runtime="tensorrt-rtx", precision="fp16", cache_dir=tmp_path)
    with pytest.raises(RuntimeMissing, match="tensorrt cannot be loaded"):
        open_engine(bundle.folder, runtime="tensorrt", precision="fp16", cache_dir=tmp_path)
    cudart.fail["cudaGetDeviceCount"] = 35
    with pytest.raises(RuntimeMissing, match="no GPU can be used"):
        open_engine(bundle.folder, runtime="tensorrt-rtx", precision="fp32", cache_dir=tmp_path)


def test_a_plan_for_another_gpu_is_refused_with_the_reason(bundle, plan, cudart):
    with pytest.raises(BuildError, match="does not take the plan here: the plan is for another GPU"):
        opened(bundle, plan, cudart, takes_plans=False)


def test_no_device_is_no_gpu():
    cudart = FakeCudart()
    cudart._cudaGetDeviceCount = lambda: (0,)
    with pytest.raises(RuntimeMissing, match="there is no NVIDIA GPU"):
        Cuda(cudart)


def test_the_next_start_finds_what_was_compiled(bundle, cudart, tmp_path, monkeypatch):
    fake_gpu(monkeypatch, cudart)
    for lines in (1, 2):
        with closing(open_engine(bundle.folder, cache_dir=tmp_path)) as engine:
            engine.infer(tiny_crops(1))
        (kernels,) = (tmp_path / "engines").glob("*.kernels")
        assert kernels.name.endswith("-a-fake-gpu.kernels")
        assert kernels.read_bytes().count(b"eager") == lines
    kernels.write_bytes(b"damaged")
    with closing(open_engine(bundle.folder, cache_dir=tmp_path)) as engine:
        engine.infer(tiny_crops(1))
    assert kernels.read_bytes().count(b"eager") == 1


def build_with(bundle, cache_dir, **options):
    from engines.plans import plan_artefact
    from engines.trt.plan import PlanOptions

    return plan_artefact(bundle, "tensorrt-rtx", "fp16", PlanOptions(**options), cache_dir=cache_dir)


def test_on_a_gpu_the_inspector_tells_the_precision(bundle, cudart, tmp_path, monkeypatch):
    from engines.cache import read_stored
    from engines.plans import precision_loaded

    fake_gpu(monkeypatch, cudart)
    stored = read_stored(build_with(bundle, tmp_path).entry.path)
    assert set(stored.report["precision"]) == set(precision_loaded(stored))
    assert set(precision_loaded(stored).values()) == {"Half"}
    fake_gpu(monkeypatch, cudart, takes_plans=False)
    with pytest.raises(BuildError, match="the plan is for another GPU"):
        precision_loaded(stored)
    cudart.fail["cudaGetDeviceCount"] = 100
    with pytest.raises(RuntimeMissing, match="there is no GPU"):
        precision_loaded(stored)


def test_the_newest_plan_that_fits_is_used_whatever_its_options(bundle, cudart, tmp_path, monkeypatch):
    """Somebody built or imported it to be used."""
    fake_gpu(monkeypatch, cudart)
    names = [build_with(bundle, tmp_path, max_batch=n).fingerprint for n in (8, 64)]
    folder = tmp_path / "engines"
    for age, name in enumerate(reversed(names)):
        (plan,) = folder.glob(f"*{name}.plan")
        os.utime(plan, (1e9 - age, 1e9 - age))
    asked = {"runtime": "tensorrt-rtx", "precision": "fp16", "cache_dir": tmp_path}
    with closing(open_engine(bundle.folder, **asked)) as engine:
        assert engine.info.fingerprint == names[1]
        engine.infer(tiny_crops(50))
        assert len(engine._slots) == 1
        assert next(iter(engine._slots.values()))._max_batch == 64
    plan.write_bytes(b"damaged")  # the older one is left
    (newest,) = folder.glob(f"*{names[1]}.plan")
    newest.unlink()
    said = []
    with closing(open_engine(bundle.folder, **asked, say=said.append)) as engine:
        assert engine.info.fingerprint not in names
    assert any(line.startswith("building") for line in said)


def test_a_plan_that_the_gpu_refuses_gives_way_to_another(bundle, cudart, tmp_path, monkeypatch):
    fake_gpu(monkeypatch, cudart)
    stored = build_with(bundle, tmp_path, max_batch=8)
    from engines.runtimes import trt

    honest = trt.TrtEngine.__init__

    def refuse_small(self, *args, max_batch, **more):
        if max_batch == 8:
            raise BuildError("for another GPU", hint="-")
        honest(self, *args, max_batch=max_batch, **more)

    monkeypatch.setattr(trt.TrtEngine, "__init__", refuse_small)
    said = []
    with closing(
        open_engine(bundle.folder, runtime="tensorrt-rtx", precision="fp16", cache_dir=tmp_path, say=said.append)
    ) as engine:
        assert engine.info.fingerprint != stored.fingerprint
    assert f"{stored.entry.path.name} is of no use here: for another GPU" in said


@pytest.mark.gpu
@pytest.mark.skipif(nvidia_gpu() is None and not os.environ.get("REQUIRE_GPU"), reason="no NVIDIA GPU")
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_real_gpu_answers_as_the_cpu_does(bundle, exact, tmp_path, precision):
    with closing(open_engine(bundle.folder, runtime="tensorrt-rtx", precision=precision, cache_dir=tmp_path)) as engine:
        for n in (1, 12, 3, 50, 1):
            np.testing.assert_allclose(engine.infer(tiny_crops(50)[:n]), exact[:n], atol=0.02)
