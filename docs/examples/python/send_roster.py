"""Stores an exam, sends it to Skolverket and prints what became of each pupil who is not through.

    PROVKEDJA_URL=http://127.0.0.1:8000 PROVKEDJA_KEY=pk_… python send_roster.py roster.json

The package provkedja_client is made of the service's description by openapi-python-client.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import TypeVar
from uuid import UUID, uuid4

from provkedja_client import AuthenticatedClient
from provkedja_client.api.activities import put_activity
from provkedja_client.api.results import list_records
from provkedja_client.api.runs import get_run, provision
from provkedja_client.models import ActivityRequest, Problem, ProvisionRequest, Run
from provkedja_client.models.list_records_status_type_0_item import ListRecordsStatusType0Item as Status
from provkedja_client.models.provision_request_on_record_error import ProvisionRequestOnRecordError as OnRecordError
from provkedja_client.types import UNSET, Unset

Answer = TypeVar("Answer")
ENDED = {"succeeded", "failed", "cancelled"}


def main() -> None:
    """Goes all the way once."""
    client = AuthenticatedClient(os.environ["PROVKEDJA_URL"], os.environ["PROVKEDJA_KEY"], timeout=60)
    body = ActivityRequest.from_dict(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    # Keep this id: the next roster of the same exam goes to the same address.
    activity_id = uuid4()
    activity = expect(put_activity.sync(activity_id, client=client, body=body))
    print(f"stored {activity.roster.counts.persons} persons, {activity.findings.errors} with errors")

    # The same key again gives the same run: a request that was cut off can be repeated.
    asked = ProvisionRequest(on_record_error=OnRecordError.CONTINUE)
    run = expect(provision.sync(activity_id, client=client, body=asked, idempotency_key=str(uuid4())))
    run = wait_for_end(client, run)
    print(f"run {run.id}: {run.status}, {run.summary.en}")

    for job in run.jobs:
        print(f"{job.title}: {job.progress.succeeded} of {job.progress.total} accepted")
        print_errors(client, job.id)
    if run.status != "succeeded":
        sys.exit(1)


def wait_for_end(client: AuthenticatedClient, run: Run) -> Run:
    """Asks until the run has ended, as often as the service wants to be asked."""
    while run.status not in ENDED:
        answer = get_run.sync_detailed(run.id, client=client)
        run = expect(answer.parsed)
        time.sleep(int(answer.headers.get("Retry-After", 0)))
    return run


def print_errors(client: AuthenticatedClient, job_id: UUID) -> None:
    """Prints who did not get there, and why, page by page."""
    cursor: str | Unset | None = UNSET
    while cursor is not None:
        page = expect(list_records.sync(job_id, client=client, status=[Status.ERROR], limit=200, cursor=cursor))
        for record in page.data:
            print(f"  {record.name}: {', '.join(message.code for message in record.messages)}")
        cursor = page.next_cursor


def expect(answer: Answer | Problem | None) -> Answer:
    """Gives the answer; ends with the words of the problem when it is one."""
    if isinstance(answer, Problem):
        sys.exit(f"{answer.title}: {answer.detail} ({answer.instance})")
    if answer is None:
        sys.exit("The service answered with something that its description does not know.")
    return answer


if __name__ == "__main__":
    main()
