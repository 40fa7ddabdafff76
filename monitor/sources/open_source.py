"""One idea of a source: settings in, something that can be read out."""

from __future__ import annotations

import re
from pathlib import Path

from monitor.errors import SourceNotFound, UsageError
from monitor.ports import Source
from monitor.redact import redact
from monitor.settings import SourceSettings
from monitor.sources.wrappers import Loop, Paced
from monitor.types import Losses

ACCEPTED = "a file, a picture, a folder, 'a/pattern/*.mp4', rtsp://..., http(s)://... or demo:faces"


def open_source(settings: SourceSettings, losses: Losses | None = None) -> Source:
    """The source the settings name, looped and paced as they say; without threads and limits.

    What cannot be read of it is noted in `losses` while it is read. Neither camera nor uri: the first camera that
    answers, CameraError where none does. Raises UsageError for settings that do not go together, SourceError
    (SourceNotFound, MediaError, CameraError) for a source that cannot be opened.
    """
    _check(settings)
    source = _camera(settings) if settings.uri is None else _uri(settings, settings.uri, losses or Losses())
    return source if settings.pace_fps is None else Paced(source, settings.pace_fps)


def input_files(settings: SourceSettings) -> list[Path]:
    """The files the source reads; none for cameras, streams and the demo. Raises SourceError where none is found."""
    if settings.uri is None or _scheme(settings.uri):
        return []
    from monitor.sources.pictures import files_of

    return files_of(settings.uri)


def _scheme(uri: str) -> str:
    """`rtsp`, `https`, `demo`, ...; empty for the name of a file."""
    match = re.match(r"([a-z][a-z0-9+.-]+)://|(demo):", uri, re.IGNORECASE)
    return (match[1] or match[2]).lower() if match else ""


def _check(settings: SourceSettings) -> None:
    if settings.camera is not None and settings.uri is not None:
        raise UsageError("a camera and a source were named", hint="Give --camera or --source, not both.")
    recorded = settings.uri is not None and _scheme(settings.uri) in ("", "demo")
    for option, wanted in (("--loop", settings.loop), ("--pace", settings.pace_fps is not None)):
        if wanted and not recorded:
            nothing_named = settings.uri is None and settings.camera is None
            hint = (
                "Name a file with --source, or say --source demo:faces."
                if nothing_named
                else f"Leave {option} away: this source is live."
            )
            raise UsageError(f"{option} is for files and the demo", hint=hint)
    wishes = ("mirror", "width_px", "height_px", "fps")
    named = [wish for wish in wishes if getattr(settings, wish)]
    if named and settings.uri is not None:
        raise UsageError(
            f"{', '.join(named)}: only a camera can be asked for that", hint="Leave it away, or give --camera."
        )


def _camera(settings: SourceSettings) -> Source:
    from monitor.sources.camera_list import first_camera
    from monitor.sources.cameras import Ask, Camera

    ask = Ask(settings.width_px, settings.height_px, settings.fps, settings.mirror)
    if settings.camera is None:
        return first_camera(ask, stall_s=settings.stall_s)
    return Camera(settings.camera.strip(), ask, stall_s=settings.stall_s)


def _uri(settings: SourceSettings, uri: str, losses: Losses) -> Source:
    scheme = _scheme(uri)
    if scheme in ("rtsp", "rtsps", "http", "https"):
        from monitor.sources.streams import Stream

        return Stream(uri, stall_s=settings.stall_s, losses=losses)
    if scheme == "demo":
        return _demo(uri, settings.loop)
    if scheme:
        raise UsageError(f"{redact(uri)}: sources of kind {scheme}:// are not known", hint=f"Give {ACCEPTED}.")
    if not uri.strip():
        raise UsageError("the source has no name", hint=f"Give {ACCEPTED}.")
    from monitor.sources.pictures import is_there, open_files

    if redact(uri) != uri and not is_there(uri):  # a mistyped address holds secrets too
        raise SourceNotFound(f"{redact(uri)} is neither a file nor an address", hint=f"Give {ACCEPTED}.")
    return Loop(lambda: open_files(uri, losses)) if settings.loop else open_files(uri, losses)


def _demo(uri: str, loop: bool) -> Source:
    from monitor.sources.demo import DemoFaces

    if uri.lower() != "demo:faces":
        raise UsageError(f"{uri}: there is no such demo", hint="Say --source demo:faces")
    return DemoFaces(loop=loop)
