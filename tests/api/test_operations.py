"""What operators see and do over all organisations, and what an organisation pauses by itself."""

from typing import Any
from uuid import uuid4

from tests.api.conftest import NUMBERS, Service
from tests.api.factories import body, put
from tests.api.guards import CIVIC_NO, assert_problem, fill, operators_routes, request
from tests.tried_with import tried_with

REASON = {"reason": "Underhåll hos Skolverket"}


async def provisioned(service: Service, organisation: int = 0) -> dict[str, Any]:
    """Sends an activity of an organisation; gives its run."""
    client = await service.client("provision", organisation=organisation)
    activity_id = await put(client, body())
    return dict((await client.post(f"/activities/{activity_id}/provision")).json())


async def test_what_is_not_there_is_404_and_not_repeated(service: Service, ids: dict[str, str]) -> None:
    client = await service.operator()
    given = {**ids, "number": NUMBERS[0]}
    for method, path in operators_routes(service):
        for name in [each for each in ("run_id", "activity_id", "number") if f"{{{each}}}" in path]:
            for other in (CIVIC_NO, str(uuid4()), "%00"):
                answer = await request(client, method, fill(path, {**given, name: other}))
                assert_problem(answer, 404)
                assert other not in answer.text
        unknown = await request(client, method, f"{fill(path, given)}?{CIVIC_NO}=1")
        assert_problem(unknown, 400)


async def test_runs_under_way_of_all_organisations_are_listed_with_what_keeps_them(service: Service) -> None:
    """With numbers and names of organisations, and no name of an activity, a key or a person."""
    first, second = await provisioned(service), await provisioned(service, 1)
    client = await service.operator()
    await client.post(f"/operations/organisations/{NUMBERS[1]}/pause", json=REASON)
    answer = await client.get("/operations/runs")
    shown = answer.json()
    runs = {run["id"]: run for run in shown["data"]}
    assert shown["in_all"] == 2
    assert runs.keys() == {first["id"], second["id"]}
    held, other = runs[second["id"]], runs[first["id"]]
    assert held["organisation"] == {"number": NUMBERS[1], "name": "Exempelkommun"}
    assert (held["status"], held["stage"], held["next_step_at"]) == ("held", "persons", None)
    assert (held["keeps_it"]["level"], held["keeps_it"]["code"]) == ("warning", "paused_by_operator")
    assert held["progress"] == second["jobs"][0]["progress"]
    assert (other["status"], other["activity_id"]) == ("running", first["activity_id"])
    for secret in ("Prov", "a key", "Exempelsson", "Åsa"):
        assert secret not in answer.text.replace("Provkedja", "")
    only = (await client.get("/operations/runs", params={"organisation": NUMBERS[0]})).json()
    assert [run["id"] for run in only["data"]] == [first["id"]]
    warned = (await client.get("/operations/runs", params={"level": "warning", "organisation": NUMBERS[1]})).json()
    assert [run["id"] for run in warned["data"]] == [second["id"]]


async def test_pages_of_runs_under_way_go_on_where_the_one_before_ended(service: Service) -> None:
    """Each once, in the order of one page, with how many there are in all."""
    made = [await provisioned(service, number % 2) for number in range(5)]
    client = await service.operator()
    await client.post(f"/operations/organisations/{NUMBERS[1]}/pause", json=REASON)
    whole = (await client.get("/operations/runs")).json()
    assert {run["id"] for run in whole["data"]} == {run["id"] for run in made}
    assert (whole["in_all"], whole["next_cursor"]) == (5, None)
    levels = [run["keeps_it"]["level"] for run in whole["data"]]
    assert levels == ["warning"] * 2 + ["ok"] * 3
    listed, cursors = list[str](), [""]
    while cursors[-1] is not None:
        page = (await client.get("/operations/runs", params={"limit": 2, "cursor": cursors[-1]})).json()
        assert page["in_all"] == 5
        listed += [run["id"] for run in page["data"]]
        cursors.append(page["next_cursor"])
    assert listed == [run["id"] for run in whole["data"]]
    other = await client.get("/operations/runs", params={"level": "ok", "cursor": cursors[1]})
    assert (other.status_code, other.json()["type"]) == (400, "/problems/cursor-mismatch")


async def test_organisations_are_listed_with_what_is_due_and_what_is_paused(service: Service) -> None:
    run = await provisioned(service)
    client = await service.operator()
    await client.post(f"/operations/activities/{NUMBERS[0]}/{run['activity_id']}/pause", json=REASON)
    await provisioned(service)
    page = (await client.get("/operations/organisations", params={"limit": 1})).json()
    [shown] = page["data"]
    assert (shown["number"], shown["paused"], shown["jobs_due"]) == (NUMBERS[0], False, 1)
    assert shown["oldest_due_at"] is not None
    assert shown["runs"] == {"running": 1, "held": 1, "waiting": 0}
    [pause] = shown["pauses"]
    assert (pause["activity_id"], pause["reason"], pause["by"]) == (run["activity_id"], REASON["reason"], "operator")
    rest = await client.get("/operations/organisations", params={"limit": 1, "cursor": page["next_cursor"]})
    assert [(each["number"], each["jobs_due"]) for each in rest.json()["data"]] == [(NUMBERS[1], 0)]


async def test_the_doctor_speaks_here_as_on_the_command_line(service: Service) -> None:
    run = await provisioned(service)
    shown = (await (await service.operator()).get("/operations/doctor")).json()
    assert {found["code"] for found in shown["findings"]} >= {"no_worker"}
    assert shown["well"] is False
    [of_queue] = [found for found in shown["findings"] if found["queue"]]
    assert of_queue["queue"]["run_id"] == run["id"]


async def test_a_paused_run_says_so_to_its_callers_and_goes_on(service: Service) -> None:
    """Its ETag changes both times, and so does its job's."""
    run = await provisioned(service)
    client, operator = await service.client("provision", "history"), await service.operator()
    address, job = f"/runs/{run['id']}", f"/jobs/{run['jobs'][0]['id']}"
    tags = [(await client.get(each)).headers["etag"] for each in (address, job)]
    answer = await operator.post(f"/operations/organisations/{NUMBERS[0]}/pause", json=REASON)
    assert answer.status_code == 200
    [pause] = answer.json()["pauses"]
    assert answer.json() == {"organisation": NUMBERS[0], "activity_id": None, "paused": True, "pauses": [pause]}
    # What another process has changed is seen within a second.
    for each, tag in zip((address, job), tags, strict=True):
        shown = await client.get(each, headers={"If-None-Match": tag})
        while shown.status_code == 304:
            shown = await client.get(each, headers={"If-None-Match": tag})
        assert shown.json()["status"] == "held"
        assert shown.json()["held"] == {"since": pause["since"], **REASON, "by": "operator"}
    later = await client.post(f"/activities/{run['activity_id']}/provision")
    assert (later.status_code, later.json()["status"], later.json()["held"]) == (202, "queued", None)
    assert (await operator.post(f"/operations/organisations/{NUMBERS[0]}/resume")).json()["paused"] is False
    # The activity's own runs are forgotten by a cancel in this process.
    cancelled = await client.post(f"/runs/{later.json()['id']}/cancel")
    assert cancelled.status_code == 202
    assert (await client.get(address)).json()["status"] == "running"


async def test_an_organisation_pauses_and_resumes_its_own_activity(service: Service) -> None:
    run = await provisioned(service)
    client, address = await service.client("provision", "history"), f"/activities/{run['activity_id']}"
    paused = (await client.post(f"{address}/pause", json={"reason": "Lov"})).json()
    assert [(pause["by"], pause["reason"]) for pause in paused["pauses"]] == [("organisation", "Lov")]
    assert (await client.get(f"/runs/{run['id']}")).json()["held"]["by"] == "organisation"
    operator = await service.operator()
    seen = await operator.post(f"/operations/activities/{NUMBERS[0]}/{run['activity_id']}/pause", json=REASON)
    # Its own words are not for operators.
    assert {pause["by"]: pause["reason"] for pause in seen.json()["pauses"]} == {
        "organisation": None,
        "operator": REASON["reason"],
    }
    assert "Lov" not in (await operator.get("/operations/organisations")).text
    left = (await client.post(f"{address}/resume")).json()
    assert [pause["by"] for pause in left["pauses"]] == ["operator"]
    assert (await client.get(f"/runs/{run['id']}")).json()["held"]["by"] == "operator"
    await operator.post(f"/operations/activities/{NUMBERS[0]}/{run['activity_id']}/resume")
    assert (await client.get(f"/runs/{run['id']}")).json()["status"] == "running"


@tried_with("reason", ["", "   ", "x" * 201, "a\nb", None, 3])
async def test_a_reason_is_a_short_line(service: Service, reason: object) -> None:
    run = await provisioned(service)
    client = await service.client("provision", "history")
    answer = await client.post(f"/activities/{run['activity_id']}/pause", json={"reason": reason})
    assert_problem(answer, 422)


async def test_a_deleted_activity_is_paused_by_operators_alone(service: Service) -> None:
    client = await service.client("provision", "history")
    activity_id = await put(client, body())
    assert (await client.delete(f"/activities/{activity_id}")).status_code == 204
    assert_problem(await client.post(f"/activities/{activity_id}/pause", json=REASON), 404)
    operator = await service.operator()
    answer = await operator.post(f"/operations/activities/{NUMBERS[0]}/{activity_id}/pause", json=REASON)
    assert answer.status_code == 200


async def test_an_operator_cancels_and_retries_a_run_of_any_organisation(service: Service) -> None:
    run, owner = await provisioned(service, 1), await service.client("history", organisation=1)
    client = await service.operator()
    await client.post(f"/operations/organisations/{NUMBERS[1]}/pause", json=REASON)
    cancelled = await client.post(f"/operations/runs/{run['id']}/cancel")
    assert cancelled.status_code == 202
    assert cancelled.json() == {
        "id": run["id"],
        "organisation": NUMBERS[1],
        "activity_id": run["activity_id"],
        "sequence": 1,
        "status": "cancelled",
        "cancel_requested": True,
    }
    assert_problem(await client.post(f"/operations/runs/{run['id']}/cancel"), 409)
    asked = {"on_record_error": "continue", "stop_at_errors": {"persons": 3}}
    again = await client.post(f"/operations/runs/{run['id']}/retry", json=asked)
    assert (again.status_code, again.json()["status"]) == (202, "held")
    shown = (await owner.get(f"/runs/{run['id']}")).json()
    assert (shown["on_record_error"], shown["stop_at_errors"]["persons"]) == ("continue", 3)
