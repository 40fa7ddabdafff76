"""Artefacts made and kept, as tests of the cache do it: in this process, and in others that begin when told."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.bundles import tiny_crops

Say = Callable[[str], None]


def graph(bundle: Path, cache_dir: Path, say: Say) -> Any:
    """The int8 graph, as `open_engine` makes it: the answers to four crops."""
    from engines import open_engine

    with closing(open_engine(bundle, cache_dir=cache_dir, say=say)) as engine:
        return engine.infer(tiny_crops(4)).tolist()


def plan(bundle: Path, cache_dir: Path, say: Say) -> Any:
    """A plan of TensorRT-RTX: the precision of each product."""
    from engines.bundle import load_bundle
    from engines.plans import plan_artefact
    from engines.trt.plan import PlanOptions

    made = plan_artefact(load_bundle(bundle), "tensorrt-rtx", "fp16", PlanOptions(), cache_dir=cache_dir, say=say)
    assert len(made.made.data) > 10_000
    return made.made.report["precision"]


MAKERS = {"onnx": graph, "plan": plan}
"""By what the artefact's file ends with."""


def in_another_process(kind: str, bundle: Path, cache_dir: Path, before: str = "") -> subprocess.Popen[str]:
    """Prints `ready`, waits for a line, and then prints what it says and what it made; `before` is run first."""
    code = f"{before}\nimport runpy\nrunpy.run_module('tests.making', run_name='__main__')"
    command = [sys.executable, "-c", code, kind, str(bundle), str(cache_dir)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _told(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    _told("ready")
    sys.stdin.readline()
    _told(str(MAKERS[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]), _told)))
