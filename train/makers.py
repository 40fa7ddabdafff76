"""Processes that make batches: one core makes about a thousand pictures a second, a GPU wants several thousands."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any, TypeAlias

import cv2
import numpy as np

from engines.contract import F32, U8
from monitor.processes import without_ctrl_c
from train.errors import MakersEnded

if TYPE_CHECKING:
    from train.batches import Batches

Pipe: TypeAlias = "Connection[Any, Any]"
PATIENCE_S = 300.0
"""For the first batch a process loads its libraries."""


@contextmanager
def made_by_processes(batches: Batches, steps: range, workers: int) -> Iterator[Generator[tuple[int, U8, F32]]]:
    """(step, rgb, labels) of `batches.batch(step)` for the steps in order; so many processes make them in turn.

    A process has one batch ready and waits until it is taken. They are started anew, not forked: a fork of a process
    that trains can hang. Crops in a file are opened by each of them and not sent. They end with the block, which ends a
    wait in another thread, and with the process that started them, however that ends. Raises MakersEnded where one
    ended or could not be started.

    Each has a pipe whose other end only it holds, so that its end is noticed even in mid-word: concurrent.futures'
    pool, whose processes share one, waits for the rest of it for ever.
    """
    workers = min(workers, len(steps))
    with ExitStack() as stack:
        with _told():
            pipes = [stack.enter_context(_maker()) for _ in range(workers)]
        yield _received(pipes, batches, steps)


def _received(pipes: list[Pipe], batches: Batches, steps: range) -> Generator[tuple[int, U8, F32]]:
    for k, pipe in enumerate(pipes):
        with _told():
            _heard(pipe)  # only one that listens is told: it may end while it loads its libraries
            pipe.send((*_sent(batches), steps[k :: len(pipes)]))
    for i, step in enumerate(steps):
        with _told():
            made = _heard(pipes[i % len(pipes)])
        if isinstance(made, Exception):
            raise made
        yield step, *made


def _sent(batches: Batches) -> tuple[Any, ...]:
    """What a process makes its own Batches of."""
    crops = batches.data.crops
    file = str(crops.filename) if isinstance(crops, np.memmap) else None
    data = replace(batches.data, crops=np.empty(0, np.uint8)) if file else batches.data
    return type(batches), data, batches.recipe, batches.split, file


@contextmanager
def _maker() -> Iterator[Pipe]:
    """A process that makes batches, by the pipe to it; it is ended with the block. (The pipe is closed when nobody has
    it any more: another thread may still listen.)"""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_make, args=(theirs,), daemon=True)
    try:
        with theirs, without_ctrl_c():
            process.start()
        yield ours
    finally:
        if process.pid is not None:
            process.kill()
            process.join()


def _heard(pipe: Pipe) -> Any:
    if not pipe.poll(PATIENCE_S):
        raise TimeoutError(f"it said nothing for {PATIENCE_S:.0f} s, and was ended")
    return pipe.recv()


def _make(pipe: Pipe) -> None:
    """In a process of its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    cv2.setNumThreads(1)
    try:
        pipe.send("ready")
        kind, data, recipe, split, file, steps = pipe.recv()
        batches = kind(replace(data, crops=np.load(file, mmap_mode="r")) if file else data, recipe, split)
        for step in steps:
            pipe.send(batches.batch(step))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # nobody listens
    except Exception as error:
        told = _ended(repr(error)) if isinstance(error, OSError | MemoryError) else error
        told.add_note("in a process that makes pictures:\n" + traceback.format_exc())
        _tell(pipe, told)


def _tell(pipe: Pipe, error: Exception) -> None:
    try:
        pipe.send(error)
    except (BrokenPipeError, ConnectionResetError):
        return
    except Exception:  # it does not travel
        pipe.send(RuntimeError("\n".join((repr(error), *error.__notes__))))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (EOFError, OSError, MemoryError) as error:
        raise _ended(str(error) or "it sent nothing more") from error


def _ended(why: str) -> MakersEnded:
    hint = "if memory ran out, use fewer --workers; the same command goes on after the last checkpoint"
    return MakersEnded(f"a process that makes pictures ended: {why}", hint=hint)
