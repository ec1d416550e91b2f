"""What callers read of records and batches when something went wrong between us and Skolverket."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.catalogue import catalogue
from app.db import answers, at_target, batches
from app.db.claims import Claim
from app.security.masking import mask
from app.skolverket.published import PUBLISHED
from tests.api.conftest import Service
from tests.api.factories import Object, body, person, put
from tests.database.epochs import claim

ISSUES = catalogue().issues
EVERY_SCOPE = ("history", "pii", "protected")


@dataclass
class Held:
    """The persons of a run, claimed by a worker: what is written goes through the functions that workers use."""

    service: Service
    claim: Claim

    @classmethod
    async def of(cls, service: Service, *persons: Object) -> "Held":
        client = await service.client("provision")
        activity_id = await put(client, body(list(persons)))
        run = (await client.post(f"/activities/{activity_id}/provision", json={"on_record_error": "continue"})).json()
        async with service.runtime.engine.begin() as conn:
            held = await claim(conn, UUID(run["jobs"][0]["id"]))
        assert held is not None
        return cls(service, held)

    async def answered(self, answer: Any) -> str:
        """Sends all records in one batch, to which this is answered; gives its address."""
        cipher = self.service.runtime.cipher.of(self.claim.organisation_id, self.claim.own_keys)
        async with self.service.runtime.engine.begin() as conn:
            batch = (await batches.write_batch(conn, cipher, PUBLISHED, self.claim)).batch
            assert batch is not None
            await batches.call_batch(conn, cipher, PUBLISHED, self.claim, batch.id)
            await answers.accept_batch(conn, self.claim, batch.id, 202, "remote", timedelta())
            await answers.apply_answer(
                conn, cipher, self.claim, batch.id, json.dumps(answer).encode(), (), timedelta(hours=1)
            )
        return f"/jobs/{self.claim.job_id}/batches/{batch.id}"

    async def given_up(self, cause: str | None = None) -> None:
        """Ends all records in error."""
        async with self.service.runtime.engine.begin() as conn:
            await batches.expire(conn, self.claim, cause)

    async def asked(self, *object_ids: str, held: str) -> None:
        """Notes that of these objects Skolverket holds one from before."""
        async with self.service.runtime.engine.begin() as conn:
            await at_target.note_at_target(conn, self.claim, [UUID(each) for each in object_ids], {UUID(held)})

    async def messages(self, *scopes: str) -> list[list[Object]]:
        """Reads the messages of all records."""
        client = await self.service.client(*scopes)
        listed = (await client.get(f"/jobs/{self.claim.job_id}/records")).json()["data"]
        return [item["messages"] for item in listed]


@pytest.mark.parametrize(
    ("cause", "kind"),
    [("certificate_expired", "certificate_expired"), ("http_502", "http_500"), ("http_302", "http_other")],
)
async def test_what_was_given_up_shows_the_fault_behind_it_first(service: Service, cause: str, kind: str) -> None:
    """In both languages; a status that has no text of its own shows that of its kind."""
    held = await Held.of(service, person())
    await held.given_up(cause)
    [[message]] = await held.messages("history")
    assert (message["code"], message["severity"]) == ("gave_up", "error")
    cause_, end = ISSUES[kind].explanation, ISSUES["gave_up"].explanation
    assert message["explanation"] == {"sv": f"{cause_.sv} {end.sv}", "en": f"{cause_.en} {end.en}"}
    assert message["text"] == message["explanation"]["sv"]


@pytest.mark.parametrize("cause", [None, "from_tomorrow"])
async def test_a_fault_without_a_text_is_left_out(service: Service, cause: str | None) -> None:
    held = await Held.of(service, person())
    await held.given_up(cause)
    [[message]] = await held.messages("history")
    assert message["explanation"] == ISSUES["gave_up"].explanation._asdict()


@pytest.mark.parametrize("scopes", [("history",), EVERY_SCOPE])
async def test_a_failed_record_that_skolverket_holds_says_so(service: Service, scopes: tuple[str, ...]) -> None:
    """After what went wrong, in the list and by itself; of one that it does not hold nothing is said."""
    first, second = person(), person(serial=981)
    held = await Held.of(service, first, second)
    await held.asked(first["id"], second["id"], held=first["id"])
    await held.given_up()
    listed = await held.messages(*scopes)
    assert [[message["code"] for message in messages] for messages in listed] == [
        ["gave_up", "held_before"],
        ["gave_up"],
    ]
    explanation = ISSUES["held_before"].explanation._asdict()
    assert listed[0][1] == {
        "severity": "warning",
        "code": "held_before",
        "text": explanation["sv"],
        "attribute": None,
        "about": [],
        "explanation": explanation,
        "explanation_url": "/explanations/held_before",
    }
    client = await service.client(*scopes)
    alone = (await client.get(f"/jobs/{held.claim.job_id}/records/{first['id']}")).json()
    assert alone["messages"] == listed[0]


async def test_a_record_that_goes_again_says_nothing_of_what_is_held(service: Service) -> None:
    """What was looked up when it failed stays known, and is no news of a record that may yet get through."""
    pupil = person()
    held = await Held.of(service, pupil)
    await held.asked(pupil["id"], held=pupil["id"])
    assert await held.messages("history") == [[]]


def item(object_id: Any, name: str) -> Object:
    """Makes an item of an answer that speaks of somebody by name."""
    error = {"id": "2010", "message": f"Om {name}", "attributeValue": name, "severityLevel": "Error"}
    return {"id": object_id, "response": {"status": "Error", "errors": [error]}}


@pytest.mark.parametrize("scopes", [("history", "pii"), EVERY_SCOPE])
async def test_items_about_others_are_masked_whatever_the_scopes(service: Service, scopes: tuple[str, ...]) -> None:
    """An answer may hold objects that were not in the batch: perhaps another organisation's pupils."""
    pupil = person()
    ours = item(pupil["id"].upper(), "Åsa")
    foreign = [item(str(uuid4()), "Främlingsson"), item("Främlingsson", "Främlingsson"), "Främlingsson"]
    answer = {"jobId": str(uuid4()), "responses": [foreign[0], ours, *foreign[1:]], "finished": True}
    held = await Held.of(service, pupil)
    address = await held.answered(answer)
    shown = json.loads((await (await service.client(*scopes)).get(address)).content)
    assert "Främlingsson" not in json.dumps(shown, ensure_ascii=False)
    masked = [mask(each, PUBLISHED.harmless.result) for each in foreign]
    finished = {"finished": True} if "protected" in scopes else {"***": "***"}  # nothing of that name is published
    expected = {"jobId": answer["jobId"], "responses": [masked[0], ours, *masked[1:]], **finished}
    assert json.dumps(shown["answer"]) == json.dumps(expected)
    assert shown["request"] == {"data": [pupil]}
