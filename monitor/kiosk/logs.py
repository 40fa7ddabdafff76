"""The kiosk's log on the standard error: lines for people, or one JSON object each for machines."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

FACTS = ("event", "person", "client", "target")
"""What our messages carry beside their text."""


class AsJson(logging.Formatter):
    """{"at", "level", "logger", "message", ...facts}"""

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(), "logger": record.name, "message": record.getMessage(),
        }  # fmt: skip
        told |= {name: value for name in FACTS if (value := getattr(record, name, None)) is not None}
        if record.exc_info:
            told["traceback"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)


def configure(*, as_json: bool, verbose: bool) -> None:
    """Logs to the standard error from now on: what is decided and what goes wrong, with `verbose` what is tried, too.

    Libraries speak only of trouble: some would log addresses with what is secret in them.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(AsJson() if as_json else logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("monitor").setLevel(logging.DEBUG if verbose else logging.INFO)
