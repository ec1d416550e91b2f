"""Whatever changes something, on a route or a page, has its row of the audit with it; so have refusals."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import sqlalchemy as sa

from app.api.auditing import Refusals
from app.api.limits.buckets import Buckets, Rate
from app.db.audit import digest_of
from app.db.tenants import own_keys
from app.roles import API
from app.security.keys import new_key
from tests.api.access_table import API as ROUTES
from tests.api.access_table import PAGES
from tests.api.conftest import FROM_HERE, NUMBERS, Service, SignIn, token_of
from tests.api.factories import body, person, put
from tests.api.guards import ALL_SCOPES, fill

# What each route and page that changes something is called, in an order in which all can be done.
CHANGES = (
    ("PUT", "/activities/{activity_id}", "store_roster"),
    ("PATCH", "/activities/{activity_id}", "rename_activity"),
    ("POST", "/activities/{activity_id}/pause", "pause"),
    ("POST", "/activities/{activity_id}/resume", "resume"),
    ("POST", "/activities/{activity_id}/plan", "make_plan"),
    ("POST", "/events/tickets", "make_ticket"),
    ("POST", "/webhooks", "create_webhook"),
    ("PATCH", "/webhooks/{webhook_id}", "change_webhook"),
    ("POST", "/webhooks/{webhook_id}/secret/rotate", "rotate_webhook_secret"),
    ("POST", "/webhooks/{webhook_id}/test", "test_webhook"),
    ("POST", "/webhooks/{webhook_id}/deliveries/{delivery_id}/replay", "replay_delivery"),
    ("DELETE", "/webhooks/{webhook_id}", "delete_webhook"),
    ("POST", "/runs/{run_id}/cancel", "cancel_run"),
    ("POST", "/runs/{run_id}/retry", "retry_run"),
    ("POST", "/operations/runs/{run_id}/cancel", "operator_cancel"),
    ("POST", "/operations/runs/{run_id}/retry", "operator_retry"),
    ("POST", "/operations/activities/{number}/{activity_id}/pause", "operator_pause"),
    ("POST", "/operations/activities/{number}/{activity_id}/resume", "operator_resume"),
    ("POST", "/operations/organisations/{number}/pause", "operator_pause"),
    ("POST", "/operations/organisations/{number}/resume", "operator_resume"),
    ("POST", "/historik/korningar/{run_id}/avbryt", "cancel_run"),
    ("POST", "/historik/korningar/{run_id}/forsok-igen", "retry_run"),
    ("POST", "/historik/drift/korningar/{run_id}/avbryt", "operator_cancel"),
    ("POST", "/historik/drift/korningar/{run_id}/forsok-igen", "operator_retry"),
    ("POST", "/historik/drift/{number}/pausa", "operator_pause"),
    ("POST", "/historik/drift/{number}/fortsatt", "operator_resume"),
    ("POST", "/historik/prov/{activity_id}/plan", "make_plan"),
    ("POST", "/activities/{activity_id}/provision", "provision"),
    ("POST", "/historik/prov/{activity_id}/skicka", "provision"),
    ("POST", "/historik/korningar/{run_id}/skicka-igen", "provision"),
    ("DELETE", "/objects/persons/{object_id}/content", "ask_for_erasure"),
    ("DELETE", "/activities/{activity_id}", "delete_activity"),
    ("POST", "/historik/logga-ut", "sign_out"),
)
# What is asked in a body and changes nothing: `test_disclosures` has it.
SEARCHES = {"/jobs/{job_id}/records/search", "/objects/search", "/historik/jobb/{job_id}/sok"}


class Rows:
    """The rows that were not there before."""

    def __init__(self, service: Service) -> None:
        self._service, self._read = service, set[UUID]()

    async def new(self) -> Sequence[Any]:
        async with self._service.runtime.engine.connect() as conn:
            rows = (await conn.execute(sa.text("SELECT * FROM audit ORDER BY at"))).mappings().all()
        found = [row for row in rows if row["id"] not in self._read]
        self._read |= {row["id"] for row in rows}
        return found


@pytest.fixture
async def rows(service: Service, ids: dict[str, str]) -> Rows:
    made = Rows(service)
    await made.new()
    return made


def content_of(path: str) -> dict[str, Any]:
    if path.startswith("/activities/") and path.endswith("}"):
        return {"json": {"display_name": "Prov"}}
    if "/pause" in path:
        return {"json": {"reason": "Prov"}}
    if path == "/webhooks":
        return {"json": {"url": "https://host.example.se/other", "types": ["run.failed"]}}
    if path.startswith("/webhooks/") and path.endswith("}"):
        return {"json": {"enabled": True}}
    return {}


async def execute(service: Service, statement: str, **given: Any) -> None:
    async with service.runtime.engine.begin() as conn:
        await conn.execute(sa.text(statement), given)


async def at_rest(service: Service) -> None:
    """Cancels what is under way, as a worker ends it."""
    async with service.runtime.engine.begin() as conn:
        runs = (await conn.execute(sa.text("SELECT id, organisation_id FROM run WHERE finished_at IS NULL"))).all()
        for run in runs:
            await conn.execute(sa.text("SELECT cancel_run(:of, :run)"), {"of": run.organisation_id, "run": run.id})


def test_every_route_that_changes_something_is_tried() -> None:
    writing = {(row.method, row.path) for row in (*ROUTES, *PAGES) if row.method != "GET" and row.path not in SEARCHES}
    assert {(method, path) for method, path, _ in CHANGES} == writing


async def test_each_change_has_its_row(service: Service, ids: dict[str, str], rows: Rows, sign_in: SignIn) -> None:
    """With who, how, and of which organisation, whoever has changed it."""
    client, operator = await service.client(*ALL_SCOPES), await service.operator()
    visitor, operating = await sign_in(*ALL_SCOPES), await sign_in("operator")
    tokens = {id(visitor): await token_of(visitor), id(operating): await token_of(operating, "/historik/drift")}
    assert [row["action"] for row in await rows.new()] == ["sign_in", "sign_in"]
    given = {**ids, "number": NUMBERS[0]}
    for method, path, action in CHANGES:
        is_operators = "operations" in path or "drift" in path
        if action in ("provision", "ask_for_erasure", "delete_activity"):
            await at_rest(service)
        if path.startswith("/historik"):
            by = operating if is_operators else visitor
            form = {"form_token": tokens[id(by)], "reason": "Prov", "on_record_error": "halt"}
            answer = await by.post(fill(path, given), data=form, headers=FROM_HERE)
            assert answer.status_code == 303, (path, answer.text)
        else:
            by = operator if is_operators else client
            content = content_of(path)
            if method in ("PUT", "DELETE"):
                content = {}
            if method == "PUT":
                content = {"json": body([person(id=given["object_id"])])}
            answer = await by.request(method, fill(path, given), **content)
            assert answer.is_success, (path, answer.text)
        [row] = await rows.new()
        assert row["action"] == action, path
        assert row["organisation_id"] == service.organisations[0], path
        assert row["via"] == ("page" if path.startswith("/historik") else "api"), path
        assert (row["actor_kind"], bool(row["actor_id"]), len(row["actor"])) == (
            "operator" if is_operators else "key",
            True,
            12,
        ), path
        if action in ("provision", "retry_run", "cancel_run"):
            assert row["run_id"] is not None
            given["run_id"] = str(row["run_id"])


async def test_an_erasure_that_is_asked_for_is_about_its_person(
    service: Service, ids: dict[str, str], rows: Rows
) -> None:
    await at_rest(service)
    await (await service.client("admin")).delete(f"/objects/persons/{ids['object_id']}/content")
    of = service.organisations[0]
    async with service.runtime.engine.connect() as conn:
        cipher = service.runtime.cipher.of(of, await own_keys(conn, of))
    [row] = await rows.new()
    assert bytes(row["objects"]) == digest_of(cipher, UUID(ids["object_id"]))


async def test_an_answer_that_is_given_again_has_a_row_of_its_own(
    service: Service, ids: dict[str, str], rows: Rows
) -> None:
    client = await service.client("provision", "history")
    activity_id = await put(client, body([person()]))
    await rows.new()
    for _ in range(2):
        again = await client.post(f"/activities/{activity_id}/provision", headers={"Idempotency-Key": "same"})
        assert again.status_code == 202
    first, second = await rows.new()
    assert (first["action"], first["details"]) == ("provision", {})
    assert (second["action"], second["details"]) == ("provision", {"replayed": True})
    assert first["run_id"] == second["run_id"]


async def test_the_same_roster_again_has_a_row(service: Service, rows: Rows) -> None:
    client, content = await service.client("provision"), body([person()])
    activity_id = await put(client, content)
    await put(client, content, activity_id)
    assert [(row["action"], row["details"]["version"]) for row in await rows.new()] == [("store_roster", 1)] * 2


async def test_what_cannot_be_written_down_is_not_changed(service: Service, ids: dict[str, str], rows: Rows) -> None:
    """Whatever it is: the change goes with its row."""
    await execute(service, f"REVOKE INSERT ON audit FROM {API}")
    client = await service.client(*ALL_SCOPES)
    for method, path in (
        ("POST", f"/activities/{ids['activity_id']}/pause"),
        ("DELETE", f"/webhooks/{ids['webhook_id']}"),
        ("POST", f"/runs/{ids['run_id']}/cancel"),
        ("PUT", f"/activities/{uuid4()}"),
    ):
        content = {"PUT": {"json": body([person()])}, "DELETE": {}}.get(method, content_of(path))
        answer = await client.request(method, path, **content)
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/not-audited"), path
    assert (await client.get(f"/runs/{ids['run_id']}")).json()["cancel_requested_at"] is None
    assert (await client.get(f"/webhooks/{ids['webhook_id']}")).status_code == 200
    assert len((await client.get("/activities")).json()["data"]) == 1


async def test_keys_that_do_not_count_are_noted_as_long_as_there_is_room(
    service: Service, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By nothing but the handle of what has the form of a key; on the pages too."""
    refusals: Refusals = service.app.state.parts.refusals
    refusals.of_unknown = Buckets(Rate(1e-9, 3))
    client, wrong = await service.client(), new_key()
    for text in (wrong.text, "Exempelsson", wrong.text, wrong.text, wrong.text):
        answer = await client.get("/runs", headers={"Authorization": f"Bearer {text}"})
        assert answer.status_code == 401
    found = await rows.new()
    assert [(row["action"], row["actor"]) for row in found] == [
        ("refused_key", wrong.handle),
        ("refused_key", ""),
        ("refused_key", wrong.handle),
    ]
    assert {(row["organisation_id"], row["actor_kind"], row["actor_id"]) for row in found} == {(None, "unknown", None)}
    refusals.of_unknown = Buckets(Rate(1e-9, 3))
    answer = await client.post("/historik/logga-in", data={"key": wrong.text}, headers=FROM_HERE)
    assert answer.status_code == 403
    [row] = await rows.new()
    assert (row["action"], row["via"], row["details"]) == ("refused_key", "page", {"missed": 2})


async def test_nothing_is_written_once_an_address_has_failed_too_often(service: Service, rows: Rows) -> None:
    service.app.state.parts.limits.failures = Buckets(Rate(1e-9, 2))
    client = await service.client()
    for _ in range(5):
        await client.get("/runs", headers={"Authorization": f"Bearer {new_key().text}"})
    assert len(await rows.new()) == 2


async def test_a_key_that_is_refused_is_noted(service: Service, ids: dict[str, str], rows: Rows) -> None:
    """By the route's template: an address may have what somebody typed."""
    refusals: Refusals = service.app.state.parts.refusals
    refusals.of_keys = Buckets(Rate(1e-9, 2))
    client = await service.client("history")
    for _ in range(3):
        assert (await client.get(f"/activities/{ids['activity_id']}/roster")).status_code == 403
    found = await rows.new()
    assert [row["action"] for row in found] == ["refused", "refused"]
    assert found[0]["details"] == {
        "cause": "missing-scope",
        "method": "GET",
        "route": "/activities/{activity_id}/roster",
    }
    assert found[0]["organisation_id"] == service.organisations[0]
    other = await service.client("admin")
    assert (await other.get("/jobs")).status_code == 403
    assert len(await rows.new()) == 1


async def test_a_refusal_is_one_though_it_cannot_be_written(service: Service, ids: dict[str, str]) -> None:
    await execute(service, f"REVOKE INSERT ON audit FROM {API}")
    client: httpx.AsyncClient = await service.client("history")
    assert (await client.get(f"/activities/{ids['activity_id']}/roster")).status_code == 403
    wrong = {"Authorization": f"Bearer {new_key().text}"}
    assert (await client.get("/runs", headers=wrong)).status_code == 401


async def test_who_may_not_sign_in_is_noted(service: Service, rows: Rows) -> None:
    client = await service.client()
    key = await service.key("provision")
    answer = await client.post("/historik/logga-in", data={"key": key}, headers=FROM_HERE)
    assert answer.status_code == 403
    [row] = await rows.new()
    assert (row["action"], row["via"], row["organisation_id"]) == (
        "refused_sign_in",
        "page",
        service.organisations[0],
    )
