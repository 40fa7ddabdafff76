"""Secrets from files, so that they are in no settings, no command line and no log."""

from __future__ import annotations

from pathlib import Path

from monitor.errors import ConfigError

MOST_BYTES = 64 << 10


def read_secret(file: Path, setting: str) -> bytes:
    """The file's content without white space around it. Raises ConfigError where there is none."""
    try:
        with file.expanduser().open("rb") as opened:
            secret = opened.read(MOST_BYTES).strip()
    except OSError as error:
        raise ConfigError(
            f"{setting}: cannot read {file}: {error.strerror}", hint="name a file that this user may read"
        ) from error
    if not secret:
        raise ConfigError(f"{setting}: {file} is empty", hint="write the secret into it, as its only content")
    return secret
