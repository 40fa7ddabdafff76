"""Who calls, by which name, and through whom."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send


def allowed_hosts(host: str, more: Iterable[str]) -> frozenset[str]:
    """Names that are this server's own. Any other in `Host` is another site's, led here by its name service."""
    own = {"localhost", "127.0.0.1", "::1"} | ({host} if host not in ("0.0.0.0", "::") else set())
    return frozenset(name.lower() for name in own | set(more))


def is_loopback(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_loopback


def host_of(text: str) -> str:
    """The name in `name:port` or `[::1]:port`, lower case; empty where it is none."""
    try:
        return urlsplit(f"//{text}").hostname or ""
    except ValueError:
        return ""


def neighbourhood(address: str) -> str:
    """Whom to count together: an IPv6 address stands for its /64, where one caller has them all.

    But not IPv4 addresses in IPv6's clothes, as a server on `::` sees them: each is a caller.
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    mapped = getattr(found, "ipv4_mapped", None)
    if found.version == 4 or mapped is not None:
        return str(mapped or found)
    return str(ipaddress.ip_network((address, 64), strict=False))


class ThroughProxies:
    """ASGI middleware: nobody is let in but this machine and the proxies, so that nothing travels unencrypted."""

    def __init__(self, app: ASGIApp, proxies: Iterable[str]) -> None:
        self._app, self._proxies = app, frozenset(proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        known = client is None or is_loopback(client[0]) or client[0] in self._proxies
        if scope["type"] == "http" and not known:
            told = {"error": "this server is reached through its proxy", "hint": "see kiosk.server.proxies"}
            await JSONResponse(told, 403)(scope, receive, send)
            return
        await self._app(scope, receive, send)
