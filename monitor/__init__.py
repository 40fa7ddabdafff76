"""A face monitor: `monitor` on the command line, `from monitor import analyze_video` in programs."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from monitor.analysis.library import Moment, Sighting, analyze_video

__all__ = ["Moment", "Sighting", "analyze_video"]


def __getattr__(name: str) -> Any:
    """What programs use is loaded when they ask for it: `import monitor` must stay light."""
    if name in __all__:
        from monitor.analysis import library

        return getattr(library, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
