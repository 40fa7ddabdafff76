"""The manager's password and the screen's token: hashed in one private file, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import platformdirs
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from monitor.errors import UsageError
from monitor.files import part_of, told_as_sink_error

LEAST_LETTERS = 10
MOST_LETTERS = 256
"""Longer passwords are refused before they are hashed: hashing is slow on purpose."""
_HASHER = PasswordHasher()
_NOBODY = _HASHER.hash(secrets.token_hex())
"""Verified where no password is set, so that the answer takes as long."""


@dataclass(frozen=True)
class Credentials:
    """What the file holds; None = not set."""

    password: str | None = None
    """Argon2id, with its salt and costs."""
    token: str | None = None
    """SHA-256, hex: a token is random, so it needs no slow hash."""

    def knows_password(self, password: str) -> bool:
        """Slow on purpose: call it off the event loop."""
        try:
            right = _HASHER.verify(self.password or _NOBODY, password[:MOST_LETTERS])
        except (Argon2Error, InvalidHashError):
            return False
        return right and self.password is not None and len(password) <= MOST_LETTERS

    def knows_token(self, token: str) -> bool:
        return self.token is not None and hmac.compare_digest(self.token, _digest(token))


def place_of(asked: Path | None) -> Path:
    """The file asked for, else the one in the user's configuration folder."""
    return asked or platformdirs.user_config_path("monitor") / "kiosk-credentials.json"


def load(file: Path) -> Credentials:
    """What is set; nothing where there is no file. Raises UsageError for a file that cannot be read."""
    hint = f"mend or remove {file}, then set both again: monitor kiosk set-password"
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        credentials = Credentials(**found)
    except FileNotFoundError:
        return Credentials()
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"the credentials in {file} cannot be read", hint=hint) from error
    if not all(value is None or isinstance(value, str) for value in asdict(credentials).values()):
        raise UsageError(f"the credentials in {file} are not what this program writes", hint=hint)
    return credentials


def set_password(file: Path, password: str) -> None:
    """Hashes and stores it. Raises UsageError for one that is too short or too long, SinkError."""
    if not LEAST_LETTERS <= len(password) <= MOST_LETTERS:
        what = f"a password needs {LEAST_LETTERS} to {MOST_LETTERS} letters, this one has {len(password)}"
        raise UsageError(what, hint="four random words are easy to remember and hard to guess")
    _write(file, replace(load(file), password=_HASHER.hash(password)))


def new_token(file: Path) -> str:
    """A token for screens; those before no longer hold. Raises UsageError, SinkError."""
    token = secrets.token_urlsafe(24)
    _write(file, replace(load(file), token=_digest(token)))
    return token


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _write(file: Path, credentials: Credentials) -> None:
    """Whole or not at all, and never readable by others, not even for a moment."""
    part = part_of(file)
    with told_as_sink_error(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as out:
            json.dump(asdict(credentials), out)
            out.flush()
            os.fsync(out.fileno())
        part.replace(file)
