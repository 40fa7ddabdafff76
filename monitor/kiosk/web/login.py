"""Signing in and out."""

from __future__ import annotations

import asyncio
import html
import logging
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from monitor.kiosk.web.addresses import neighbourhood
from monitor.kiosk.web.gate import PAGES, SESSION_COOKIE, Rules
from monitor.kiosk.web.screen import page
from monitor.kiosk.web.sessions import Throttle

log = logging.getLogger("monitor.kiosk")
MOST_WAITING = 8
"""Passwords are hashed one at a time, which is slow on purpose; more callers than this are sent away at once."""
UNSET = "No password is set. On the machine itself, say: monitor kiosk set-password"


def login_routes(rules: Rules, session_s: float) -> APIRouter:
    """`rules` holds the sessions; one password is tried at a time, and wrong ones slow their client down."""
    routes = APIRouter(include_in_schema=False)
    throttle, turn, waiting = Throttle(), asyncio.Lock(), list[str]()

    @routes.get("/login")
    async def form(next: str = "/manage") -> Response:
        return _form("" if rules.credentials.password else UNSET, next, 200)

    @routes.post("/login")
    async def login(request: Request) -> Response:
        fields = parse_qs((await request.body()).decode("utf-8", "replace"))
        password, target = fields.get("password", [""])[0], fields.get("next", ["/manage"])[0]
        client = neighbourhood(request.client.host if request.client else "")
        if len(waiting) >= MOST_WAITING:
            return _form("Too many are trying. Wait a moment.", target, 429)
        waiting.append(client)
        try:
            return await _try(client, password, target)
        finally:
            waiting.remove(client)

    async def _try(client: str, password: str, target: str) -> Response:
        async with turn:
            wait_s = throttle.wait_s(client)
            if wait_s > 0:
                answer = _form(f"Too many tries. Wait {wait_s:.0f} s.", target, 429)
                answer.headers["Retry-After"] = str(max(1, round(wait_s)))
                return answer
            right = await run_in_threadpool(rules.credentials.knows_password, password)
            if not right:
                throttle.failed(client)
                log.warning("a wrong password was tried", extra={"client": client})
                return _form("That is not the password." if rules.credentials.password else UNSET, target, 401)
            throttle.succeeded(client)
        answer = RedirectResponse(target if target in PAGES else "/manage", 303)
        answer.set_cookie(
            SESSION_COOKIE, rules.sessions.open(), max_age=int(session_s), httponly=True, samesite="strict",
            secure=rules.secure,
        )  # fmt: skip
        return answer

    @routes.post("/logout")
    async def logout(request: Request) -> Response:
        rules.sessions.end(request.cookies.get(SESSION_COOKIE))
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(SESSION_COOKIE, httponly=True, samesite="strict", secure=rules.secure)
        return answer

    return routes


def _form(message: str, target: str, status: int) -> Response:
    text = bytes(page("login.html").body).decode()
    target = target if target in PAGES else "/manage"
    text = text.replace("<!--MESSAGE-->", html.escape(message)).replace("<!--NEXT-->", html.escape(target))
    return Response(text, status, media_type="text/html")
