"""Several cameras in one run: one engine, turns that are fair, one picture; each camera fails and recovers alone."""

from monitor.several.run import run

__all__ = ["run"]
