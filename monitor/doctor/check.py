"""The words of the doctor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from monitor.settings import Settings

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """What a look at one thing gave."""

    status: Status
    what: str
    cure: str = ""
    """What mends it; empty where nothing has to be."""


@dataclass(frozen=True)
class Check:
    """A finding with the name of the thing looked at."""

    name: str
    status: Status
    what: str
    cure: str = ""


Look = Callable[[Settings], Finding]
