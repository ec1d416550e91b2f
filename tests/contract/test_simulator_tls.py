"""The simulator over TLS: whose certificate gets a token, by both forms of `client.key`; https everywhere."""

import ssl
from base64 import b64encode
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from app.cli.processes import simulator
from app.errors import Stopped
from app.simulator.config import SimulatorConfig
from app.simulator.members import UnusableFolder
from app.simulator.serving import make_server
from tests.conftest import spawning
from tests.contract.simulator_at_work import Caller
from tests.tls import CLIENT, ORGANIZATION_IDENTIFIER, SERIAL_NUMBER, Client, Form, Issued, Tls, issue, make_tls
from tests.unit.simulator.simulator_parts import (
    ORGANISATION,
    OTHER_ORGANISATION,
    UNKNOWN,
    numbered,
    pupil,
    reference_document,
    transaction,
)


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    """A folder of two organisations."""
    return make_tls(tmp_path_factory.mktemp("tls") / "folder", ORGANISATION, OTHER_ORGANISATION)


@pytest.fixture(scope="module")
def base(tls: Tls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a process that serves https."""
    options = ["--job-delay", "0", "--token-lifetime", "1234", "--invented-after", "0.2", "--answer-delay", "0.02"]
    options += ["--calls-per-second", "1000", "--reads-per-second", "1000"]
    with spawning(tmp_path_factory.mktemp("simulator")) as spawn:
        port = spawn("simulator", "--port", "0", *options, "--tls", str(tls.folder)).port
        yield f"https://127.0.0.1:{port}"


Connect = Callable[[tuple[str, str] | None], httpx.Client]


@pytest.fixture
def connect(base: str, tls: Tls) -> Iterator[Connect]:
    """Opens a client that shows a certificate (its file and its key's) or none."""
    opened: list[httpx.Client] = []

    def connect(files: tuple[str, str] | None) -> httpx.Client:
        context = ssl.create_default_context(cafile=str(tls.ca_file))
        if files is not None:
            context.load_cert_chain(*files)
        opened.append(httpx.Client(base_url=base, verify=context, trust_env=False))
        return opened[-1]

    yield connect
    for client in opened:
        client.close()


def _files(client: Client) -> tuple[str, str]:
    return client.certificate_file, client.key_file


def _print(issued: Issued) -> dict[str, str]:
    return {"proof": "mtls", "cert#S256": b64encode(sha256(issued.der).digest()).decode()}


def _key(client: Client) -> Any:
    return client.entity_id or _print(client.issued)


def _ask(http: httpx.Client, key: Any) -> httpx.Response:
    return http.post("/transaction", json=transaction() | {"client": {"key": key}})


@pytest.mark.parametrize("number", [ORGANISATION, OTHER_ORGANISATION])
@pytest.mark.parametrize("form", ["certificate", "entity"])
def test_a_token_is_for_the_organisation_of_the_certificate(
    connect: Connect, tls: Tls, number: str, form: Form
) -> None:
    client = tls.client(number, form)
    http = connect(_files(client))
    answer = _ask(http, _key(client))
    assert answer.status_code == 200, answer.text
    caller = Caller(http, answer.json()["access_token"]["value"])
    assert caller.call("GET", "/persons").status_code == 200
    assert {call["organisation"] for call in caller.ledger()[-2:]} == {number}


@pytest.mark.parametrize(
    ("form", "key", "status", "code"),
    [
        (None, "https://federation.example.se/2120000001", 401, "invalid_client"),
        (None, None, 401, "invalid_client"),
        ("entity", "https://federation.example.se/2120000002", 403, "invalid_client"),
        ("certificate", "https://federation.example.se/2120000001", 403, "invalid_client"),
        ("entity", "https://nobody.example.se", 403, "invalid_client"),
        ("entity", ORGANISATION, 403, "invalid_client"),
        ("certificate", {"proof": "mtls", "cert#S256": "x"}, 403, "invalid_client"),
        ("certificate", {"proof": "httpsig", "cert#S256": "x"}, 400, "invalid_request"),
        ("certificate", {"proof": "mtls"}, 400, "invalid_request"),
        ("certificate", None, 400, "invalid_request"),
    ],
)
def test_a_key_that_does_not_fit_the_connection_gets_no_token(
    connect: Connect, tls: Tls, form: Form | None, key: Any, status: int, code: str
) -> None:
    http = connect(None if form is None else _files(tls.client(ORGANISATION, form)))
    answer = _ask(http, key)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_a_certificate_that_issued_itself_is_known_by_its_entity_id_alone(connect: Connect, tls: Tls) -> None:
    client = tls.client(ORGANISATION, "entity")
    assert _ask(connect(_files(client)), _print(client.issued)).status_code == 403


@pytest.mark.parametrize(
    ("place", "number", "status"),
    [
        (SERIAL_NUMBER, "2120000003", 200),
        (SERIAL_NUMBER, "162120000003", 200),
        (SERIAL_NUMBER, "SE2120000003", 200),
        (ORGANIZATION_IDENTIFIER, "NTRSE-2120000003", 200),
        (SERIAL_NUMBER, "212000", 403),
        (SERIAL_NUMBER, None, 403),
    ],
)
def test_the_number_stands_in_the_subject(
    connect: Connect, tls: Tls, tmp_path: Path, place: Any, number: str | None, status: int
) -> None:
    issued = issue("Third", tls.approved, number=number, number_as=place, uses=[CLIENT])
    files = tmp_path / "third.pem", tmp_path / "third.key"
    files[0].write_bytes(issued.chain_pem)
    files[1].write_bytes(issued.key_pem)
    http = connect((str(files[0]), str(files[1])))
    assert _ask(http, _print(issued)).status_code == status
    told = http.get("/_simulator/ledger").json()["calls"][-1]["organisation"]
    assert told == ("2120000003" if status == 200 else None)


def test_a_certificate_of_nobody_known_gets_no_connection(connect: Connect, tmp_path: Path) -> None:
    issued = issue("Stranger", number=f"16{ORGANISATION}", uses=[CLIENT])
    (tmp_path / "both.pem").write_bytes(issued.key_pem + issued.pem)
    http = connect((str(tmp_path / "both.pem"), str(tmp_path / "both.pem")))
    with pytest.raises(httpx.TransportError):
        _ask(http, _print(issued))


def test_without_a_certificate_everything_else_is_open_and_https_is_in_every_address(
    connect: Connect, tls: Tls, base: str
) -> None:
    client = tls.client(ORGANISATION, "certificate")
    token = _ask(connect(_files(client)), _key(client)).json()["access_token"]["value"]
    caller = Caller(connect(None), token)
    caller.http.put("/_simulator/reference", json=reference_document()).raise_for_status()
    accepted = caller.call("POST", "/persons/bulk?updateIfExists=true", {"data": [pupil()]})
    (item,) = caller.until_completed("persons", accepted.json()["jobId"])
    assert accepted.headers["location"].startswith(f"{base}/provisioning/v1/persons/bulk/jobs/")
    assert item["response"]["location"].startswith(f"{base}/provisioning/v1/persons/")
    assert caller.http.get("/open-data/v1/alive").status_code == 200


@pytest.mark.parametrize("action", ["cut_before", "cut_after", "truncate"])
def test_connections_are_cut_as_over_plain_http(connect: Connect, action: str) -> None:
    caller = Caller(connect(None))
    caller.order({"action": action, "times": 1})
    with pytest.raises(httpx.TransportError):
        caller.call("GET", "/persons")
    assert caller.call("GET", "/alive").status_code == 200


@pytest.mark.parametrize("name", ["server.pem", "server.key", "clients.pem", "members.json"])
@pytest.mark.parametrize("content", [None, "nonsense"])
def test_an_unusable_folder_is_said_in_words(tls: Tls, tmp_path: Path, name: str, content: str | None) -> None:
    for file in tls.folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(UnusableFolder, match=name):
        make_server("127.0.0.1", 0, SimulatorConfig(), tls=tmp_path)


def test_the_command_stops_with_a_sentence_when_the_folder_is_unusable(tmp_path: Path) -> None:
    with pytest.raises(Stopped, match=r"no server\.pem"):
        simulator(port=0, tls=tmp_path)


def test_the_commands_options_reach_the_simulator(connect: Connect, tls: Tls) -> None:
    client = tls.client(OTHER_ORGANISATION, "entity")
    answer = _ask(connect(_files(client)), _key(client)).json()["access_token"]
    claims = jwt.decode(answer["value"], options={"verify_signature": False})
    assert (claims["exp"] - claims["iat"], answer["expires_in"]) == (1234, 1234)
    caller = Caller(connect(None), answer["value"])
    caller.call("GET", "/alive")
    assert caller.ledger()[-1]["answered_at"] - caller.ledger()[-1]["time"] >= 0.02
    unit = {"id": UNKNOWN, "parentOrganisation": {"organisationNumber": OTHER_ORGANISATION}}
    caller.http.put("/_simulator/reference", json={"schoolUnits": [unit]}).raise_for_status()
    enrolled = pupil(9, enrolments=[{"enroledAt": {"id": UNKNOWN}, "schoolType": "GR", "schoolYear": 6}])
    assert caller.carry_out("persons", enrolled)[0]["status"] == "Success"
    caller.until(lambda: caller.call("GET", f"/persons/{numbered(9)}").status_code == 404)
