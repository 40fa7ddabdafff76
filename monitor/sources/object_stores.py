"""Recordings that lie behind a URL: object stores and archives, through fsspec, which is loaded only for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Any

from monitor.errors import MediaError, SourceError, SourceNotFound
from monitor.redact import redact

_NEEDS = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "abfs": "adlfs",
    "az": "adlfs",
    "http": "aiohttp requests",
    "https": "aiohttp requests",
    "sftp": "paramiko",
    "ssh": "paramiko",
    "smb": "smbprotocol",
}
"""Protocol -> what pip must install for it beside fsspec."""


def is_url(uri: str) -> bool:
    """True for what fsspec opens, `s3://bucket/a.mp4` or `zip://a.mp4::/x.zip`; an absolute path never is one."""
    return not uri.startswith("/") and ("://" in uri or "::" in uri)


def name_of(url: str) -> str:
    """What people call the file behind a URL: the last part of its path, without secrets."""
    first = url.split("::")[0]
    path = first.split("://", 1)[-1]
    if first.startswith(("http://", "https://")):
        path = path.split("?")[0].split("#")[0]
    return redact(PurePosixPath(path).name or path)


def size_of(url: str) -> int:
    """Bytes of the file behind a URL, asked anew each time.

    Raises SourceError (unreachable, not allowed, a part of fsspec is missing), SourceNotFound, or MediaError (a folder,
    empty), each with a hint and without secrets.
    """
    with _telling(url), _store(url) as (store, path):
        facts = store.info(path)
    if facts.get("type") == "directory":
        raise MediaError(f"{redact(url)} is a folder", hint="Name a video or a picture.")
    if facts.get("size") is None:
        raise SourceError(f"{redact(url)} does not tell its size", hint="Download it and name the file.")
    if not facts["size"]:
        raise MediaError(f"{redact(url)} is empty", hint="Upload it again: it has no bytes.")
    return int(facts["size"])


class StoredFile:
    """The bytes behind a URL, read-only, as PyAV likes them. Errors as of `size_of`, also in the middle."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.failure: SourceError | None = None
        """The first error of a read: the library above may take it for the end of the file."""
        with _telling(url):
            self._held = _store(url)
            store, path = self._held.__enter__()
            try:
                self._file = store.open(path, "rb")
            except BaseException:
                self._held.__exit__(None, None, None)
                raise

    def read(self, count: int = -1) -> bytes:
        with self._remembering():
            return bytes(self._file.read(count))

    def seek(self, offset: int, whence: int = 0) -> int:
        with self._remembering():
            return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    @contextmanager
    def _remembering(self) -> Iterator[None]:
        try:
            with _telling(self._url):
                yield
        except SourceError as error:
            self.failure = self.failure or error
            raise

    def close(self) -> None:
        """Give everything back; may be called twice."""
        with _telling(self._url):
            self._file.close()
            self._held.__exit__(None, None, None)


class _store:  # noqa: N801 - read as a word of a with statement
    """The file system of a URL and the path in it; nothing is kept from an earlier look."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._store: Any = None

    def __enter__(self) -> tuple[Any, str]:
        import fsspec.core

        self._store, path = fsspec.core.url_to_fs(self._url, skip_instance_cache=True)
        return self._store, path

    def __exit__(self, *_: object) -> None:
        store, self._store = self._store, None
        close = getattr(store, "close", None)  # archives have one
        if close is not None:
            close()


@contextmanager
def _telling(url: str) -> Iterator[None]:
    """Whatever a backend raises becomes an error for people, without the URL's secrets."""
    shown = redact(url)
    try:
        yield
    except SourceError:
        raise
    except ImportError as error:
        package = "fsspec" if (error.name or "").split(".")[0] == "fsspec" else _NEEDS.get(_protocol(url), "")
        what = f"Install it: pip install {package}" if package else redact(str(error))
        raise SourceError(f"{shown} needs a package that is not here", hint=what) from None
    except (FileNotFoundError, KeyError):
        raise SourceNotFound(
            f"{shown} does not exist", hint="Look whether its name is right, letter by letter."
        ) from None
    except IsADirectoryError:
        raise MediaError(f"{shown} is a folder", hint="Name a video or a picture.") from None
    except PermissionError:
        raise SourceError(f"{shown} may not be read", hint="Look at its rights and your credentials.") from None
    except Exception as error:  # each backend has its own family
        why = redact(str(error)) or type(error).__name__
        unknown = isinstance(error, ValueError) and "rotocol not known" in why
        hint = "Name a file or an object store." if unknown else "Look whether its store answers, then try again."
        raise SourceError(f"{shown} cannot be read: {why}", hint=hint) from None


def _protocol(url: str) -> str:
    """The protocol that needs a package: the last one of a chain that we know of."""
    found = [part.split("://")[0].lower() for part in url.split("::")]
    return next((p for p in reversed(found) if p in _NEEDS), found[0])
