"""Processes that make batches: one core makes about a thousand pictures a second, a GPU wants several thousands."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import replace
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from engines.contract import F32, U8

if TYPE_CHECKING:
    from train.batches import Batches

_batches: Batches | None = None
"""Of a process that makes them."""


def process_pool(batches: Batches, workers: int) -> Executor:
    """Processes in each of which `batch_here(step)` gives what `batches.batch(step)` gives.

    They are started anew, not forked: a fork of a process that trains can hang. Crops in a file are opened by each of
    them and not sent. They end with the process that started them, however that ends.
    """
    crops = batches.data.crops
    file = str(crops.filename) if isinstance(crops, np.memmap) else None
    sent = replace(batches.data, crops=np.empty(0, np.uint8)) if file else batches.data
    again = (type(batches), sent, batches.recipe, batches.split, file)
    return ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _start, again)


def _start(kind: type[Batches], data: Any, recipe: Any, split: str, file: str | None) -> None:
    global _batches
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    cv2.setNumThreads(1)
    _batches = kind(replace(data, crops=np.load(file, mmap_mode="r")) if file else data, recipe, split)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def batch_here(step: int) -> tuple[U8, F32]:
    """In a process of the pool."""
    assert _batches is not None
    return _batches.batch(step)
