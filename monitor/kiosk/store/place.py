"""Where the event store lies."""

from __future__ import annotations

from pathlib import Path

from platformdirs import user_data_path

from monitor.kiosk_settings import StoreSettings


def store_file(settings: StoreSettings) -> Path:
    """The file of the settings, else kiosk.db in the user's data folder."""
    return user_data_path("monitor") / "kiosk.db" if settings.file is None else settings.file.expanduser()


def snapshot_folder(store: Path) -> Path:
    """Beside the store, named after it."""
    return store.with_name(f"{store.name}.snapshots")
