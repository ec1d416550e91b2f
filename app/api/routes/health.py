"""Whether the process is up, whether it can do its work, and which version it is."""

from fastapi import APIRouter, Response

from app import __version__
from app.api.dependencies import PartsDep
from app.api.http.answers import answer
from app.api.http.problems import NotReady, may_refuse, problem
from app.api.readiness import NEEDED
from app.api.schemas.health import Health, Version

router = APIRouter(tags=["Health"])


@router.get("/healthz", summary="Is the process up?", response_model=Health)
async def healthz() -> Response:
    """Answers as long as the process does."""
    return answer({"status": "ok", "checks": {}})


@router.get(
    "/readyz",
    summary="Can the service do its work?",
    response_model=Health,
    responses=may_refuse(NotReady),
)
async def readyz(parts: PartsDep) -> Response:
    """Names what is wrong. Without a worker, Redis or Skolverket all goes on, slower or later: that is `degraded`."""
    checks = await parts.readiness.checks()
    wrong = [name for name in NEEDED if checks[name] != "ok"]
    if wrong:
        said = ", ".join(f"{name} {checks[name]}" for name in wrong)
        return problem(NotReady, f"Not ready: {said}.", checks=checks)
    return answer({"status": "ok" if set(checks.values()) == {"ok"} else "degraded", "checks": checks})


@router.get("/version", summary="Which version is it?", response_model=Version)
async def get_version(parts: PartsDep) -> Response:
    """Gives the version, and the commit where whoever built it has said so. Needs no key."""
    return answer({"version": __version__, "commit": parts.runtime.settings.build_commit or None})
