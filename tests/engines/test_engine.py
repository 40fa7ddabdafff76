"""`open_engine`: answers, refusals, and why it chose what it chose."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from engines import (
    BuildError,
    BundleError,
    EngineError,
    InferenceError,
    RuntimeMissing,
    build,
    machine,
    open_engine,
    write_bundle,
)
from engines.machine import Cpu
from tests.bundles import tiny_bundle, tiny_crops


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def int8(tiny, cache):
    return open_engine(tiny.folder, cache_dir=cache)


def test_int8_and_fp32_answer_alike(tiny, cache, int8):
    fp32 = open_engine(tiny.folder, precision="fp32", cache_dir=cache)
    rgb = tiny_crops(40)
    exact, near = fp32.infer(rgb), int8.infer(rgb)
    assert exact.dtype == near.dtype == np.float32
    assert exact.shape == near.shape == (40, 3)
    np.testing.assert_allclose(exact.sum(1), 1, atol=1e-5)
    assert np.ptp(exact, axis=0).max() > 0.1
    assert np.abs(exact - near).mean() < 0.02
    assert not np.array_equal(exact, near), "int8 must really be another engine"
    assert (fp32.info.precision, int8.info.precision) == ("fp32", "int8")
    assert fp32.info.fingerprint != int8.info.fingerprint


def test_batch_size_and_memory_layout_change_nothing(int8):
    rgb = tiny_crops(37)
    together = int8.infer(rgb)
    np.testing.assert_allclose(np.concatenate([int8.infer(rgb[i : i + 1]) for i in range(37)]), together, atol=1e-6)
    np.testing.assert_array_equal(int8.infer(np.asfortranarray(rgb)), together)
    np.testing.assert_array_equal(int8.infer(rgb[::-1]), together[::-1])
    rgb.setflags(write=False)
    np.testing.assert_array_equal(int8.infer(rgb), together)


def test_the_answer_is_the_callers_to_keep(int8):
    first = int8.infer(tiny_crops(4, seed=1))
    kept = first.copy()
    int8.infer(tiny_crops(4, seed=2))
    np.testing.assert_array_equal(first, kept)
    first[:] = 0  # writable


def test_no_crops_no_answers(int8):
    answer = int8.infer(np.empty((0, 32, 32, 3), np.uint8))
    assert answer.shape == (0, 3)
    assert answer.dtype == np.float32


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((1, 32, 32, 3), np.float32),
        np.zeros((1, 64, 64, 3), np.uint8),
        np.zeros((1, 3, 32, 32), np.uint8),
        np.zeros((32, 32, 3), np.uint8),
        np.zeros((0, 31, 32, 3), np.uint8),
    ],
)
def test_wrong_crops_are_refused_with_both_shapes(int8, wrong):
    with pytest.raises(InferenceError) as caught:
        int8.infer(wrong)
    assert "uint8 (N, 32, 32, 3)" in str(caught.value)
    assert f"{wrong.dtype} {wrong.shape}" in str(caught.value)


def test_several_threads_may_ask(int8):
    batches = [tiny_crops(5, seed=i) for i in range(8)]
    alone = [int8.infer(batch) for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        for mine, theirs in zip(alone, pool.map(int8.infer, batches), strict=True):
            np.testing.assert_array_equal(mine, theirs)


def test_closed_twice_and_then_asked(tiny, cache):
    engine = open_engine(tiny.folder, cache_dir=cache)
    engine.close()
    engine.close()
    with pytest.raises(InferenceError, match="closed"):
        engine.infer(tiny_crops(1))


def test_info_says_what_and_why(tiny, cache, int8, monkeypatch):
    assert int8.info.runtime == "onnxruntime"
    assert int8.info.device
    assert open_engine(tiny.folder, runtime="onnxruntime", cache_dir=cache).info.why.startswith("asked for by name")
    monkeypatch.setattr(build, "nvidia_gpu", lambda: None)
    assert "no NVIDIA GPU found" in open_engine(tiny.folder, cache_dir=cache).info.why
    monkeypatch.setattr(build, "nvidia_gpu", lambda: "NVIDIA T4")
    monkeypatch.setattr(build, "load_library", missing)
    why = open_engine(tiny.folder, cache_dir=cache).info.why
    assert why.startswith(
        "NVIDIA T4 found, but not usable (tensorrt: not here; tensorrt-rtx: not here): runs on the CPU"
    )


def missing(_runtime):
    raise RuntimeMissing("not here")


def test_who_requires_a_gpu_gets_none_of_the_cpu(tiny, cache, monkeypatch):
    monkeypatch.setattr(build, "nvidia_gpu", lambda: None)
    with pytest.raises(RuntimeMissing, match="a GPU is required, but no NVIDIA GPU found") as caught:
        open_engine(tiny.folder, cache_dir=cache, require_gpu=True)
    assert caught.value.hint
    monkeypatch.setattr(build, "nvidia_gpu", lambda: "NVIDIA T4")
    monkeypatch.setattr(build, "load_library", missing)
    with pytest.raises(RuntimeMissing, match="a GPU is required, but NVIDIA T4 found, but not usable"):
        open_engine(tiny.folder, cache_dir=cache, require_gpu=True)
    with pytest.raises(RuntimeMissing, match="a GPU is required, but onnxruntime runs on the CPU"):
        open_engine(tiny.folder, runtime="onnxruntime", cache_dir=cache, require_gpu=True)


def test_a_runtime_asked_for_by_name_never_falls_back(tiny):
    with pytest.raises(RuntimeMissing, match="no runtime 'tensorflow'") as caught:
        open_engine(tiny.folder, runtime="tensorflow")
    assert "onnxruntime" in caught.value.hint
    with pytest.raises(BuildError, match="no precision 'int4'"):
        open_engine(tiny.folder, precision="int4")


def test_int8_without_ranges_is_refused_and_fp32_is_not(tiny, tmp_path):
    bare = write_bundle(tmp_path / "bare", tiny.read_model(), dataclasses.replace(tiny.card, ranges={}), "", "")
    with pytest.raises(BuildError, match="no calibration ranges") as caught:
        open_engine(bare.folder, cache_dir=tmp_path)
    assert "fp32" in caught.value.hint
    assert open_engine(bare.folder, precision="fp32", cache_dir=tmp_path).infer(tiny_crops(2)).shape == (2, 3)


def test_a_card_that_speaks_of_another_model_is_refused(tiny, tmp_path):
    for change, said in (
        ({"input_px": 64}, "its card says 64 px"),
        ({"classes": ("a", "b"), "priors": (0.5, 0.5)}, "2"),
    ):
        write_bundle(tmp_path / "odd", tiny.read_model(), dataclasses.replace(tiny.card, **change), "", "")
        with pytest.raises(BuildError, match=said):
            open_engine(tmp_path / "odd", precision="fp32", cache_dir=tmp_path)


def test_a_model_that_is_none_is_a_build_error(tiny, tmp_path):
    write_bundle(tmp_path / "none", b"this is no model", tiny.card, "", "")
    for precision in ("fp32", "int8"):
        with pytest.raises(BuildError, match="cannot"):
            open_engine(tmp_path / "none", precision=precision, cache_dir=tmp_path)


@pytest.mark.parametrize(
    ("processor", "unsigned", "reduce_range"),
    [
        (Cpu("old", "x86_64", ("avx2",)), True, True),
        (Cpu("new", "x86_64", ("avx2", "avx512f", "avx512_vnni")), True, False),
        (Cpu("apple", "arm64", ()), False, False),
    ],
)
def test_each_processor_gets_its_own_graph(tiny, cache, monkeypatch, processor, unsigned, reduce_range):
    assert (processor.unsigned, processor.reduce_range) == (unsigned, reduce_range)
    monkeypatch.setattr(build, "cpu", lambda: processor)
    engine = open_engine(tiny.folder, cache_dir=cache)
    fp32 = open_engine(tiny.folder, precision="fp32", cache_dir=cache)
    assert np.abs(engine.infer(tiny_crops(20)) - fp32.infer(tiny_crops(20))).mean() < 0.03
    assert ("no VNNI" in engine.info.why) == reduce_range
    assert engine.info.device == processor.name


def test_cpuinfo_of_each_kind_is_understood(monkeypatch, tmp_path):
    flags = {
        ("x86_64", ("avx2", "avx512_vnni"), False): "flags\t\t: fpu avx2 avx512_vnni\n\nflags\t: avx512_bf16\n",
        ("x86_64", ("avx2", "avx512f"), True): "flags\t\t: fpu avx2 avx512f avx512_bf16\n",
        ("aarch64", ("asimddp",), False): "Features\t: fp asimd asimddp\n",
        ("aarch64", ("asimddp", "i8mm"), True): "Features\t: fp asimd asimddp i8mm bf16\n",
    }
    monkeypatch.setattr(machine.platform, "system", lambda: "Linux")
    for (arch, features, bfloat16), text in flags.items():
        (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nmodel name\t: Some\n{text}")
        monkeypatch.setattr(machine, "Path", lambda _: tmp_path / "cpuinfo")
        monkeypatch.setattr(machine.platform, "machine", lambda arch=arch: arch)
        assert machine.cpu().features == features
        assert machine.cpu().bfloat16 == bfloat16
        assert machine.cpu().name


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for nvidia-smi is a shell script")
def test_a_gpu_tool_that_takes_its_time_does_not_hold_the_start(monkeypatch, tmp_path):
    if any(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        pytest.skip("the driver here names the GPU without the tool")
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!{sys.executable}\nimport time\ntime.sleep(2)\nprint('NVIDIA Slow')\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine.nvidia_gpu() is None
    assert machine.nvidia_gpu(patience_s=60) == "NVIDIA Slow"


@pytest.mark.parametrize("kind", [EngineError, BundleError, BuildError, RuntimeMissing, InferenceError])
def test_every_error_says_what_to_do(kind):
    assert kind("it broke").hint
    assert kind("it broke", hint="mend it").hint == "mend it"


def test_importing_engines_loads_no_runtime():
    heavy = "{'onnx', 'onnxruntime', 'cv2', 'tensorrt', 'filelock'} & set(sys.modules)"
    code = f"import sys, engines; assert not {heavy}, {heavy}"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
