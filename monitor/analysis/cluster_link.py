"""The way to a Ray cluster: one that runs already, or one of our own on this machine. Nothing is ever reported home."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from monitor.errors import UsageError

REACH_S = 20.0
"""A cluster that is there answers within so long."""
OWN_STORE_BYTES = 256 * 1024 * 1024
"""Results on their way in a cluster of our own; more goes to disk."""
QUIET = {"RAY_USAGE_STATS_ENABLED": "0"}
"""Ray reports to its makers unless it is told not to, by every process of it."""
_SOON = {"RAY_py_gcs_connect_timeout_s": "5", "RAY_gcs_rpc_server_connect_timeout_s": "2"}
_INSTALL = "pip install 'face-monitor[cluster]'"
_RUNNING = "start it with `ray start --head --disable-usage-stats` and name it: --ray HOST:6379; ask it: ray status"


class Link:
    """A connection to a cluster: `auto` or HOST:PORT. Close it."""

    def __init__(self, address: str, jobs: int | None, say: Callable[[str], None]) -> None:
        """Raises UsageError where Ray is not installed, or no cluster can be reached."""
        os.environ.update(QUIET)
        self._own_folder: str | None = None
        self._connected = False
        loaded = sys.modules.get("ray")
        if loaded is not None and loaded.is_initialized():  # a program that uses us is in a cluster already
            self.ray: Any = loaded
            return
        given = address if address != "auto" else os.environ.get("RAY_ADDRESS") or None
        if given is not None and "://" in given:
            hint = "run it on a machine of the cluster: `ray start --address HEAD:6379 --num-cpus 0` adds this one"
            raise UsageError(f"--ray takes HOST:PORT, not {given}", hint=hint)
        _installed()
        if loaded is None:
            _show_token()
        answer = _asked(given)
        if given is not None and answer == "token":
            hint = "put it into RAY_AUTH_TOKEN, or where `ray get-auth-token` finds it"
            raise UsageError(f"the Ray cluster at {given} wants another token", hint=hint)
        if given is not None and answer != "there":
            raise UsageError(f"no Ray cluster answers at {given}", hint=_RUNNING)
        with _our_signals():
            if answer == "there":
                self._connect(given or "auto")
            else:
                self._start(jobs)
        self._connected = True
        where = "a Ray cluster of its own on this machine" if self._own_folder else "a Ray cluster"
        say(f"works with {where}: {self.processors} processors, {self.nodes} machines")

    def _connect(self, address: str) -> None:
        import ray

        self.ray = ray
        try:
            ray.init(address=address, log_to_driver=False, logging_level="error")
        except (ConnectionError, RuntimeError, ValueError) as error:
            what = f"the Ray cluster at {address} takes nobody in from here: {' '.join(str(error).split())[:300]}"
            raise UsageError(what, hint="run it on a machine of the cluster, with the same versions as there") from None

    def _start(self, jobs: int | None) -> None:
        from engines.machine import usable_threads

        if "ray" not in sys.modules:  # its ports are open to the network: nobody but us may use them
            os.environ["RAY_AUTH_MODE"] = "token"
            os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
        import ray

        self.ray = ray
        # Ray puts sockets there, whose paths must be short.
        self._own_folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp" if os.name == "posix" else None)
        try:
            ray.init(
                address="local", num_cpus=jobs or usable_threads(), num_gpus=0, include_dashboard=False,
                log_to_driver=False, logging_level="error", object_store_memory=OWN_STORE_BYTES,
                _temp_dir=self._own_folder,
            )  # fmt: skip
        except Exception as error:  # Ray raises whatever came up
            ray.shutdown()
            shutil.rmtree(self._own_folder, ignore_errors=True)
            what = f"no Ray cluster could be started here: {' '.join(str(error).split())[:300]}"
            raise UsageError(what, hint="leave out --ray: workers of this machine need no cluster") from None

    @property
    def processors(self) -> int:
        """Of all machines that are there now."""
        return int(self.ray.cluster_resources().get("CPU", 0))

    @property
    def nodes(self) -> int:
        return sum(bool(node["Alive"]) for node in self.ray.nodes())

    def close(self) -> None:
        """Ends a cluster that was started here; leaves one that was there."""
        if not self._connected:
            return
        self._connected = False
        self.ray.shutdown()
        if self._own_folder is not None:
            shutil.rmtree(self._own_folder, ignore_errors=True)


def _installed() -> None:
    from importlib.util import find_spec

    if find_spec("ray") is None:
        raise UsageError("--ray needs Ray, which is not installed", hint=_INSTALL)


def _show_token() -> None:
    """A cluster may want to see the user's token. Ray looks for it when it is loaded, and only where it is told to."""
    file = Path.home() / ".ray" / "auth_token"
    if {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & set(os.environ) or file.is_file():
        os.environ.setdefault("RAY_AUTH_MODE", "token")


def _asked(address: str | None) -> str:
    """there, token (it lets in nobody without), or nobody; at the address, or with None at any that runs here.

    Asked by a process that can be ended: Ray itself waits for minutes, and then ends the whole program.
    """
    at = [] if address is None else ["--address", address]
    command = [sys.executable, "-m", "ray.scripts.scripts", "health-check", *at]
    try:
        done = subprocess.run(
            command, env={**os.environ, **_SOON}, stdin=subprocess.DEVNULL, capture_output=True, timeout=REACH_S,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        return "token" if b"AuthToken" in (error.stderr or b"") else "nobody"
    if done.returncode == 0:
        return "there"
    return "token" if b"AuthToken" in done.stderr else "nobody"


@contextmanager
def _our_signals() -> Iterator[None]:
    """Ray's start puts a handler of its own in the place of ours."""
    try:
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        yield
    finally:
        for number, handler in before.items():
            if handler is not None and handler is not signal.getsignal(number):
                signal.signal(number, handler)
