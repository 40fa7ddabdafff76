"""Processes that make batches: one core makes about a thousand pictures a second, a GPU wants several thousands."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from engines.contract import F32, U8
from monitor.processes import without_ctrl_c
from train.errors import MakersEnded

if TYPE_CHECKING:
    from train.batches import Batches


def made_by_processes(batches: Batches, steps: range, workers: int) -> Iterator[tuple[int, U8, F32]]:
    """(step, rgb, labels) of `batches.batch(step)` for the steps in order; so many processes make them in turn.

    A process has one batch ready and waits until it is taken. They are started anew, not forked: a fork of a process
    that trains can hang. Crops in a file are opened by each of them and not sent. They end with the process that
    started them, however that ends. Raises MakersEnded where one ended or could not be started.

    Each has a pipe whose other end only it holds, so that its end is noticed even in mid-word: concurrent.futures'
    pool, whose processes share one, waits for the rest of it for ever.
    """
    with ExitStack() as stack:
        with _told():
            pipes = [stack.enter_context(_maker(batches, steps[k::workers])) for k in range(workers)]
        for i, step in enumerate(steps):
            with _told():
                made = pipes[i % workers].recv()
            if isinstance(made, Exception):
                raise made
            yield step, *made


@contextmanager
def _maker(batches: Batches, steps: range) -> Iterator[Connection]:
    """A process that sends the batches of these steps; it is ended with the block."""
    crops = batches.data.crops
    file = str(crops.filename) if isinstance(crops, np.memmap) else None
    sent = replace(batches.data, crops=np.empty(0, np.uint8)) if file else batches.data
    again = (type(batches), sent, batches.recipe, batches.split, file)
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    with ours:
        with theirs, without_ctrl_c():
            process: SpawnProcess = context.Process(target=_make, args=(theirs, again, steps), daemon=True)
            process.start()
        try:
            yield ours
        finally:
            process.kill()
            process.join()


def _make(pipe: Connection, again: tuple[Any, ...], steps: range) -> None:
    """In a process of its own."""
    kind, data, recipe, split, file = again
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    cv2.setNumThreads(1)
    try:
        batches = kind(replace(data, crops=np.load(file, mmap_mode="r")) if file else data, recipe, split)
        for step in steps:
            pipe.send(batches.batch(step))
    except Exception as error:
        pipe.send(error)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (EOFError, OSError) as error:
        hint = "if memory ran out, use fewer --workers; the same command goes on after the last checkpoint"
        why = str(error) or "it sent nothing more"
        raise MakersEnded(f"a process that makes pictures ended: {why}", hint=hint) from error
