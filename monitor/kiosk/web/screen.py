"""Routes of the screen, and the pages themselves."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from monitor.kiosk.web.desk import Desk
from monitor.kiosk.web.streams import Pictures, States

STATIC = Path(__file__).parent.parent / "static"
FILES = frozenset(file.name for file in STATIC.iterdir() if file.is_file())
"""What there is to see, by name: nothing else in the folder, or above it, can be asked for."""


def page(name: str) -> Response:
    """A file that comes with the program."""
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Response((STATIC / name).read_bytes(), media_type=kind, headers={"Cache-Control": "no-cache"})


def screen_routes(desk: Desk, live: Pictures, states: States) -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    @routes.get("/")
    def screen() -> Response:
        return page("screen.html")

    @routes.get("/static/screen.json")
    def words() -> dict[str, Any]:
        return desk.screen

    @routes.get("/static/{name}")
    def static(name: str) -> Response:
        return page(name) if name in FILES else JSONResponse({"error": "there is no such file", "hint": ""}, 404)

    @routes.get("/live")
    async def pictures() -> Response:
        return live.stream()

    @routes.get("/state")
    async def state(request: Request) -> Response:
        if "text/event-stream" in request.headers.get("accept", ""):
            return states.stream()
        return JSONResponse(desk.newest_state())

    @routes.get("/healthz")
    async def alive() -> dict[str, str]:
        return {"status": "alive"}

    @routes.get("/readyz")
    async def ready() -> Response:
        why = desk.unready()
        return JSONResponse({"status": why or "ready"}, 503 if why else 200)

    return routes
