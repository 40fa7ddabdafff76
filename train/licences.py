"""What may be done with a bundle's weights: that follows from the pictures they were trained on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from train.public import PUBLIC
from train.start import NOTHING

_TITLES = "\n".join(f"- {known.title}" for known in PUBLIC.values())
RESEARCH = f"""The weights in this folder are licensed separately from the program.

They were trained on pictures collected for research, of these sets or some of them:

{_TITLES}

Several of them are for research only, or state no licence for the pictures. The weights are therefore offered for
research, evaluation and private use; whoever wants more must clear it with the owners of the data, or train on data of
their own with `monitor train` (docs/training.md).
They come without any warranty and are no certified liveness or forgery check.
"""
OWN = """The weights in this folder are licensed separately from the program.

They were trained, from random weights or those of ImageNet, on pictures of whoever made this bundle, who says what may
be done with them (`monitor train export --licence FILE` puts that here).
They come without any warranty and are no certified liveness or forgery check.
"""


def is_public(metrics: Mapping[str, Any]) -> bool:
    """Whether a card's network has seen, or may have seen, the public sets: its own pictures or what it began with."""
    if (seen := metrics.get("seen")) is None:
        return True
    began = metrics.get("training", {}).get("weights", "")
    return began not in NOTHING or any(source in PUBLIC for source, *_ in seen)


def licence(metrics: Mapping[str, Any], given: str | None) -> tuple[str, str]:
    """The line of the card and the text of the file LICENSE; `given` is the maker's own text."""
    if given is not None:
        return "see LICENSE beside the model", given
    if is_public(metrics):
        return "research and evaluation; see LICENSE beside the model", RESEARCH
    return "see LICENSE beside the model", OWN
