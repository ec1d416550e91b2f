"""The service with runs of every kind, for a browser: once for all of these tests.

They come in an order (tests/conftest.py): what counts all the runs before what makes more of them.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from playwright.sync_api import Browser

from app.demo.roster import RosterPlan, generate
from app.local.embedded import Servers
from tests.conftest import _database, _name, spawning
from tests.journeys.conftest import add_organisation, served
from tests.web.browser import launched
from tests.web.scenery import Scenery, make_operators_key

SCOPES = ("provision", "history", "pii", "protected")


class Shown(Scenery):
    """The scenery, with the keys to sign in with and the organisation's number."""

    key: str = ""
    operators_key: str = ""
    number: str = ""

    @property
    def address(self) -> str:
        """Gives where the pages are."""
        return str(self.api.base_url)


@pytest.fixture(scope="package")
def scenery(servers: Servers, template_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """Runs that have ended, one under way, one that waits."""
    folder: Path = tmp_path_factory.mktemp("pages")
    with (
        _database(servers, template=_name(template_database)) as database_url,
        redis.Redis.from_url(servers.redis_url) as client,
        spawning(folder) as spawn,
    ):
        client.flushdb()
        child = spawn("simulator", "--port", "0", "--job-delay", "0.2", "--calls-per-second", "50")
        with served(database_url, servers.redis_url, f"http://127.0.0.1:{child.port}", spawn, folder) as service:
            made = Shown(service.api, service.simulator)
            organiser = generate(RosterPlan(persons=20, schools=1))["huvudman"]
            made.key, made.number = add_organisation(service, organiser, scopes=SCOPES), organiser["organisationNumber"]
            made.operators_key = make_operators_key(database_url)
            service.worker()
            made.build()
            yield made


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    with launched() as made:
        yield made
