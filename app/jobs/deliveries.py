"""The loop in which a process tells endpoints what has happened: a few at once, and none waits for another."""

import asyncio
from dataclasses import dataclass, field
from random import Random, SystemRandom
from typing import Final
from uuid import UUID

import structlog
from cryptography.exceptions import InvalidTag
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import deliveries
from app.db.acting import EVERYBODY
from app.db.cipher import Cipher, KeyUnknown
from app.db.deliveries import Delivery
from app.db.engine import transaction
from app.db.webhooks import secret_place
from app.domain.webhooks import body_of, headers_of, next_try, verdict_of
from app.jobs.webhook_sender import NoAnswer, WebhookSender
from app.logs import describe_exception

log = structlog.get_logger(__name__)

# Tries at once, in all and of one endpoint: many endpoints must stand still before another one waits for them.
AT_ONCE: Final = 50
_EACH: Final = 2
# When the process ends, a try has so long (s); then it is somebody else's when its lease has passed.
_END_WITHIN: Final = 5.0


@dataclass(slots=True)
class DeliveryLoop:
    """Delivers what is due by a `sender`."""

    engine: AsyncEngine
    cipher: Cipher
    sender: WebhookSender
    random: Random = field(default_factory=SystemRandom)
    look_every: float = 1.0
    _in_progress: dict[asyncio.Task[None], UUID] = field(default_factory=dict)

    async def run(self, stop: asyncio.Event) -> None:
        """Delivers until told to stop; never raises."""
        stopped = asyncio.create_task(stop.wait())
        while not stop.is_set():
            try:
                claimed = await self._look()
            except Exception as problem:  # Postgres may be away for a while
                log.error("no look at deliveries", **describe_exception(problem))
                claimed = 0
            # When something was due there may be more: the first that ends makes room for it.
            news = [stopped, *self._in_progress] if claimed else [stopped]
            wait = self.look_every * self.random.uniform(0.8, 1.2)
            await asyncio.wait(news, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if self._in_progress:
            _, late = await asyncio.wait(self._in_progress, timeout=_END_WITHIN)
            for each in late:
                each.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def run_once(self) -> None:
        """Delivers all that is due, and returns when nothing is."""
        while await self._look():
            await asyncio.gather(*self._in_progress)

    async def _look(self) -> int:
        """Claims what is due while there is room, and begins it; gives how much it was."""
        room = AT_ONCE - len(self._in_progress)
        if not room:
            return 0
        full = sorted(set(self._in_progress.values()))
        async with transaction(self.engine, "claim_deliveries", of=EVERYBODY) as conn:
            claimed = await deliveries.claim_deliveries(conn, most=room, each=_EACH, full=full)
        for delivery in claimed:
            trying = asyncio.create_task(self._try(delivery))
            self._in_progress[trying] = delivery.webhook_id
            trying.add_done_callback(self._in_progress.pop)
        return len(claimed)

    async def _try(self, delivery: Delivery) -> None:
        """Makes one try. Never raises: what cannot be written down is tried again when its lease has passed."""
        try:
            http_status, failure = await self._call(delivery)
            await self._settle(delivery, http_status, failure)
        except Exception as problem:
            log.error("a delivery is left as it is", delivery_id=str(delivery.id), **describe_exception(problem))

    async def _call(self, delivery: Delivery) -> tuple[int | None, str | None]:
        try:
            secrets = self._secrets(delivery)
        except (KeyUnknown, InvalidTag):
            return None, "secret_unreadable"
        body = body_of(delivery.type, delivery.created_at, delivery.data)
        headers = headers_of(str(delivery.id), int(delivery.now.timestamp()), body, secrets)
        try:
            return await self.sender.send(delivery.url, headers, body), None
        except NoAnswer as fault:
            return None, fault.code

    async def _settle(self, delivery: Delivery, http_status: int | None, failure: str | None) -> None:
        verdict = verdict_of(http_status)
        again_in = next_try(delivery.attempts + 1, self.random.random()) if verdict == "failed" else None
        if verdict != "delivered":
            failure = failure or ("gone" if verdict == "gone" else "refused")
            log.warning(
                "a webhook was not delivered",
                webhook_id=str(delivery.webhook_id),
                delivery_id=str(delivery.id),
                organisation_id=str(delivery.organisation_id),
                code=failure,
                http_status=http_status,
                again_in=again_in and round(again_in.total_seconds()),
            )
        async with transaction(self.engine, "delivery_tried", of=delivery.organisation_id) as conn:
            await deliveries.settle(
                conn, delivery, verdict, http_status=http_status, failure=failure, again_in=again_in
            )

    def _secrets(self, delivery: Delivery) -> list[bytes]:
        cipher = self.cipher.of(delivery.organisation_id, bytes(delivery.own_keys))
        place = secret_place(delivery.webhook_id)
        sealed = filter(None, (delivery.secret, delivery.secret_before))
        return [cipher.open(bytes(each), place) for each in sealed]
