"""Webhooks as callers meet them: made, told over real sockets what happens, tried again and replayed."""

import asyncio
import base64
import hashlib
import hmac
import json
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from app.domain.webhooks import EVENTS
from app.jobs.deliveries import DeliveryLoop
from app.jobs.webhook_sender import NoAnswer, WebhookSender
from app.settings import Settings
from tests.api.conftest import Service
from tests.api.factories import body, person, put
from tests.api.guards import CIVIC_NO, assert_problem
from tests.tls import SERVER, issue
from tests.tried_with import tried_with

Json = dict[str, Any]


@dataclass
class Call:
    """What a receiver was sent."""

    head: str
    headers: dict[str, str]
    body: bytes

    def is_signed_with(self, secret: str) -> bool:
        """Verifies it as the standard says, from what is on the wire alone."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + self.body
        expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        return f"v1,{expected}" in self.headers["webhook-signature"].split(" ")


@dataclass
class Receiver:
    """A server that notes what it is sent, and answers with the statuses that it was given: then with 204."""

    port: int = 0
    calls: list[Call] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    # What it waits for before it answers.
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    called: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._answer(reader, writer)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        content = await reader.readexactly(int(headers["content-length"]))
        self.calls.append(Call(head, headers, content))
        self.called.set()
        await self.may_answer.wait()
        status = self.statuses.pop(0) if self.statuses else 204
        writer.write(f"HTTP/1.1 {status} Whatever\r\nLocation: {self.url}\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()


@asynccontextmanager
async def serving(receiver: Receiver, context: ssl.SSLContext | None = None) -> AsyncIterator[None]:
    """Lets it listen, and waits at the end for the calls that it has begun to answer."""
    begun: set[asyncio.Task[None]] = set()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        begun.add(asyncio.create_task(receiver.serve(reader, writer)))

    server = await asyncio.start_server(begin, "127.0.0.1", 0, ssl=context)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield
    finally:
        server.close()
        receiver.may_answer.set()
        await asyncio.gather(*begun)


@pytest.fixture
async def receivers() -> AsyncIterator[list[Receiver]]:
    """Two receivers, the second of which answers at once."""
    made = [Receiver(), Receiver()]
    made[1].may_answer.set()
    async with serving(made[0]), serving(made[1]):
        yield made


@pytest.fixture
def receiver(receivers: list[Receiver]) -> Receiver:
    return receivers[1]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"webhooks_to_loopback": True})


@pytest.fixture
async def client(service: Service) -> httpx.AsyncClient:
    return await service.client("admin", "provision")


@pytest.fixture
def loop(service: Service) -> DeliveryLoop:
    return DeliveryLoop(service.runtime.engine, service.runtime.cipher, WebhookSender(to_loopback=True))


async def made(client: httpx.AsyncClient, receiver: Receiver) -> Json:
    answer = await client.post("/webhooks", json={"url": receiver.url, "types": list(EVENTS)})
    assert answer.status_code == 201, answer.text
    shown: Json = answer.json()
    return shown


async def cancelled_run(client: httpx.AsyncClient) -> Json:
    run: Json = (await client.post(f"/activities/{await put(client, body([person()]))}/provision")).json()
    assert (await client.post(f"/runs/{run['id']}/cancel")).status_code == 202
    return run


async def delivery(client: httpx.AsyncClient, webhook: Json) -> Json:
    """Gives the newest of a webhook's deliveries."""
    shown: Json = (await client.get(f"/webhooks/{webhook['id']}/deliveries")).json()["data"][0]
    return shown


async def make_due(service: Service) -> None:
    async with service.runtime.engine.begin() as conn:
        await conn.execute(sa.text("UPDATE webhook_delivery SET due_at = clock_timestamp() WHERE status = 'pending'"))


async def test_a_run_that_ends_is_told_until_it_is_taken(
    service: Service, client: httpx.AsyncClient, receiver: Receiver, loop: DeliveryLoop
) -> None:
    """Signed, with ids alone; after a 500 and a redirect, which nobody follows, the same again."""
    webhook = await made(client, receiver)
    run = await cancelled_run(client)
    receiver.statuses = [500, 302]
    for attempts, status in ((1, 500), (2, 302)):
        await make_due(service)
        await loop.run_once()
        waiting = await delivery(client, webhook)
        assert (waiting["status"], waiting["attempts"], waiting["http_status"]) == ("pending", attempts, status)
        assert waiting["next_try_at"] > waiting["tried_at"]
        assert waiting["failure"] == "refused"
    await loop.run_once()
    assert len(receiver.calls) == 2, "nothing is due"
    await make_due(service)
    await loop.run_once()
    taken = await delivery(client, webhook)
    assert (taken["status"], taken["attempts"], taken["http_status"]) == ("delivered", 3, 204)
    assert (taken["failure"], taken["next_try_at"]) == (None, None)
    first, _, last = receiver.calls
    assert first.body == last.body
    assert first.head == "POST /hook HTTP/1.1"
    assert first.headers["content-type"] == "application/json"
    assert all(call.is_signed_with(webhook["secret"]) for call in receiver.calls)
    assert not first.is_signed_with("whsec_" + base64.b64encode(b"x" * 32).decode())
    assert {call.headers["webhook-id"] for call in receiver.calls} == {taken["id"]}
    content = json.loads(first.body)
    assert content == {"type": "run.cancelled", "timestamp": taken["created_at"], "data": taken["data"]}
    assert content["data"] == {
        "run_id": run["id"],
        "activity_id": run["activity_id"],
        "sequence": 1,
        "status": "cancelled",
        "outcome": "nothing_accepted",
    }


async def test_one_that_has_gone_is_disabled(client: httpx.AsyncClient, receiver: Receiver, loop: DeliveryLoop) -> None:
    """After a 410 nothing is sent, replayed or tried; enabled again, it is."""
    webhook, receiver.statuses = await made(client, receiver), [410]
    address = f"/webhooks/{webhook['id']}"
    assert (await client.post(f"{address}/test")).status_code == 202
    await loop.run_once()
    gone = await delivery(client, webhook)
    assert (gone["type"], gone["status"], gone["failure"]) == ("webhook.test", "failed", "gone")
    shown = (await client.get(address)).json()
    assert (shown["enabled"], shown["gone_at"] is None) == (False, False)
    for refused in (f"{address}/test", f"{address}/deliveries/{gone['id']}/replay"):
        assert assert_problem(await client.post(refused), 409)["type"] == "/problems/webhook-disabled"
    shown = (await client.patch(address, json={"enabled": True})).json()
    assert (shown["enabled"], shown["gone_at"]) == (True, None)
    again = await client.post(f"{address}/deliveries/{gone['id']}/replay")
    assert (again.status_code, again.json()["status"], again.json()["attempts"]) == (202, "pending", 0)
    await loop.run_once()
    assert (await delivery(client, webhook))["status"] == "delivered"
    assert receiver.calls[0].headers["webhook-id"] == receiver.calls[1].headers["webhook-id"]


async def test_one_that_does_not_answer_holds_up_no_other(
    client: httpx.AsyncClient, receivers: list[Receiver], loop: DeliveryLoop
) -> None:
    """The loop is told to end while one stands still, and ends."""
    silent, quick = receivers
    loop.look_every = 0.05
    webhooks = [await made(client, each) for each in receivers]
    stop = asyncio.Event()
    running = asyncio.create_task(loop.run(stop))
    async with asyncio.timeout(20):
        await client.post(f"/webhooks/{webhooks[0]['id']}/test")
        await silent.called.wait()
        await client.post(f"/webhooks/{webhooks[1]['id']}/test")
        await quick.called.wait()
        silent.may_answer.set()
        stop.set()
        await running
    assert [(await delivery(client, each))["status"] for each in webhooks] == ["delivered"] * 2


async def test_both_secrets_sign_after_a_rotation(
    client: httpx.AsyncClient, receiver: Receiver, loop: DeliveryLoop
) -> None:
    webhook = await made(client, receiver)
    address = f"/webhooks/{webhook['id']}"
    new = (await client.post(f"{address}/secret/rotate")).json()["secret"]
    await client.post(f"{address}/test")
    await loop.run_once()
    assert new != webhook["secret"]
    assert all(receiver.calls[0].is_signed_with(secret) for secret in (new, webhook["secret"]))
    for answer in (await client.get(address), await client.get("/webhooks"), await client.patch(address, json={})):
        assert "whsec_" not in answer.text
        assert "secret" not in answer.text


async def test_deliveries_are_paged_the_newest_first(client: httpx.AsyncClient, receiver: Receiver) -> None:
    address = f"/webhooks/{(await made(client, receiver))['id']}"
    ids = [(await client.post(f"{address}/test")).json()["id"] for _ in range(3)]
    first = (await client.get(f"{address}/deliveries?limit=2")).json()
    rest = (await client.get(f"{address}/deliveries?limit=2&cursor={first['next_cursor']}")).json()
    assert [each["id"] for each in first["data"] + rest["data"]] == ids[::-1]
    assert rest["next_cursor"] is None
    assert (await client.delete(address)).status_code == 204
    assert_problem(await client.get(f"{address}/deliveries"), 404)


@tried_with(
    ("changes", "pointer", "code"),
    [
        ({"url": f"http://host.example.se/{CIVIC_NO}"}, "/url", "webhook_url_not_https"),
        ({"url": "https://169.254.169.254/"}, "/url", "webhook_url_inside"),
        ({"url": CIVIC_NO}, "/url", "webhook_url"),
        ({"url": None}, "/url", "not_a_string"),
        ({"types": []}, "/types", "empty"),
        ({"types": [CIVIC_NO]}, "/types/0", "not_one_of"),
        ({"enabled": None}, "/enabled", "wrong_form"),
        ({"secret": CIVIC_NO}, "", "unknown_field"),
    ],
)
async def test_what_no_webhook_can_be_is_refused(
    client: httpx.AsyncClient, receiver: Receiver, changes: Json, pointer: str, code: str
) -> None:
    """When it is made and when it is changed; what was given is not repeated."""
    address = f"/webhooks/{(await made(client, receiver))['id']}"
    whole = {"url": receiver.url, "types": ["run.failed"], **changes}
    for answer in (await client.post("/webhooks", json=whole), await client.patch(address, json=changes)):
        [error] = assert_problem(answer, 422)["errors"]
        assert (error["pointer"], error["code"]) == (pointer, code)
        assert CIVIC_NO not in answer.text


async def test_an_eleventh_is_refused(client: httpx.AsyncClient, receiver: Receiver) -> None:
    """The ten are listed page by page, the oldest first."""
    ids = [(await made(client, receiver))["id"] for _ in range(10)]
    first = (await client.get("/webhooks?limit=7")).json()
    rest = (await client.get(f"/webhooks?cursor={first['next_cursor']}")).json()
    assert [len(first["data"]), rest["next_cursor"]] == [7, None]
    assert [each["id"] for each in first["data"] + rest["data"]] == ids
    answer = await client.post("/webhooks", json={"url": receiver.url, "types": ["run.failed"]})
    assert assert_problem(answer, 409)["type"] == "/problems/too-many-webhooks"


async def test_nothing_is_sent_inside(receiver: Receiver) -> None:
    """An address is judged when the connection is made, by what its name leads to then."""
    for url, code in (
        (receiver.url, "address_inside"),
        (receiver.url.replace("127.0.0.1", "localhost"), "address_inside"),
        ("https://nowhere.invalid/", "name_unknown"),
    ):
        with pytest.raises(NoAnswer) as refused:
            await WebhookSender(to_loopback=False).send(url, {}, b"{}")
        assert refused.value.code == code
    assert receiver.calls == []


@pytest.fixture
def leads_to(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Has a name lead to the addresses of each look-up in turn; gives the names that were looked up."""

    def lead(name: str, *answers: list[str]) -> list[str]:
        asked, really = list[str](), socket.getaddrinfo

        def look_up(host: str | bytes | None, port: int, *args: Any, **kwargs: Any) -> list[Any]:
            if host != name:
                return really(host, port, *args, **kwargs)
            asked.append(name)
            addresses = answers[min(len(asked), len(answers)) - 1]
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        return asked

    return lead


async def test_a_name_that_leads_inside_as_well_is_not_called(
    receiver: Receiver, leads_to: Callable[..., list[str]]
) -> None:
    leads_to("host.example.se", ["127.0.0.1", "8.8.8.8"])
    with pytest.raises(NoAnswer) as refused:
        await WebhookSender(to_loopback=False).send(f"http://host.example.se:{receiver.port}/", {}, b"{}")
    assert refused.value.code == "address_inside"
    assert receiver.calls == []


async def test_a_name_is_looked_up_once(receiver: Receiver, leads_to: Callable[..., list[str]]) -> None:
    """The connection is made to what was judged, wherever the name leads a moment later."""
    asked = leads_to("host.example.se", ["127.0.0.1"], ["127.0.0.2"])
    sender = WebhookSender(to_loopback=True)
    assert await sender.send(f"http://host.example.se:{receiver.port}/", {}, b"{}") == 204
    assert asked == ["host.example.se"]


async def test_a_try_ends_in_time(receivers: list[Receiver]) -> None:
    with pytest.raises(NoAnswer) as late:
        await WebhookSender(to_loopback=True, timeout=0.2).send(receivers[0].url, {}, b"{}")
    assert late.value.code == "timeout"


async def test_a_certificate_is_of_the_name_that_was_given(tmp_path: Path) -> None:
    """Although the connection is made to an address that was looked up."""
    authority = issue("Authority", authority=True)
    server = issue("Server", authority, uses=[SERVER], hosts=["localhost"])
    (tmp_path / "server.pem").write_bytes(server.chain_pem + server.key_pem)
    own = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    own.load_cert_chain(tmp_path / "server.pem")
    trusting = ssl.create_default_context(cadata=authority.pem.decode())
    receiver = Receiver()
    receiver.may_answer.set()
    sender = WebhookSender(to_loopback=True, context=trusting)
    async with serving(receiver, own):
        assert await sender.send(f"https://localhost:{receiver.port}/", {}, b"{}") == 204
        for stranger, host in ((sender, "127.0.0.1"), (WebhookSender(to_loopback=True), "localhost")):
            with pytest.raises(NoAnswer) as refused:
                await stranger.send(f"https://{host}:{receiver.port}/", {}, b"{}")
            assert refused.value.code == "certificate_not_trusted"
    assert len(receiver.calls) == 1
