"""What one call of the program knows about itself; every command finds it as `ctx.obj`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Session:
    verbose: bool = False
    """Errors come with their traceback, and what the program does is logged to stderr."""

    def be_verbose(self) -> None:
        """Logs to stderr from now on."""
        import logging

        self.verbose = True
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
