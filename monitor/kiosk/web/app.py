"""The ASGI application: routes behind the gate."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio.to_thread
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from monitor.errors import MonitorError
from monitor.kiosk.web.desk import Desk
from monitor.kiosk.web.gate import MOST_BODY_BYTES, Gate, Rules
from monitor.kiosk.web.login import login_routes
from monitor.kiosk.web.manager import manager_routes, record_routes
from monitor.kiosk.web.metrics import exposition
from monitor.kiosk.web.pulse import Pulse
from monitor.kiosk.web.screen import screen_routes
from monitor.kiosk.web.streams import Pictures, States
from monitor.versions import own_version

THREADS = 8
"""Requests that read the store or encode pictures share so few: the loop needs the processor more."""


def application(desk: Desk, rules: Rules) -> ASGIApp:
    """The application. What lives in the event loop is made when it starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        pulse = Pulse(desk.latest)
        app.state.pulse = pulse
        most_fps = desk.settings.screen.live_fps
        live = Pictures(pulse, desk.screen_jpeg, most_fps)
        details = Pictures(pulse, desk.details_jpeg, most_fps)
        app.include_router(screen_routes(desk, live, States(pulse, desk.newest_state)))
        app.include_router(login_routes(rules, desk.settings.server.session_s))
        app.include_router(manager_routes(desk, details))
        app.include_router(record_routes(desk))
        yield
        pulse.close()

    app = FastAPI(title="monitor kiosk", version=own_version(), docs_url=None, redoc_url=None, lifespan=lifespan)

    @app.get("/metrics", include_in_schema=False)
    def metrics() -> Response:
        return Response(exposition(desk), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.exception_handler(HTTPException)
    async def told(_request: Request, error: HTTPException) -> Response:
        unknown = error.status_code == 404 and error.detail == "Not Found"
        what = "there is nothing here" if unknown else str(error.detail)
        return _error(error.status_code, what, "/openapi.json lists what there is" if unknown else "")

    @app.exception_handler(ClientDisconnect)
    async def gone(*_: Any) -> Response:
        return _error(413, "too large, or broken off", f"send at most {MOST_BODY_BYTES} bytes")

    @app.exception_handler(RequestValidationError)
    async def wrong(_request: Request, error: RequestValidationError) -> Response:
        where = [".".join(str(part) for part in one["loc"]) + ": " + str(one["msg"]) for one in error.errors()]
        return _error(422, "; ".join(where)[:500], "/openapi.json tells what is expected")

    @app.exception_handler(MonitorError)
    async def failed(_request: Request, error: MonitorError) -> Response:
        return _error(500, str(error), error.hint or "")

    return _Gated(app, rules)


class _Gated:
    """The gate outermost, so that not even an error answers without its headers."""

    def __init__(self, app: FastAPI, rules: Rules) -> None:
        self.inner = app
        self._gate = Gate(app, rules)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._gate(scope, receive, send)


def _error(status: int, error: str, hint: str) -> Response:
    return JSONResponse({"error": error, "hint": hint}, status)
