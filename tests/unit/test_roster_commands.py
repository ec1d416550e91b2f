"""`roster generate` and `roster check`: files to begin with, and what is wrong with them, without a database."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from app import cli
from app.demo.show import invent
from app.domain.roster import uuid_of
from app.errors import Stopped

KINDS = ("persons", "duties", "groups", "activities")
# Whoever has one of these in a roster has to find it nowhere in what is shown.
NUMBER, NAME = "198001019802", "Påhittade"
# What explanations speak of and is nobody's.
CODES = {"Skola elev", "Skola personal"}


def command(*arguments: object, stdin: str = "") -> Result:
    return CliRunner().invoke(cli.cli, ["roster", *map(str, arguments)], input=stdin)


def upload(**lists: Any) -> str:
    return json.dumps({"display_name": NAME, "roster": lists})


def group(nth: int, **more: Any) -> dict[str, Any]:
    """A group in which nothing is wrong, but for what is said of it."""
    unit = {"id": "00000000-0000-4000-8000-0000000000ff"}
    return {
        "id": f"00000000-0000-4000-8000-{nth:012}",
        "displayName": "9A",
        "groupType": "Klass",
        "schoolType": "GR",
        "organisation": unit,
        "groupMemberships": [{"person": {"id": f"00000000-0000-4000-9000-{nth:012}"}}],
        **more,
    }


def shown(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def generated(tmp_path: Path) -> Callable[..., Path]:
    """Generates a roster with its reference and planted defects beside it."""

    def make(name: str, *options: object) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        files = ("-o", folder / "roster", "--reference", folder / "reference", "--planted", folder / "planted")
        result = command("generate", "--persons", 60, *files, *options)
        assert (result.exit_code, result.output) == (0, "")
        return folder

    return make


def test_the_same_seed_gives_the_same_files_and_another_one_others(generated: Callable[..., Path]) -> None:
    folders = [generated(name, "--defects", 5, "--seed", seed) for name, seed in (("a", 7), ("b", 7), ("c", 8))]
    for file in ("roster", "planted"):
        one, same, other = ((folder / file).read_bytes() for folder in folders)
        assert one == same != other


def test_a_generated_roster_is_a_body_with_its_organisation_in_the_reference(generated: Callable[..., Path]) -> None:
    folder = generated("one", "--schools", 2, "--organisation", "2120000001")
    body, reference = (json.loads((folder / file).read_text()) for file in ("roster", "reference"))
    assert list(body) == ["display_name", "roster"]
    assert {kind: len(body["roster"][kind]) > 0 for kind in body["roster"]} == dict.fromkeys(KINDS, True)
    assert len(body["roster"]["persons"]) == 60
    numbers = [unit["parentOrganisation"]["organisationNumber"] for unit in reference["schoolUnits"]]
    assert (reference["huvudman"]["organisationNumber"], numbers) == ("2120000001", ["2120000001"] * 2)


def test_the_schools_are_those_that_serve_knows_and_the_people_are_not(generated: Callable[..., Path]) -> None:
    """Open data that was read before need not be read anew; no person's id is another's of any other roster."""
    known, rosters = invent(2000), [generated(str(seed), "--seed", seed) for seed in (1, 2026)]
    ids = [
        {person["id"] for person in json.loads((one / "roster").read_text())["roster"]["persons"]} for one in rosters
    ]
    units = [json.loads((one / "reference").read_text())["schoolUnits"] for one in rosters]
    assert units == [known["schoolUnits"][:3]] * 2
    assert not ids[0] & ids[1]
    assert not {person["id"] for person in known["persons"]} & (ids[0] | ids[1])


def test_another_organisation_has_other_schools(generated: Callable[..., Path]) -> None:
    """What the simulator knows of one organisation's stays when it is told of another's."""
    files = [generated(number, "--organisation", number) / "reference" for number in ("2120009812", "2120009820")]
    units = [{unit["id"] for unit in json.loads(file.read_text())["schoolUnits"]} for file in files]
    assert not units[0] & units[1]


def test_without_files_the_body_goes_to_stdout_and_the_defects_to_stderr() -> None:
    result = command("generate", "--persons", 60, "--defects", 3)
    planted = [json.loads(line) for line in result.stderr.splitlines()]
    known = {item["id"] for kind in KINDS for item in json.loads(result.stdout)["roster"][kind]}
    assert (result.exit_code, len(planted)) == (0, 3)
    assert {entry["id"] for entry in planted} <= known


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--persons", 19), "at least one school and 20 persons"),
        (("--persons", 60, "--schools", 4), "at least one school and 20 persons"),
        (("--persons", 60, "--defects", 500), "room for"),
        (("--persons", 60, "-o", "/nowhere/at/all"), "cannot be written"),
    ],
)
def test_a_roster_that_cannot_be_made_says_why(options: tuple[object, ...], why: str) -> None:
    result = command("generate", *options)
    assert isinstance(result.exception, Stopped)
    assert why in str(result.exception)
    assert result.stdout == ""


@pytest.mark.parametrize(("number", "why"), [("123", "ten digits"), ("2120000002", "check digit")])
def test_a_number_that_is_none_is_refused(number: str, why: str) -> None:
    result = command("generate", "--persons", 60, "--organisation", number)
    assert (result.exit_code, result.stdout) == (2, "")
    assert why in result.stderr


def test_a_roster_without_errors_is_exit_code_0(generated: Callable[..., Path]) -> None:
    result = command("check", generated("clean") / "roster")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0].startswith("60 användare, ")
    assert " ✗ " not in result.stdout


def test_every_planted_error_is_found_with_the_reference(generated: Callable[..., Path]) -> None:
    """What Skolverket would refuse, and what would not even be sent, is known before anybody has the roster."""
    folder = generated("spoiled", "--defects", 45)
    planted = [json.loads(line) for line in (folder / "planted").read_text().splitlines()]
    bad = {(entry["kind"], entry["id"]) for entry in planted if entry["outcome"] in ("error", "schema")}
    result = command("check", folder / "roster", "--json", "--reference", folder / "reference")
    found = {(each["kind"], each["id"]) for each in shown(result) if each["severity"] == "error"}
    assert result.exit_code == 1
    assert len(bad) > 20
    assert bad - found == set()


def test_schools_and_logins_are_looked_at_when_they_are_given(generated: Callable[..., Path]) -> None:
    folder, other = generated("one"), generated("other", "--organisation", "2120000001") / "reference"

    def codes(*options: object) -> set[str]:
        return {each["code"] for each in shown(command("check", folder / "roster", "--json", *options))}

    assert codes("--reference", folder / "reference") == codes() == set()
    assert codes("--reference", other) == {"unit_unknown"}
    assert codes("--eppn-domain", "edu.exempelkoping.se") == set()
    assert codes("--eppn-domain", "skolan.example") == {"eppn_domain"}


def test_a_reference_may_name_no_organiser(generated: Callable[..., Path]) -> None:
    """Then it is that of its school units, or the one that is asked for."""
    folder = generated("one")
    content = json.loads((folder / "reference").read_text())
    del content["huvudman"]
    (folder / "units").write_text(json.dumps(content))
    (folder / "exams").write_text(json.dumps({"nationalActivities": content["nationalActivities"]}))

    def codes(*options: object) -> set[str]:
        return {each["code"] for each in shown(command("check", folder / "roster", "--json", *options))}

    assert codes("--reference", folder / "units") == codes("--reference", folder / "exams") == set()
    assert codes("--reference", folder / "units", "--organisation", "2120000001") == {"unit_foreign"}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "No such file"),
        ("{", "it is no JSON."),
        ("[]", "it is no JSON object."),
        ("[" * 100_000, "it is no JSON."),
        ('{"schoolUnits": []}', "whose its school units are is not clear; say with --organisation"),
        (
            '{"schoolUnits": [{"parentOrganisation": {"organisationNumber": "2120009812"}},'
            ' {"parentOrganisation": {"organisationNumber": "2120009820"}}]}',
            "whose its school units are is not clear; say with --organisation",
        ),
        ('{"huvudman": {"organisationNumber": "2120009812"}, "schoolUnits": [7]}', "schoolUnits is no list of objects"),
    ],
)
def test_a_reference_that_cannot_be_used_is_exit_code_2(tmp_path: Path, content: str | None, why: str) -> None:
    if content is not None:
        (tmp_path / "reference").write_text(content)
    result = command("check", "-", "--reference", tmp_path / "reference", stdin=upload(groups=[group(1)]))
    assert result.exit_code == 2
    assert result.stdout.startswith(("✗ The reference cannot be read: ", "✗ The reference cannot be used: "))
    assert why in result.stdout


def test_findings_are_grouped_by_code_with_places_and_an_explanation() -> None:
    roster = upload(groups=[group(nth, groupType="Mentorsgruppen") for nth in range(12)] + [group(12, notes="x")])
    swedish, english = command("check", "-", stdin=roster), command("check", "-", "--language", "en", stdin=roster)
    lines = [line for line in swedish.stdout.splitlines() if line]
    assert lines[:2] == ["0 användare, 0 tjänstgöringar, 13 grupper, 0 aktiviteter", "✗ 12 × schema_enum"]
    assert lines[2].startswith("  Ett fält har ett värde som inte finns")
    assert lines[3] == "    groups 00000000-0000-4000-8000-000000000000 /groupType"
    # The warnings come later, the most frequent first; of what was left out there is a number.
    assert lines[13:15] == ["    … +2", "! 13 × group_member_unknown"]
    assert lines[-4] == "! 1 × unknown_left_out"
    assert lines[-2:] == ["    groups (1)", "12 fel, 14 varningar"]
    assert english.stdout.splitlines()[-1] == "12 errors, 14 warnings"
    assert "  A field has a value that is not among those" in english.stdout


def test_json_has_every_finding_as_the_interface_shows_it() -> None:
    roster = upload(groups=[group(nth, groupType="Mentorsgruppen") for nth in range(12)])
    found = shown(command("check", "-", "--json", stdin=roster))
    errors = [each for each in found if each["severity"] == "error"]
    assert [each["id"] for each in errors] == [group(nth)["id"] for nth in range(12)]
    assert {(each["kind"], each["pointer"], each["code"]) for each in errors} == {
        ("groups", "/groupType", "schema_enum")
    }
    assert all(each["explanation"].keys() == {"sv", "en"} for each in found)


REFUSED = {
    "not_a_uuid": ("/roster/persons/0/id", upload(persons=[{"id": NUMBER, "givenName": NAME}])),
    "duplicate_id": ("/roster/groups/1/id", upload(groups=[group(1), group(1)])),
    "unknown_field": ("/roster", upload(**{NUMBER: []})),
    "not_a_list": ("/roster/persons", upload(persons={NUMBER: NAME})),
    "missing_field": ("/display_name", json.dumps({"roster": {"persons": []}})),
    "not_json": ("/display_name", f'{{"display_name": {NAME}'),
}


@pytest.mark.parametrize("code", REFUSED)
def test_a_body_that_would_be_refused_is_exit_code_2_with_pointers(code: str) -> None:
    pointer, body = REFUSED[code]
    result = command("check", "-", "--json", stdin=body)
    errors = [(each["pointer"], each["code"]) for each in shown(result)]
    assert result.exit_code == 2
    assert (pointer, code) in errors
    plain = command("check", "-", stdin=body)
    assert plain.exit_code == 2
    assert NUMBER not in plain.stdout + result.stdout
    assert NAME not in plain.stdout + result.stdout


def test_a_file_that_is_not_there_or_too_large_is_exit_code_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert command("check", tmp_path / "none").exit_code == 2
    assert command("check", tmp_path).exit_code == 2
    monkeypatch.setenv("MAX_ROSTER_BYTES", "100")
    result = command("check", "-", stdin=upload(groups=[group(1)]))
    assert (result.exit_code, result.stdout.strip()) == (2, "✗ The body may have at most 100 bytes.")


def test_no_value_of_an_object_is_shown(generated: Callable[..., Path]) -> None:
    folder = generated("spoiled", "--defects", 60)
    roster = json.loads((folder / "roster").read_text())["roster"]
    said = "".join(command("check", folder / "roster", *options).output for options in ((), ("--json",)))
    values = {text for kind in KINDS for item in roster[kind] for text in texts(item)}
    assert len(values) > 100
    assert sorted(value for value in values - CODES if value in said) == []


def texts(value: object) -> Iterator[str]:
    """The texts of an object that are somebody's: numbers, logins and addresses, and no ids or short codes."""
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from texts(part)
    elif isinstance(value, str) and uuid_of(value) is None and len(value) > 5 and not value.isalpha():
        yield value
