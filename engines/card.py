"""A card to JSON and back, strictly: a key that is unknown, missing or of the wrong kind is refused by its name."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from typing import Any

from engines.contract import BundleError, Card


def card_to_json(card: Card) -> str:
    """The card as indented JSON, keys in the order of the dataclass."""
    return json.dumps(asdict(card), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def card_from_json(text: str) -> Card:
    """The card in `text`. Raises BundleError naming the key that does not hold."""
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"the card is not JSON: {error}") from error
    if not isinstance(raw, dict):
        raise BundleError("the card is not a JSON object")
    known = {field.name for field in fields(Card)}
    for what, keys in (("has an unknown key", raw.keys() - known), ("lacks the key", known - raw.keys() - _LATER)):
        if keys:
            raise BundleError(f"the card {what}: {', '.join(sorted(keys))}")
    values = {}
    for key, value in raw.items():
        try:
            values[key] = _READ[key](value)
        except (TypeError, ValueError) as error:
            raise BundleError(f"the card's {key} does not hold: {error}") from error
    return _consistent(Card(**values))


def _consistent(card: Card) -> Card:
    count = len(card.classes)
    if not card.name or card.name in (".", "..") or set(card.name) & set("/\\\0"):
        raise BundleError(f"the card's name must be fit for a folder, got {card.name!r}")
    if count < 2 or len(set(card.classes)) != count:
        raise BundleError(f"the card's classes must be at least two different names, got {card.classes}")
    if len(card.priors) != count or min(card.priors) <= 0 or abs(sum(card.priors) - 1) > 1e-3:
        raise BundleError(f"the card's priors must be {count} shares above 0 with the sum 1, got {card.priors}")
    if not 8 <= card.input_px <= 2048:
        raise BundleError(f"the card's input_px must lie in 8..2048, got {card.input_px}")
    if not 0 <= card.confidence <= 1 or card.crop_margin < 0 or card.min_face_px < 0:
        raise BundleError("the card's confidence must lie in 0..1, crop_margin and min_face_px must not be negative")
    return card


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, got {value!r}")
    return value


def _integer(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"expected a whole number, got {value!r}")
    return value


def _number(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise TypeError(f"expected a finite number, got {value!r}")
    return float(value)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"expected a list, got {value!r}")
    return value


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"expected an object, got {value!r}")
    return value


def _range(name: str, value: Any) -> tuple[float, float]:
    low, high = (_number(v) for v in _list(value))
    if not low <= high:
        raise ValueError(f"{name} runs from {low} to {high}")
    return low, high


def _limits(value: Any) -> dict[str, dict[str, float]]:
    limits = {name: {key: _number(v) for key, v in _object(row).items()} for name, row in _object(value).items()}
    for name, row in limits.items():
        if row.keys() != _LIMITED:
            raise ValueError(
                f"{name} must limit {', '.join(sorted(_LIMITED))}, and limits {', '.join(row) or 'nothing'}"
            )
    return limits


_LIMITED = {"agreement", "max_dp", "mean_dp"}
"""What engines.parity measures."""
_LATER = {"limits"}
"""Keys that older bundles lack."""

_READ: Mapping[str, Callable[[Any], Any]] = {
    "name": _text,
    "version": _text,
    "architecture": _text,
    "classes": lambda value: tuple(_text(v) for v in _list(value)),
    "input_px": _integer,
    "crop_margin": _number,
    "priors": lambda value: tuple(_number(v) for v in _list(value)),
    "confidence": _number,
    "min_face_px": _number,
    "ranges": lambda value: {name: _range(name, pair) for name, pair in _object(value).items()},
    "metrics": _object,
    "licence": _text,
    "limits": _limits,
}
