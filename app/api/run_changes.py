"""Changes of runs that callers ask for: made once for each Idempotency-Key, and told to whoever waits for them."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Depends, Header, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.auditing import write_change
from app.api.dependencies import CipherDep, Parts, PartsDep, Provisioner, viewer_of, visible_run
from app.api.http.answers import to_json
from app.api.http.problems import InvalidHeader
from app.api.schemas.requests import ProvisionRequest
from app.db import idempotency, reads, runs
from app.db.activity_queue import WakeUp
from app.db.cipher import OrganisationCipher
from app.db.idempotency import Stored, Used
from app.errors import ActivityDeleted, ContentErased, EarlierRunUnderWay, RunNotEnded, RunNotLatest, RunSucceeded
from app.security.keys import Caller
from app.views import Shown
from app.views.run import is_run_finished, show_run
from app.views.sealed import open_run

ACCEPTED: dict[str, Any] = {
    "description": "The run as it is now, committed.",
    "headers": {
        "Location": {"description": "Where the run is.", "schema": {"type": "string"}},
        "Retry-After": {
            "description": "Seconds until a look is worth while; not when the run has ended.",
            "schema": {"type": "integer"},
        },
        "Idempotent-Replayed": {
            "description": "`true` when the Idempotency-Key was used for this before: the body is the answer of then.",
            "schema": {"type": "string", "enum": ["true"]},
        },
    },
}

# Why a run is not retried, whoever asks.
NOT_RETRIED: Final = (RunNotEnded, RunSucceeded, RunNotLatest, EarlierRunUnderWay, ActivityDeleted, ContentErased)

# What the audit calls a change of this name.
_ACTIONS: Final[Mapping[str, str]] = {"provision": "provision", "cancel": "cancel_run", "retry": "retry_run"}

_Asked = Annotated[
    str | None,
    Header(
        description="1 to 255 characters: this key's repeats with the same one get the same answer, for 24 hours.",
        examples=["8e03978e-40d5-43e8-bc93-6894a57f9324"],
        # Said, and not checked by this: an empty one is refused with words of its own.
        json_schema_extra={"minLength": 1, "maxLength": 255},
    ),
]


@dataclass(frozen=True, slots=True)
class Changed:
    """A run that the transaction has made or changed.

    `more` is said of it in the answer, beside what GET says, and what was allowed, `allow`, in the audit.
    """

    run_id: UUID
    wake_ups: list[WakeUp]
    more: Mapping[str, Any] = field(default_factory=dict)
    allow: Sequence[str] = ()


Change = Callable[[AsyncConnection], Awaitable[Changed]]


@dataclass(frozen=True, slots=True)
class Made:
    """What was answered, whether the run has ended by now, and whether it was so answered before."""

    answer: Stored
    is_finished: bool
    is_replayed: bool


@dataclass(frozen=True, slots=True)
class RunChanges:
    """Who asks for a change, with the Idempotency-Key if there is one."""

    parts: Parts
    caller: Caller
    cipher: OrganisationCipher
    key: str | None

    async def once(self, name: str, *request: Any, change: Change) -> Response:
        """Makes a change as `make` does, and answers with the run."""
        return _accepted(await self.make(name, *request, change=change))

    async def make(self, name: str, *request: Any, change: Change) -> Made:
        """Makes a `change` in a transaction of this `name`, unless the key has been answered for the same `request`.

        Raises what `change` raises, IdempotencyKeyInUse and IdempotencyKeyReused; then nothing is kept.
        """
        used = None if self.key is None else Used.of(self.cipher, self.caller.key_id, self.key, name, *request)
        of = self.caller.organisation_id
        async with self.parts.transaction(name, of=of) as conn:
            before = None if used is None else await idempotency.find(conn, self.cipher, used)
            if before is None:
                changed = await change(conn)
                shown = await self._shown(conn, changed)
                activity_id = UUID(str(shown["activity_id"]))
                allow = list(changed.allow) or None
                await write_change(
                    conn, of, _ACTIONS[name], run_id=changed.run_id, activity_id=activity_id, allow=allow
                )
                answer = Stored(changed.run_id, to_json(shown).decode("ascii"))
                if used is not None:
                    await idempotency.keep(conn, self.cipher, used, answer)
            else:
                await write_change(conn, of, _ACTIONS[name], run_id=before.run_id, replayed=True)
        if before is not None:
            # Nothing that the key may not read now, and no word of looking again at what has ended since.
            run = await visible_run(self.parts, viewer_of(self.caller, self.parts), before.run_id)
            return Made(_named_as_now(before, run.answer.body), run.answer.finished, is_replayed=True)
        self.parts.runs.changed_here(shown["activity_id"])
        # Only now: a worker that hears of the run must find it.
        await self.parts.runtime.notifier.wake_up(changed.wake_ups)
        return Made(answer, is_run_finished(shown), is_replayed=False)

    async def _shown(self, conn: AsyncConnection, changed: Changed) -> Shown:
        found = await reads.find_run_with_jobs(conn, self.caller.organisation_id, changed.run_id)
        assert found is not None  # noqa: S101 - its change is in this transaction
        run, jobs = found
        return {**show_run(open_run(run, self.cipher), jobs), **changed.more}


def _named_as_now(before: Stored, now: bytes) -> Stored:
    """Gives what was answered `before` with the activity's name as GET of the run shows it `now`: none once deleted."""
    shown = json.loads(before.body)
    shown["activity"]["display_name"] = json.loads(now)["activity"]["display_name"]
    return Stored(before.run_id, to_json(shown).decode("ascii"))


def provisioning(parts: Parts, caller: Caller, activity_id: UUID, asked: ProvisionRequest) -> Change:
    """Makes the change by which an activity's roster is sent as it was `asked` for."""

    async def accept(conn: AsyncConnection) -> Changed:
        accepted = await runs.accept_run(
            conn,
            organisation_id=caller.organisation_id,
            activity_id=activity_id,
            on_record_error=asked.on_record_error,
            key_id=caller.key_id,
            key_name=caller.key_name,
            most_waiting=parts.runtime.settings.max_organisation_waiting_runs,
            allow=sorted(set(asked.allow)),
            stop_at_errors=asked.stops,
        )
        return Changed(accepted.run_id, accepted.wake_ups, allow=sorted(set(asked.allow)))

    return accept


async def _run_changes(
    request: Request, parts: PartsDep, caller: Provisioner, cipher: CipherDep, idempotency_key: _Asked = None
) -> RunChanges:
    if len(request.headers.getlist("idempotency-key")) > 1:
        raise InvalidHeader("header Idempotency-Key: It stands there more than once. Give one key.")
    if idempotency_key is not None and not 1 <= len(idempotency_key) <= 255:
        raise InvalidHeader("header Idempotency-Key: It has 1 to 255 characters.")
    return RunChanges(parts, caller, cipher, idempotency_key)


RunChangesDep = Annotated[RunChanges, Depends(_run_changes)]


def _accepted(made: Made) -> Response:
    headers = {"Location": f"/runs/{made.answer.run_id}", "Cache-Control": "no-store"}
    if made.is_replayed:
        headers["Idempotent-Replayed"] = "true"
    if not made.is_finished:
        headers["Retry-After"] = "1"
    return Response(made.answer.body, 202, headers=headers, media_type="application/json")
