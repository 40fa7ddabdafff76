"""URLs without their secrets."""

from __future__ import annotations

import re

_USER = re.compile(r"(?<=://)[^/?#\s'\"]*@")
_SLASHED_PASSWORD = re.compile(r"(?<=://)[^/?#@\s:]+:(?!\d+(?:[/?#\s]|$))[^?#\s'\"]*@")
_SECRET_VALUE = re.compile(
    r"([?&;#][^=&;#\s]*(?:token|key|pass|pwd|pw|auth|sig|secret|credential|session|user|login)[^=&;#\s]*=)[^&;#\s'\"]*",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """`text` with user:password and the values of token-like query fields replaced by ***; anything else as it is.

    Works on a URL and on a sentence that contains some. In doubt too much is hidden rather than too little.
    """
    return _SECRET_VALUE.sub(r"\1***", _USER.sub("***@", _SLASHED_PASSWORD.sub("***@", text)))
