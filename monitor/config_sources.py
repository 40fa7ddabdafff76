"""Which source is meant, where files and options name several: the last word holds, and takes nothing unfit along."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from monitor.settings import Settings, SourceSettings
from monitor.several_settings import OneSource

FOR_CAMERAS = ("source.mirror", "source.width_px", "source.height_px", "source.fps")
FOR_FILES = ("source.loop", "source.pace_fps")


def settle(flat: dict[str, object], origin: Mapping[str, str], new: Mapping[str, object]) -> None:
    """Where `new` names sources, takes those named before out of `flat`, and what a file asked of another kind only.

    What the command line asked stays: where it does not fit, that is to be refused.
    """
    uris, cameras = _named(new)
    if not uris and not cameras:
        return
    recorded = any("://" not in str(uri) for uri in uris)
    unfit = (*(() if cameras else FOR_CAMERAS), *(() if recorded else FOR_FILES))
    named = ("source.camera", "source.uri", "sources")
    for key in (*named, *(key for key in unfit if not origin.get(key, "").startswith("--"))):
        flat.pop(key, None)


def _named(new: Mapping[str, object]) -> tuple[list[object], list[object]]:
    """The addresses and the cameras."""
    listed = new.get("sources")
    each: Sequence[Any] = listed if isinstance(listed, list) else ()
    items = [item for item in each if isinstance(item, Mapping)]
    uris = [new.get("source.uri"), *(item.get("uri") for item in items)]
    cameras = [new.get("source.camera"), *(item.get("camera") for item in items)]
    return [uri for uri in uris if uri is not None], [camera for camera in cameras if camera is not None]


def conflicts(settings: Settings) -> Iterator[str]:
    """What is named that cannot be meant."""
    one = settings.source
    if one.camera is not None and one.uri is not None:
        yield "source.camera and source.uri are both given: there can be one source"
    elif settings.sources and (one.camera is not None or one.uri is not None):
        yield f"source.{'camera' if one.uri is None else 'uri'} and sources are both given: name them all in sources"
    for number, item in enumerate(settings.sources):
        if (item.camera is None) == (item.uri is None):
            how = "neither camera nor uri is" if item.uri is None else "camera and uri are both"
            yield f"sources.{number}: {how} given: each is one source"


def alone(settings: Settings) -> Settings:
    """A list of one is one source, as if there were no list."""
    if len(settings.sources) != 1:
        return settings
    return replace(settings, source=source_of(settings.source, settings.sources[0]), sources=())


def source_of(common: SourceSettings, one: OneSource) -> SourceSettings:
    """What is asked of one of several: its own wishes, and of the common ones those that suit its kind."""
    wishes = {name: value for name, value in vars(one).items() if value is not None and name != "name"}
    recorded = one.uri is not None and "://" not in one.uri
    unfit = (*(() if one.camera is not None else FOR_CAMERAS), *(() if recorded else FOR_FILES))
    usual = {key: getattr(SourceSettings(), key) for key in (name.removeprefix("source.") for name in unfit)}
    return replace(common, **(usual | wishes))
