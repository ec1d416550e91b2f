"""What Skolverket has published of objects, calls and answers, as the port gives it: one value without state."""

import json
from collections.abc import Iterable, Iterator, Sequence, Set
from datetime import date
from typing import Any, Final

from app.domain.batching import BodyForm
from app.domain.outgoing import Outgoing, outgoing
from app.domain.schools import Schools
from app.skolverket import results, taking_part
from app.skolverket.log_entries import codes, messages
from app.skolverket.places import HARMLESS
from app.skolverket.shape import SHAPES, sendable
from app.target import Message, Published

# Provisioning API 1.3.0's changelog says 200 KB a call; counted as 200,000 bytes of UTF-8.
BODY_FORM: Final = BodyForm(b'{"data":[', b",", b"]}", max_bytes=200_000)


class _Published:
    body_form = BODY_FORM
    harmless = HARMLESS
    request_items = "data"
    answer_items = results.ITEMS
    specimens = results.SPECIMENS

    def outgoing(self, kind: str, item: dict[str, Any], today: date) -> Outgoing:
        return outgoing(item, SHAPES[kind], today)

    def sendable(self, item: dict[str, Any]) -> dict[str, Any]:
        return sendable(item)

    def schools(
        self,
        number: str,
        units: Iterable[dict[str, Any]] | None,
        others: Set[str],
        programmes: Iterable[dict[str, Any]] | None,
        exams: Iterable[dict[str, Any]] | None,
    ) -> Schools:
        return taking_part.read(number, units, others, programmes, exams)

    def messages(self, received: Any, kind: str, item: Any) -> Iterator[Message]:
        return messages(received, kind, item)

    def codes(self, received: bytes) -> Sequence[str]:
        try:
            return codes(json.loads(received))
        except (ValueError, RecursionError):
            return ()


PUBLISHED: Final[Published] = _Published()
