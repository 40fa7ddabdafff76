"""Faces that move as a test says, for a tracker without a camera."""

import numpy as np

from monitor.decide import make_rule
from monitor.settings import DecideSettings, TrackSettings
from monitor.track import Tracker
from monitor.types import Box, Face, Frame

EVEN = (1 / 3, 1 / 3, 1 / 3)
PICTURE = np.zeros((480, 640, 3), np.uint8)


def frame(t, still=False, origin=None):
    return Frame(round(t * 100), t, None, PICTURE, still, origin)


def face(x, y=100.0, side=60.0, score=0.9):
    return Face(Box(x, y, x + side, y + side), score, np.zeros((6, 2), np.float32))


def tracker(**changes):
    rule = make_rule(DecideSettings(), EVEN, EVEN, card_confidence=0.6)
    return Tracker(TrackSettings(**changes), rule, new_score=0.6)


def walk(track, xs_at, seconds, fps=25.0, start=0.0):
    """Feeds faces at `xs_at(t)`; returns the ids seen in each frame."""
    seen = []
    for i in range(round(seconds * fps)):
        t = start + i / fps
        track.match(frame(t), [face(x) for x in xs_at(t)])
        seen.append({tr.id for tr in track.tracks})
    return seen
