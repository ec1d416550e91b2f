"""What is found of a roster without a database is what the service finds of it."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

from typer.testing import CliRunner

from app import cli
from app.demo.roster import RosterPlan, generate, json_chunks, roster_only
from tests.api.conftest import Service

GUARDIANS = [{"id": str(uuid4()), "givenName": "Mo", "civicNo": {"value": "x"}, "notes": "x"} for _ in range(2)]


async def listed(service: Service, content: str) -> list[dict[str, Any]]:
    """Stores a roster and reads all that is wrong with it, page by page."""
    client, activity = await service.client("provision", "history", "pii", "protected"), f"/activities/{uuid4()}"
    headers = {"Content-Type": "application/json"}
    (await client.put(activity, content=content, headers=headers)).raise_for_status()
    found, params = list[dict[str, Any]](), {"limit": "200"}
    while True:
        page = (await client.get(f"{activity}/findings", params=params)).json()
        found += page["data"]
        if page["next_cursor"] is None:
            return found
        params["cursor"] = page["next_cursor"]


def in_order(found: list[dict[str, Any]]) -> list[str]:
    """Gives findings as texts, in one order and without the names of those they speak of."""
    about = ({**each, "about": [{**other, "name": None} for other in each["about"]]} for each in found)
    return sorted(json.dumps(each, sort_keys=True) for each in about)


async def test_the_command_finds_what_the_service_finds(service: Service, tmp_path: Path) -> None:
    """Guardians, of whom nothing is said one by one, and what is counted over many objects included."""
    roster = roster_only(generate(RosterPlan(persons=400, schools=2, defects=90)))
    roster["persons"] += GUARDIANS
    content = "".join(json_chunks({"display_name": "Prov", "roster": roster}))
    (tmp_path / "roster").write_text(content)
    result = CliRunner().invoke(cli.cli, ["roster", "check", str(tmp_path / "roster"), "--json"])
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(found) > 60
    assert {other["name"] for each in found for other in each["about"]} == {None}
    assert {"guardian", "unknown_left_out"} <= {each["code"] for each in found if each["count"]}
    assert in_order(found) == in_order(await listed(service, content))
