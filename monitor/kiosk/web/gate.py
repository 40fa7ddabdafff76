"""The gate before every route: who may call, by which name, how much, and what browsers are told to forbid.

Closed by default: a route that nobody put on a list here needs the manager's session.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qs, quote, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from monitor.kiosk.web.addresses import host_of, is_loopback
from monitor.kiosk.web.credentials import Credentials
from monitor.kiosk.web.sessions import Session, Sessions

SCREEN = ("/", "/live", "/state")
"""What the screen needs: free on this machine, with a token elsewhere."""
FREE = ("/healthz", "/readyz", "/login")
STATIC = "/static/"
"""What comes with the program is no secret."""
PAGES = ("/manage", "/setup")
BEARER = ("/metrics",)
"""A scraper may come with the screen's token instead of a session."""
MOST_BODY_BYTES = 64 << 10
SESSION_COOKIE, SCREEN_COOKIE = "monitor_session", "monitor_screen"
_SAFE = ("GET", "HEAD")
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
        "font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with "no-referrer" browsers name no origin when a form is sent
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Rules:
    """What the gate goes by."""

    credentials: Credentials
    sessions: Sessions = field(repr=False)
    hosts: frozenset[str]
    """Names by which browsers may call, lower case, without port."""
    secure: bool
    """Browsers come by https: cookies are for that alone."""
    open_screen: bool
    """Callers on this machine see the screen without a token; behind a proxy everybody seems to be one."""


class Gate:
    """ASGI middleware. What it lets through carries `scope["state"]["session"]`, a Session or None."""

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self._app, self._rules = app, rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        app = self._app if refusal is None else refusal
        await app(scope, _bounded(receive), self._dressed(send))

    def _refusal(self, scope: Scope) -> Response | None:
        """The answer that ends it here; None = come in."""
        headers, path, method = Headers(scope=scope), scope["path"], scope["method"]
        host = host_of(headers.get("host", ""))
        if host not in self._rules.hosts:
            return _no(400, f"this server is not called {host!r}"[:120], "add the name to kiosk.server.hosts")
        if method not in _SAFE and not self._same_origin(headers):
            return _no(403, "this request comes from another site", "use the pages of this server")
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > MOST_BODY_BYTES:
            return _no(413, "too large", f"send at most {MOST_BODY_BYTES} bytes")
        cookies = cookie_parser(headers.get("cookie", ""))
        session = self._rules.sessions.find(cookies.get(SESSION_COOKIE))
        scope.setdefault("state", {})["session"] = session
        if path in FREE or path.startswith(STATIC):
            return None
        if path in SCREEN:
            return None if session else self._screen_refusal(scope, cookies)
        return self._manager_refusal(scope, headers, session)

    def _same_origin(self, headers: Headers) -> bool:
        """Browsers name the origin of what changes something; programs that name none bring no cookies."""
        origin = headers.get("origin")
        if origin is None:
            return headers.get("sec-fetch-site") in (None, "same-origin", "none")
        _, _, named = origin.partition("://")
        return named.lower() == headers.get("host", "").lower()

    def _screen_refusal(self, scope: Scope, cookies: dict[str, str]) -> Response | None:
        client = scope.get("client")
        if self._rules.open_screen and client is not None and is_loopback(client[0]):
            return None
        if self._rules.credentials.knows_token(cookies.get(SCREEN_COOKIE, "")):
            return None
        token = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if scope["path"] == "/" and self._rules.credentials.knows_token(token):
            answer = RedirectResponse("/", 303)
            answer.set_cookie(
                SCREEN_COOKIE, token, max_age=400 * 86400, httponly=True, samesite="strict", secure=self._rules.secure
            )
            return answer
        hint = "make one with `monitor kiosk new-token` and open the screen with /?token=..."
        return _no(401, "this screen has no token", hint)

    def _manager_refusal(self, scope: Scope, headers: Headers, session: Session | None) -> Response | None:
        path, method = scope["path"], scope["method"]
        if path in BEARER and self._rules.credentials.knows_token(
            headers.get("authorization", "").removeprefix("Bearer ")
        ):
            return None
        if session is None:
            if path in PAGES and method in _SAFE:
                return RedirectResponse("/login?" + urlencode({"next": path}, quote_via=quote), 303)
            return _no(401, "sign in first", "open /login")
        if method not in _SAFE and not session.brings(headers.get("x-csrf-token", "")):
            return _no(403, "the token of this session is missing", "send X-CSRF-Token as /api/session gives it")
        return None

    def _dressed(self, send: Send) -> Send:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if self._rules.secure:
                    headers["Strict-Transport-Security"] = "max-age=31536000"
            await send(message)

        return with_headers


def _no(status: int, error: str, hint: str) -> Response:
    return JSONResponse(
        {"error": error, "hint": hint}, status, headers={"Connection": "close"} if status == 413 else {}
    )


def _bounded(receive: Receive) -> Receive:
    """A body sent in pieces of unknown length is cut where it grows too large."""
    taken = 0

    async def bounded() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > MOST_BODY_BYTES:
            return {"type": "http.disconnect"}
        return message

    return bounded
