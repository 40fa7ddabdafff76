"""Where pictures come from. `open_source` reads the settings; each kind of source loads its library on demand."""

from monitor.redact import redact
from monitor.sources.open_source import input_files, open_source

__all__ = ["input_files", "open_source", "redact"]
