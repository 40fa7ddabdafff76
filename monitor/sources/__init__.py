"""Where pictures come from. `open_source` reads the settings; each kind of source loads its library on demand."""

from monitor.sources.open_source import open_source
from monitor.sources.redact import redact

__all__ = ["open_source", "redact"]
