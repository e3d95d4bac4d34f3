"""Whether the server lives, and whether it takes one more session."""

from __future__ import annotations

from threading import Event

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from components.compute import desk
from components.saving import workspace
from debuggers.sandbox import jail


def routes(stopping: Event) -> list[Route]:
    """Return the routes of both questions.

    ``/health`` answers 200 as long as the process does its work: restart it otherwise. ``/ready`` answers 503 while the
    server is full or stopping: send people elsewhere meanwhile.
    """

    async def health(_: Request) -> JSONResponse:
        facts = {"computing": len(desk().at_work()), "saves": workspace().keeps, "jail": jail.support().as_dict()}
        return JSONResponse({"alive": True, **facts})

    async def ready(request: Request) -> JSONResponse:
        sessions = request.scope["state"]["sessions"]
        is_free = sessions["open"] < sessions["limit"] and not stopping.is_set()
        facts = {"ready": is_free, "stopping": stopping.is_set(), "sessions": sessions}
        return JSONResponse(facts, status_code=200 if is_free else 503)

    return [Route("/health", health), Route("/ready", ready)]
