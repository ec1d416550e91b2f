"""Work that is not a job: each kind has a file with its handler, and stands in one of these two lists."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.cipher import Cipher
from app.domain.retention import Retention
from app.jobs.calls import Calls
from app.jobs.tasks import (
    check_organisation,
    compare_roster,
    forget_deliveries,
    forget_epochs,
    forget_keys,
    forget_sessions,
    forget_staged,
    forget_workers,
    open_data,
)
from app.jobs.tasks.chain_audit import ChainAudit
from app.jobs.tasks.erase import Erase
from app.jobs.tasks.findings import SecondLook
from app.jobs.tasks.kind import TaskKind
from app.jobs.tasks.repair import Repairs
from app.jobs.tasks.retain import Retain
from app.jobs.tasks.seal_anew import SealAnew
from app.settings import Settings
from app.target import Published, Target


def inside(
    engine: AsyncEngine,
    cipher: Cipher,
    published: Published,
    kept: Retention,
    token_keys: Cipher | None = None,
    erasures_file: str = "",
) -> Mapping[str, TaskKind]:
    """Gives the kinds that stay inside, which any worker may do; `cipher` opens what is sealed, `token_keys` tokens.

    What is old enough goes as `kept` says. Without an `erasures_file` nothing is erased.
    """
    tidy = (
        *(forget_keys.KIND, forget_workers.KIND, forget_epochs.KIND, forget_staged.KIND, forget_sessions.KIND),
        forget_deliveries.KIND,
    )
    anew = SealAnew(engine, cipher, token_keys)
    look, erase = SecondLook(engine, cipher, published), Erase(engine, cipher, published, erasures_file)
    old, chain = Retain(engine, kept).kinds(), ChainAudit(engine, cipher)
    return _by_name(*tidy, *old, look.kind(), compare_roster.kind(engine), anew.kind(), erase.kind(), chain.kind())


def calling(
    settings: Settings, target: Target, cipher: Cipher, calls: Calls, stop: asyncio.Event
) -> Mapping[str, TaskKind]:
    """Gives the kinds that call `target`, for the process that holds an egress and may call until `stop` is set."""
    first_answer = timedelta(seconds=settings.skolverket_answer_after)
    repairs = Repairs(calls.engine, cipher, target.published, calls, first_answer, stop)
    check = check_organisation.kind(calls.engine, target, settings.skolverket_timeout)
    return _by_name(open_data.kind(settings, target, calls), repairs.kind(), check)


def _by_name(*kinds: TaskKind) -> Mapping[str, TaskKind]:
    return {each.name: each for each in kinds}
