"""What holders write down of Skolverket's services, and jobs that go on once one is back."""

from datetime import timedelta

from app.db.circuits import note_circuit, service_states
from app.db.claims import note_fault, snooze, wake_those_who_wait
from app.db.egress import close_epoch
from app.domain.circuit import Circuit
from app.jobs.problems import job_problem
from tests.database.epochs import begin_epoch
from tests.database.factories import Tenant


async def test_how_services_stand_is_there_for_operators_while_the_holder_is(tenant: Tenant) -> None:
    """The worst that any egress sees."""
    async with tenant.engine.begin() as conn:
        here, there = await begin_epoch(conn, egress="here"), await begin_epoch(conn, egress="there")
        await note_circuit(conn, "here", "provisioning", Circuit(7, 10.0, "http_503", 13.0, 22.0), 20.0)
        await note_circuit(conn, "here", "authorisation", Circuit(), 20.0)
        await note_circuit(conn, "there", "provisioning", Circuit(), 500.0)
        authorisation, provisioning = await service_states(conn)
        assert (authorisation.failures, authorisation.opened_at) == (0, None)
        assert (provisioning.failures, provisioning.code) == (7, "http_503")
        assert provisioning.failing_since is not None
        assert provisioning.probe_at is not None
        assert provisioning.probe_at - provisioning.failing_since > timedelta(seconds=11)
        await close_epoch(conn, here)
        assert [each.opened_at for each in await service_states(conn)] == [None, None]
        await close_epoch(conn, there)
        assert [each.failures for each in await service_states(conn)] == [0, 0]


async def test_jobs_that_waited_for_a_service_go_on_some_at_a_time(tenant: Tenant) -> None:
    """Those that wait for something else stay as they are."""
    held = [await tenant.claim((await tenant.new_run()).jobs[0]) for _ in range(3)]
    for each, code in zip(held, ("circuit_open", "circuit_open", "timeout"), strict=True):
        async with tenant.engine.begin() as conn:
            await note_fault(conn, each, job_problem(code))
            await snooze(conn, each, timedelta(hours=1))
    for woken in (1, 1, 0):
        async with tenant.engine.begin() as conn:
            assert await wake_those_who_wait(conn, 1) == woken
    due = await tenant.rows("SELECT id FROM job WHERE status = 'running' AND due_at <= clock_timestamp()")
    assert {row["id"] for row in due} == {each.job_id for each in held[:2]}
