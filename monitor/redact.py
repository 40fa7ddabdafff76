"""URLs without their secrets."""

from __future__ import annotations

import re

_LOGIN = re.compile(r"(:/{1,2})\S*@")
_BARE_LOGIN = re.compile(r"[^\s:'\"]+:(?!/)\S*@")
_SECRET_VALUE = re.compile(
    r"([?&;#][^=&;#\s]*(?:token|key|pass|pwd|pw|auth|sig|secret|credential|session|user|login)[^=&;#\s]*=)[^&;#\s'\"]*",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """`text` with user:password and the values of token-like query fields replaced by ***; anything else as it is.

    Works on a URL, also a mistyped one, and on a sentence that contains some. A password may hold any character, so
    everything up to the last @ of a word is hidden: in doubt too much rather than too little.
    """
    return _SECRET_VALUE.sub(r"\1***", _BARE_LOGIN.sub("***@", _LOGIN.sub(r"\1***@", text)))
