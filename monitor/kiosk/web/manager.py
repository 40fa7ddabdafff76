"""The JSON API of the manager's and the setup page. Every answer is typed, so that /openapi.json tells it all."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from monitor.errors import MonitorError
from monitor.kiosk.entrance import Entrance, place_at_first
from monitor.kiosk.facts import Event
from monitor.kiosk.store import Query as Asked
from monitor.kiosk.store import bars, day_span, first_midnight
from monitor.kiosk.store.snapshots import KEY
from monitor.kiosk.web.desk import Desk
from monitor.kiosk.web.screen import page
from monitor.kiosk.web.streams import Pictures
from monitor.threads import StillRunning
from monitor.versions import versions

Share = Annotated[float, Field(ge=0, le=1)]
MOST_SEQ = 2**63 - 1
"""SQLite's largest number."""
Kind = Literal["person", "door", "override", "setting", "system", "purge"]


class Override(BaseModel, extra="forbid"):
    """The staff's word."""

    action: Literal["admit", "refuse"]
    seconds: Annotated[float, Field(gt=0, le=600)] | None = None
    """None = as kiosk.policy.override_s says."""
    note: Annotated[str, Field(max_length=500)] = ""


class Place(BaseModel, extra="forbid"):
    """The area at the door."""

    zone: Annotated[list[tuple[Share, Share]], Field(max_length=32)]
    near_share: Annotated[float, Field(gt=0, le=1)]


def manager_routes(desk: Desk, pictures: Pictures) -> APIRouter:
    routes = APIRouter()

    @routes.get("/manage", include_in_schema=False)
    def manage() -> Response:
        return page("manage.html")

    @routes.get("/setup", include_in_schema=False)
    def setup() -> Response:
        return page("setup.html")

    @routes.get("/api/session")
    def session(request: Request) -> dict[str, str]:
        return {"csrf": request.state.session.csrf}

    @routes.get("/api/state")
    def state() -> dict[str, Any]:
        return desk.newest_state(details=True)

    @routes.get("/api/live", include_in_schema=False)
    async def live() -> Response:
        return pictures.stream()

    @routes.get("/api/policy")
    def policy() -> dict[str, Any]:
        settings = desk.settings.policy
        return {**asdict(settings), **_place(desk)}

    @routes.get("/api/zone")
    def zone() -> dict[str, Any]:
        return _place(desk)

    @routes.put("/api/zone")
    def draw(place: Place) -> dict[str, Any]:
        if 0 < len(place.zone) < 3:
            raise HTTPException(422, "a zone has at least three corners")
        return _told(_asked(desk, lambda entrance: entrance.place(tuple(place.zone), place.near_share)))

    @routes.post("/api/override")
    def override(word: Override) -> dict[str, Any]:
        seconds = desk.settings.policy.override_s if word.seconds is None else word.seconds
        return _told(_asked(desk, lambda entrance: entrance.override(word.action, seconds, word.note)))

    return routes


def record_routes(desk: Desk) -> APIRouter:
    """What was decided, and how the machine is."""
    routes = APIRouter()

    @routes.get("/api/summary")
    def summary() -> dict[str, Any]:
        now = time.time()
        found = desk.store.summary(*day_span(now))
        told = {key: value for key, value in asdict(found).items() if not key.endswith("_wait_s")}
        wait_s = {"median": found.median_wait_s, "p95": found.p95_wait_s}
        return {"day": time.strftime("%Y-%m-%d", time.localtime(now)), **told, "wait_s": wait_s}

    @routes.get("/api/compliance")
    def compliance(by: Literal["hour", "day"] = "hour", days: Annotated[int, Query(ge=1, le=90)] = 1) -> dict[str, Any]:
        now = time.time()
        since = first_midnight(now, days)
        found = bars(desk.store.visits(since, now + 1), by, since, now)
        told = [{"from": bar.start, **{k: v for k, v in asdict(bar).items() if k != "start"}} for bar in found]
        return {"by": by, "bars": told}

    @routes.get("/api/events")
    def events(
        before: Annotated[int | None, Query(ge=1, le=MOST_SEQ)] = None, limit: Annotated[int, Query(ge=1, le=200)] = 50,
        kind: Kind | None = None, person: Annotated[str | None, Query(max_length=64)] = None,
    ) -> dict[str, Any]:  # fmt: skip
        found = desk.store.events(Asked(kind=kind, person=person, before_seq=before, limit=limit + 1))
        return {"events": [_told(event) for event in found[:limit]], "more": len(found) > limit}

    @routes.get("/api/events/{event_id}/snapshot", response_class=Response)
    def snapshot(event_id: Annotated[str, Path(pattern="^[0-9a-f]{32}$")]) -> Response:
        jpeg = desk.store.snapshots.read(event_id) if desk.store.get(event_id) else None
        if jpeg is None:
            raise HTTPException(404, "there is no picture of this event")
        return Response(jpeg, media_type="image/jpeg")

    @routes.get("/api/health")
    def health() -> dict[str, Any]:
        state, step = desk.newest_state(), desk.latest.newest[1]
        camera = {"name": desk.vitals.source, **state["camera"], "size": list(desk.vitals.size_px)}
        head = desk.store.head()
        store = {
            "file": str(desk.store.path), "events": desk.store.count(), "bytes": desk.store.size_bytes(),
            "verified": desk.verified, "head": None if head is None else str(head),
        }  # fmt: skip
        outbox = [asdict(backlog) for backlog in desk.backlogs()]
        return {
            "state": state["state"], "why": desk.unready(), "camera": camera, **desk.vitals.told(), "store": store,
            "outbox": outbox, "versions": versions(), "shown_age_s": round(time.monotonic() - step.made_s, 3),
        }  # fmt: skip

    return routes


def _place(desk: Desk) -> dict[str, Any]:
    """The area at the door; while the models are loaded, the one that will hold."""
    if desk.entrance is None:
        zone, near_share = place_at_first(desk.settings, desk.store)
        return {"zone": zone, "near_share": near_share}
    place: dict[str, Any] = _asked(desk, Entrance.placed)
    return place


def _asked(desk: Desk, question: Any) -> Any:
    try:
        return desk.ask(question)
    except TimeoutError as error:
        raise HTTPException(503, f"{error}; nothing was changed") from error
    except StillRunning as error:
        raise HTTPException(504, f"{error}; whether it holds is not known") from error
    except MonitorError as error:
        raise HTTPException(500, f"{error}; {error.hint}") from error


def _told(event: Event) -> dict[str, Any]:
    return {**asdict(event), "snapshot": KEY in event.evidence}
