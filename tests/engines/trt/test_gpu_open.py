"""Which plan is opened on a GPU, and what happens where none can be; the GPU is none but for tests marked gpu."""

import os
import sys
from contextlib import closing

import numpy as np
import pytest

from engines import build, open_engine, plans
from engines.cache import read_stored
from engines.contract import BuildError, RuntimeMissing
from engines.machine import nvidia_gpu
from engines.plans import plan_artefact, precision_loaded
from engines.runtimes import trt
from engines.trt.library import load_library
from engines.trt.plan import Plan, PlanOptions
from tests.bundles import tiny_crops
from tests.gpu import fake_library


def fake_gpu(monkeypatch, cudart, **more):
    """The machine has a GPU, and TensorRT-RTX for it; plans are the graphs they would be built from."""

    def load(runtime):
        return fake_library(cudart, **more) if runtime == "tensorrt-rtx" else load_library(runtime)

    monkeypatch.setattr(build, "nvidia_gpu", lambda: "a fake GPU")
    monkeypatch.setattr(build, "load_library", load)
    monkeypatch.setattr(plans, "load_library", load)
    monkeypatch.setattr(plans, "known_capabilities", lambda _: ())
    monkeypatch.setattr(plans, "build_plan", lambda library, graph, options, **_: Plan(graph, (), 0.1))
    monkeypatch.setattr("engines.trt.cuda.load_cudart", lambda: cudart)
    monkeypatch.setitem(sys.modules, "tensorrt", None)


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
        for reason in (
            "a fake GPU found, but not usable",
            "tensorrt: tensorrt cannot be loaded",
            "cannot run on this GPU",
        ):
            assert reason in engine.info.why


def test_a_runtime_asked_for_by_name_never_falls_back(bundle, cudart, tmp_path, monkeypatch):
    fake_gpu(monkeypatch, cudart, takes_plans=False)
    with pytest.raises(BuildError, match="cannot run on this GPU"):
        open_engine(bundle.folder, runtime="tensorrt-rtx", precision="fp16", cache_dir=tmp_path)
    with pytest.raises(RuntimeMissing, match="tensorrt cannot be loaded"):
        open_engine(bundle.folder, runtime="tensorrt", precision="fp16", cache_dir=tmp_path)
    cudart.fail["cudaGetDeviceCount"] = 35
    with pytest.raises(RuntimeMissing, match="no GPU can be used"):
        open_engine(bundle.folder, runtime="tensorrt-rtx", precision="fp32", cache_dir=tmp_path)


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
    return plan_artefact(bundle, "tensorrt-rtx", "fp16", PlanOptions(**options), cache_dir=cache_dir)


def test_on_a_gpu_the_inspector_tells_the_precision(bundle, cudart, tmp_path, monkeypatch):
    fake_gpu(monkeypatch, cudart)
    stored = read_stored(build_with(bundle, tmp_path).entry.path)
    assert set(stored.report["precision"]) == set(precision_loaded(stored))
    assert set(precision_loaded(stored).values()) == {"Half"}
    fake_gpu(monkeypatch, cudart, takes_plans=False)
    with pytest.raises(BuildError, match="cannot run on this GPU"):
        precision_loaded(stored)
    cudart.fail["cudaGetDeviceCount"] = 100
    with pytest.raises(RuntimeMissing, match="there is no GPU"):
        precision_loaded(stored)


@pytest.mark.skipif(nvidia_gpu() is not None, reason="a GPU may take it")
def test_a_real_plan_without_a_gpu_comes_as_far_as_the_library_lets_it(bundle, tmp_path, monkeypatch):
    """The library's own words, from the real deserialiser; only the question for a GPU is skipped."""
    pytest.importorskip("tensorrt_rtx")
    monkeypatch.setattr(plans, "open_cuda", lambda: None)
    stored = read_stored(build_with(bundle, tmp_path).entry.path)
    with pytest.raises(BuildError, match=r"tensorrt-rtx does not take the plan here: .*[Cc]uda"):
        precision_loaded(stored)


def test_a_precision_that_is_not_told_is_not_taken_for_proven(bundle, cudart, tmp_path, monkeypatch):
    fake_gpu(monkeypatch, cudart)  # whose plans have no layers
    said = []
    plan_artefact(bundle, "tensorrt-rtx", "fp16", PlanOptions(), cache_dir=tmp_path, say=said.append)
    assert "not proven: tensorrt-rtx does not tell the precision of 16 of 16 products" in said


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
@pytest.mark.parametrize(("precision", "kind"), [("fp32", "Float"), ("fp16", "Half")])
def test_a_real_gpu_answers_as_the_cpu_does(bundle, exact, tmp_path, precision, kind):
    """Twice: with kernels compiled now, and with those kept from before. The inspector tells the precision."""
    for _ in range(2):
        said = []
        with closing(
            open_engine(bundle.folder, runtime="tensorrt-rtx", precision=precision, cache_dir=tmp_path, say=said.append)
        ) as engine:
            for n in (1, 12, 3, 50, 1):
                np.testing.assert_allclose(engine.infer(tiny_crops(50)[:n]), exact[:n], atol=0.02)
        assert not [line for line in said if "compiled" in line or "no CUDA graph" in line]
        (kernels,) = (tmp_path / "engines").glob("*.kernels")
        assert kernels.stat().st_size > 0
    (plan,) = (tmp_path / "engines").glob("*.plan")
    assert set(precision_loaded(read_stored(plan)).values()) == {kind}
