"""Every setting, its default and its unit, in frozen dataclasses; `monitor.config` reads YAML into them.

The string under a field is its meaning: `monitor config show` and `monitor run --help` print it (see `meanings`), so
it stands here and nowhere else, like the default.
"""

from __future__ import annotations

import ast
import functools
import inspect
import itertools
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le

from monitor import analysis_settings, kiosk_settings
from monitor.analysis_settings import AnalysisSettings
from monitor.kiosk_settings import KioskSettings
from monitor.several_settings import OneSource

Positive = Annotated[float, Gt(0)]
Share = Annotated[float, Ge(0), Le(1)]
Count = Annotated[int, Ge(1)]


@dataclass(frozen=True)
class SourceSettings:
    camera: str | None = None
    """A camera's number or device path (`0`, `/dev/video2`)."""
    uri: str | None = None
    """A file, picture, folder, glob, rtsp://, http(s):// or demo:faces."""
    loop: bool = False
    """Start a file again at its end."""
    pace_fps: Positive | None = None
    """Play a file as if it were live, at this rate."""
    duration_s: Positive | None = None
    """Stop after so many seconds of the source's time."""
    max_frames: Count | None = None
    """Stop after so many frames."""
    mirror: bool = False
    """Flip a camera's picture left to right, as a mirror does."""
    width_px: Count | None = None
    """Ask the camera for this picture width."""
    height_px: Count | None = None
    """Ask the camera for this picture height."""
    fps: Positive | None = None
    """Ask the camera for this rate."""
    stall_s: Positive = 5.0
    """A live source without a frame for so long is lost."""


@dataclass(frozen=True)
class DetectorSettings:
    tiles: Literal["auto", "off", "2x2", "3x2"] = "auto"
    """Overlapping tiles searched in rotation for small faces."""
    new_score: Share = 0.6
    """A find that starts or confirms a track must score this."""
    keep_score: Share = 0.4
    """A find that continues a track must score this; below new_score it continues only whom it found a moment ago."""
    threads: Count | None = None
    """Threads that search a frame; none = two, on one processor one."""


@dataclass(frozen=True)
class EngineSettings:
    bundle: str | None = None
    """A bundle's name or folder; none = the shipped one."""
    runtime: Literal["auto", "onnxruntime", "tensorrt", "tensorrt-rtx"] = "auto"
    """What runs the engine; auto = the fastest that works here."""
    require_gpu: bool = False
    """End with an error rather than run on the CPU."""
    precision: Literal["int8", "fp16", "fp32"] = "int8"
    """Arithmetic of the engine: int8 is fast on a CPU, fp16 on a GPU, fp32 is the reference."""
    threads: Count | None = None
    """Threads of a CPU engine; none = as many as help."""


@dataclass(frozen=True)
class TrackSettings:
    confirm_finds: Count = 3
    """A face is shown once it was found so often with new_score or more."""
    lost_s: Positive = 1.0
    """A track not found for so long is gone."""
    clear_score: Share = 0.58
    """A face whose finds score less on average is undecided: unclear (a drawing, a pattern, a face far turned away)."""
    clear_s: Positive = 1.5
    """Time constant of that average."""
    judge_every_s: Positive = 0.1
    """A known track is judged at most so often."""
    stable_every_s: Positive | None = 0.5
    """A decided track whose look does not change is judged at most so often; none = as often as any other."""
    changing_every_s: Positive | None = 0.2
    """A decided track whose look changes is judged at most so often; none = as often as any other."""
    fresh_judgements: Count = 5
    """A new track is judged in every frame until it has so many judgements."""
    judgements_per_s: Positive = 60.0
    """Judgements a second of media time over all tracks, for files."""
    classify_share: Share = 0.5
    """Share of a frame's time that judgements may take, for live sources."""


@dataclass(frozen=True)
class Priors:
    real: Positive = 0.49
    """Share of bare real faces."""
    fake: Positive = 0.02
    """Share of fakes: prints, screens, generated faces."""
    mask: Positive = 0.49
    """Share of faces with a mask."""


@dataclass(frozen=True)
class DecideSettings:
    priors: Priors = field(default_factory=Priors)
    """The mix of classes expected on site; probabilities are corrected to it."""
    memory_s: Positive = 0.6
    """Time constant of the smoothing of probabilities."""
    confidence: Share | None = None
    """A label is decided from this smoothed probability on; none = the card's."""
    release: Share = 0.1
    """A decided label is kept until its probability falls so far below the confidence."""
    hold_s: Positive = 1.0
    """A shown label changes at most once in so long."""
    stale_s: Positive = 3.0
    """A label without a new judgement for so long (too small, too blurred) is given up."""
    min_judgements: Count = 3
    """Faces judged less often are undecided: few judgements."""
    min_face_px: Positive | None = None
    """Smaller faces are undecided: small; none = the card's."""
    min_sharpness: float = 4.0
    """Faces with less detail (variance of the Laplacian of the grey crop) are undecided: blurred."""


@dataclass(frozen=True)
class ShowSettings:
    headless: bool = False
    """Open no window."""
    table: bool = True
    """Where there is no display, the live summary in the terminal."""
    mosaic_width_px: Annotated[int, Ge(160), Le(7680)] = 1280
    """Width of the picture of all cameras, where there are several."""
    mosaic_height_px: Annotated[int, Ge(120), Le(4320)] = 720
    """Its height."""
    hud: bool = True
    """The line with rate, latency, runtime and dropped frames."""
    details: bool = False
    """Probabilities, ids and detector points on the picture."""


@dataclass(frozen=True)
class OutputSettings:
    record: Path | None = None
    """H.264 video with the overlay, or a folder for annotated pictures."""
    events: Path | None = None
    """JSON lines, written as they happen."""
    summary: Path | None = None
    """One JSON object at the end."""
    snapshots: Path = Path("out")
    """Where key s writes the picture shown."""


@dataclass(frozen=True)
class Settings:
    source: SourceSettings = field(default_factory=SourceSettings)
    """Where the pictures come from."""
    sources: tuple[OneSource, ...] = ()
    """Several, watched at once: a list, each with a camera or a uri, perhaps a name, and what differs from `source`."""
    detector: DetectorSettings = field(default_factory=DetectorSettings)
    """How faces are found."""
    engine: EngineSettings = field(default_factory=EngineSettings)
    """What judges a face."""
    track: TrackSettings = field(default_factory=TrackSettings)
    """How faces are followed, and how often they are judged."""
    decide: DecideSettings = field(default_factory=DecideSettings)
    """When a judgement becomes a label."""
    show: ShowSettings = field(default_factory=ShowSettings)
    """What is on the screen."""
    output: OutputSettings = field(default_factory=OutputSettings)
    """What is written; nothing unless it is asked for."""
    kiosk: KioskSettings = field(default_factory=KioskSettings)
    """The entrance; only `monitor kiosk` looks at it."""
    analysis: AnalysisSettings = field(default_factory=AnalysisSettings)
    """Recorded footage; only `monitor analyze` looks at it."""


@functools.cache
def meanings() -> dict[type, dict[str, str]]:
    """{settings class: {field: meaning}}, read from the strings under the fields above."""
    found: dict[type, dict[str, str]] = {}
    for module in (sys.modules[__name__], kiosk_settings, analysis_settings):
        for node in ast.parse(inspect.getsource(module)).body:
            if isinstance(node, ast.ClassDef):
                found[getattr(module, node.name)] = dict(_documented(node))
    return found


def _documented(node: ast.ClassDef) -> list[tuple[str, str]]:
    """(field, string under it) of one class."""
    pairs = []
    for statement, below in itertools.pairwise(node.body):
        match statement, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                pairs.append((name, inspect.cleandoc(text)))
    return pairs
