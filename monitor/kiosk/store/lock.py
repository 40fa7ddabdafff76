"""One kiosk for one store: what keeps a second one out while it runs."""

from __future__ import annotations

from pathlib import Path

import filelock

from monitor.kiosk.store.errors import StoreError, told_as_store_error


def hold(store: Path) -> filelock.BaseFileLock:
    """The lock of the store, held until it is released or the process ends. Raises StoreError where another has it."""
    lock = filelock.FileLock(store.with_name(f"{store.name}.lock"), timeout=0, mode=0o600, thread_local=False)
    with told_as_store_error(store):
        store.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            lock.acquire()
        except filelock.Timeout as error:
            raise StoreError(
                f"another kiosk already uses the event store {store}",
                hint="end it, or name another file with --set kiosk.store.file=FILE",
            ) from error
    return lock
