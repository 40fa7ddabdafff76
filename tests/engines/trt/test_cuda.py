"""NVIDIA's bindings as they are installed, without a GPU: they take what we give them, and refuse as we read it."""

import ast
from pathlib import Path

import pytest

import engines.trt
from engines.contract import RuntimeMissing
from engines.trt.cuda import open_cuda
from tests.conftest import gpu_here
from tests.gpu import FakeCudart

cudart = pytest.importorskip("cuda.bindings.runtime", exc_type=ImportError)

pytestmark = pytest.mark.skipif(gpu_here(), reason="a GPU would do what these calls say")

NO_DRIVER = (35, 100)  # cudaErrorInsufficientDriver, cudaErrorNoDevice


def calls(library):
    """Every call that an engine makes, with arguments of the kinds that it gives."""
    capture, copy = library.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal, library.cudaMemcpyKind
    memory = {"to": 0, "source": 0} if library is cudart else _fake_memory(library)
    stream, graph, ready = _handles(library)
    return {
        "cudaGetDeviceCount": (),
        "cudaMalloc": (16,),
        "cudaMallocHost": (16,),
        "cudaStreamCreateWithFlags": (library.cudaStreamNonBlocking,),
        "cudaMemcpyAsync": (memory["to"], memory["source"], 16, copy.cudaMemcpyHostToDevice, stream),
        "cudaStreamBeginCapture": (stream, capture),
        "cudaStreamEndCapture": (stream,),
        "cudaGraphInstantiate": (graph, 0),
        "cudaGraphLaunch": (ready, stream),
        "cudaStreamSynchronize": (stream,),
        "cudaGraphDestroy": (graph,),
        "cudaGraphExecDestroy": (ready,),
        "cudaStreamDestroy": (stream,),
        "cudaFree": (memory["to"],),
        "cudaFreeHost": (memory["source"],),
    }


def _handles(library):
    if library is cudart:
        return cudart.cudaStream_t(0), cudart.cudaGraph_t(0), cudart.cudaGraphExec_t(0)
    (_, stream), _ = library.cudaStreamCreateWithFlags(1), library.cudaStreamBeginCapture(0, 1)
    _, graph = library.cudaStreamEndCapture(stream)
    return stream, graph, library.cudaGraphInstantiate(graph, 0)[1]


def _fake_memory(library):
    return {"to": library.cudaMalloc(16)[1], "source": library.cudaMallocHost(16)[1]}


def test_the_stand_in_answers_in_the_form_of_the_real_bindings():
    fake = FakeCudart()
    played = {name: getattr(fake, name)(*arguments) for name, arguments in calls(fake).items()}
    for name, arguments in calls(cudart).items():
        code, *rest = getattr(cudart, name)(*arguments)
        assert int(code) in NO_DRIVER, name
        assert len(rest) == len(played[name]) - 1, f"{name} gives {rest}, the stand-in {played[name][1:]}"
    assert int(cudart.cudaStreamNonBlocking) == fake.cudaStreamNonBlocking
    assert int(cudart.cudaMemcpyKind.cudaMemcpyDeviceToHost) == fake.cudaMemcpyKind.cudaMemcpyDeviceToHost


def test_what_an_engine_calls_is_all_there_is_in_the_list():
    """A call that is added to the runtime has to be added above."""
    folder = Path(engines.trt.__file__).parent
    used = {
        node.value
        for file in [*folder.glob("*.py"), folder.parent / "runtimes/trt.py"]
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier()
    }
    functions = {name for name in used if name.startswith("cuda") and callable(getattr(cudart, name, None))}
    assert functions - {"cudaGetErrorString"} == set(calls(cudart))


def test_no_driver_is_told_with_what_to_do():
    with pytest.raises(RuntimeMissing, match="no GPU can be used") as caught:
        open_cuda()
    assert "leave --runtime away" in caught.value.hint
