"""Every code has its entry, for somebody who has never seen the code, and every entry has a code that is used."""

import shutil
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatch
from pathlib import Path
from typing import get_args
from uuid import UUID

import pytest

from app.catalogue import catalogue, explain, explain_message, issue, property_name, refusal_text, trouble_texts
from app.catalogue.entries import MENDERS
from app.catalogue.loader import CatalogueError, load
from app.domain.issues import Severity
from app.domain.kinds import Kind
from app.jobs import tokens
from app.jobs.problems import job_problem
from app.skolverket.attributes import pointer_of
from app.skolverket.schemas import SCHEMAS
from app.target import OUTAGES, MessageType
from app.views.explanation import show_explanations
from app.views.readiness import _NOT_THROUGH
from app.views.summary import _PLANNED, _SAID
from tests.conftest import ROOT
from tests.unit.code_literals import code_literals, severities

DATA = ROOT / "app" / "catalogue"
ISSUES, REFUSALS, TROUBLES, CHECKS = (
    getattr(catalogue(), name) for name in ("issues", "refusals", "troubles", "checks")
)
NOW = datetime(2026, 11, 23, 8, 5, tzinfo=UTC)

# Skolverket's message ids, as far as they are published, and what is put together: from a status, from which file it
# is, from which server a fault came.
SKOLVERKETS = {"2010", "2011", "2025", "3047", "3085", "4001", "5002", "5004", "5020", "5021", "5022", "6001"}
OF_STATUSES = {"http_429", "http_500", "http_503", "http_other"}
OF_FILES = {f"{what}_{how}" for what in ("certificate", "key") for how in ("missing", "unreadable")}
OF_AUTHORISATION = {f"authorisation_{code}" for code in {*OUTAGES, *tokens._OF_BOTH, *(OF_STATUSES - {"http_other"})}}


def test_every_code_that_is_used_has_an_entry_and_every_entry_is_used() -> None:
    used = code_literals()
    assert used["issues"] | SKOLVERKETS | OF_STATUSES | OF_FILES | OF_AUTHORISATION == set(ISSUES)
    assert used["refusals"] == set(REFUSALS)
    assert used["troubles"] == set(TROUBLES)
    assert used["checks"] == set(CHECKS)


def test_every_phrase_and_every_noun_is_used() -> None:
    words = catalogue().words
    values = [entry.values for entry in (*TROUBLES.values(), *CHECKS.values())]
    types = {type_ for each in (*values, *(of for _, of in words.phrases.values())) for type_ in each.values()}
    code = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "app").rglob("*.py")).replace("'", '"')
    of_kinds = {f"{what}_{kind}" for what in ("title", "no") for kind in Kind}
    of_kinds |= {f"mended_by_{who}" for who in MENDERS} | {f"of_{each['of']}" for each in show_explanations()}
    assert [phrase for phrase in words.phrases if f'"{phrase}"' not in code and phrase not in of_kinds] == []
    counted = {type_.removeprefix("count ") for type_ in types if type_.startswith("count ")}
    planned = {f"planned_{name}" for name in _PLANNED}
    planned |= {f"pupils_{state}" for state in _NOT_THROUGH}
    said = {*Kind, *_SAID, *planned, "left", "never_sent", *get_args(Severity)}
    assert set(words.nouns) == counted | said - {"pending"}


def test_the_code_gives_issues_the_severity_that_the_catalogue_has() -> None:
    given = list(severities())
    assert len(given) > 5
    assert [(code, severity) for code, severity in given if ISSUES[code].severity != severity] == []


def test_what_is_built_has_the_data_files() -> None:
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    files = [str(file.relative_to(DATA)) for file in DATA.rglob("*.toml")]
    assert {"refusals.toml", "issues/skolverket.toml"} <= set(files)
    assert [f for f in files if not any(fnmatch(f, p) for p in patterns["package-data"]["app.catalogue"])] == []


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        *[("http_500", "http_500"), ("http_502", "http_500"), ("http_503", "http_503"), ("http_302", "http_other")],
        *[("authorisation_http_502", "authorisation_http_500"), ("authorisation_http_503", "authorisation_http_503")],
    ],
)
def test_a_status_without_an_entry_has_that_of_its_kind(code: str, kind: str) -> None:
    assert issue(code) == ISSUES[kind]


@pytest.mark.parametrize("code", ["9999", "unknown", "", "GIVEN NAME", "no_http_302", "http_", "http_201201019801"])
def test_a_code_of_nobodys_has_no_explanation(code: str) -> None:
    assert (issue(code), explain(code)) == (None, None)


def test_no_two_codes_share_a_text_but_those_that_are_like_another() -> None:
    """And those share it in both languages."""
    every = {entry.explanation for entry in ISSUES.values()}
    assert len({sv for sv, _ in every}) == len({en for _, en in every}) == len(every)
    likes = {code for file in DATA.rglob("*.toml") for code, table in read(file).items() if "like" in table}
    assert len(every) == len(ISSUES) - len(likes)


@pytest.mark.parametrize("code", ISSUES)
def test_an_explanation_is_whole_sentences_in_both_languages(code: str) -> None:
    for texts in (ISSUES[code].sv, ISSUES[code].en):
        assert texts.means.endswith(".")
        assert texts.to_do.endswith(".")
    assert ISSUES[code].explanation.en == f"{ISSUES[code].en.means} {ISSUES[code].en.to_do}"


@pytest.mark.parametrize(
    ("kind", "severity", "type_", "attribute", "sv", "en"),
    [
        (
            *("persons", "error", "value", "/givenName"),
            "Skolverket godtar inte värdet i Förnamn.",
            "Skolverket does not accept the value in Given name.",
        ),
        (
            *("persons", "error", None, "/eduPersonPrincipalNames/0"),
            "Skolverket godtar inte värdet i EPPN.",
            "Skolverket does not accept the value in EPPN.",
        ),
        (
            *("persons", "error", "format", "/enrolments/12/schoolYear"),
            "Skolverket godtar inte hur värdet i Årskurs är skrivet.",
            "Skolverket does not accept how the value in School year is written.",
        ),
        (
            *("activities", "error", "reference", "/teachers/0/duty/id"),
            "Skolverket känner inte till den eller det som anges under Lärare.",
            "Skolverket does not know who or what is given under Teacher.",
        ),
        (
            *("groups", "warning", "value", "/displayName"),
            "Skolverket har tagit emot posten, men har en anmärkning på Gruppens namn.",
            "Skolverket has accepted the record, but has a remark on Name of the group.",
        ),
        (
            *("persons", "error", "limit", None),
            "En teknisk begränsning hos Skolverket hindrade posten från att tas emot.",
            "A technical limit of Skolverket's kept the record from being accepted.",
        ),
    ],
)
def test_a_message_without_an_entry_is_explained_by_what_it_carries(
    kind: str, severity: str, type_: str | None, attribute: str | None, sv: str, en: str
) -> None:
    explanation = explain_message(kind, severity, type_, attribute)
    assert explanation is not None
    assert (explanation.sv.startswith(f"{sv} "), explanation.en.startswith(f"{en} ")) == (True, True)


@pytest.mark.parametrize("type_", [None, "missing", "value", "reference", "weak"])
@pytest.mark.parametrize("severity", ["error", "warning"])
@pytest.mark.parametrize("attribute", [None, "", "/nobodys"])
def test_a_message_that_does_not_say_where_is_not_explained(
    attribute: str | None, severity: str, type_: str | None
) -> None:
    """Unless it is about no place of the object at all."""
    assert explain_message("persons", severity, type_, attribute) is None


@pytest.mark.parametrize("severity", ["error", "warning"])
@pytest.mark.parametrize("type_", get_args(MessageType))
def test_every_type_of_message_has_sentences(type_: str, severity: str) -> None:
    explanation = explain_message("persons", severity, type_, "/emails/0/value")
    assert explanation is not None
    assert not set("{}") & set(explanation.sv + explanation.en)


def test_every_message_is_of_a_type_or_a_remark() -> None:
    assert set(catalogue().messages) == {*get_args(MessageType), "remark", "reference_remark"}


@pytest.mark.parametrize("kind", SCHEMAS)
def test_every_published_property_has_a_name(kind: str) -> None:
    """And every name is of a property that is published, or that SS 12000 has."""
    known = {*catalogue().properties[kind]} - {"enrolments.endDate", "personStatus"}
    assert [path for path in known if pointer_of(kind, path) is None] == []
    assert [name for name in SCHEMAS[kind]["properties"] if property_name(kind, f"/{name}") is None] == []


def test_a_fault_of_the_authorisation_server_is_explained_as_that_of_the_others() -> None:
    assert explain("authorisation_timeout") == explain("timeout") is not None
    assert explain("authorisation_http_503") == explain("http_503") is not None


def test_a_job_without_a_token_says_what_to_do_about_it() -> None:
    assert job_problem("timeout")["detail"] == "Skolverket did not answer in time: the call is tried again."
    assert job_problem("authorisation_timeout")["detail"] == (
        "No token for the organisation. No answer in time: see the address, and whether a firewall is in between. "
        "It is tried again; `organisations check` tells more."
    )


def test_a_doctors_finding_has_its_words_in_swedish_too() -> None:
    values = {"batches": 1, "next": NOW + timedelta(minutes=2)}
    assert trouble_texts("answer_slow", values, NOW, "sv").means == (
        "1 anrop utan svar från Skolverket; nästa fråga ställs klockan 08:07:00 UTC (om 2 min)"
    )


@pytest.mark.parametrize("code", TROUBLES)
@pytest.mark.parametrize("language", ["sv", "en"])
def test_every_finding_can_be_filled(code: str, language: str) -> None:
    """With values of the types that it names, and no brace is left."""
    samples: Mapping[str, object] = {
        "number": 7,
        "id": UUID(int=1),
        "name": "timeout",
        "names": ["job", 11],
        "moment": NOW,
        "past": NOW - timedelta(hours=2),
        "span": timedelta(hours=2),
        "phrase": ("no_worker_alive", {}),
        "count": 1,
    }
    values = {name: samples[type_.partition(" ")[0]] for name, type_ in TROUBLES[code].values.items()}
    texts = trouble_texts(code, values, NOW, "sv" if language == "sv" else "en")
    assert texts.means
    assert not set("{}") & set(texts.means + texts.why + texts.to_do)


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({}, "too_long: without most"),
        ({"most": "255"}, "too_long: most: a str is no number"),
        ({"most": None}, None),
        ({"most": 255, "other": 1}, None),
    ],
)
def test_a_value_of_another_type_is_no_value(values: Mapping[str, object], what: str | None) -> None:
    if what is None:
        assert refusal_text("too_long", values).startswith("This may have at most ")
        return
    with pytest.raises(ValueError, match=what):
        refusal_text("too_long", values)


def test_a_value_is_filled_in_as_it_is() -> None:
    assert refusal_text("unknown_field", {"known": ["{most}", "{known.__class__}"]}).endswith(
        ": {most}, {known.__class__}."
    )


def read(file: Path) -> dict[str, dict[str, object]]:
    return tomllib.loads(file.read_text(encoding="utf-8"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A copy of the data files."""
    return Path(shutil.copytree(DATA, tmp_path / "data"))


GOOD = """
[made_up]
severity = "error"
mended_by = "register"
values = { most = "number" }
[made_up.sv]
means = "Högst {most}."
to_do = "Gör det."
[made_up.en]
means = "At most {most}."
to_do = "Do it."
"""


def test_an_entry_that_is_whole_is_taken(data: Path) -> None:
    (data / "refusals.toml").write_text(GOOD, encoding="utf-8")
    made = load(data).refusals["made_up"]
    assert (made.sv.to_do, made.en.means, dict(made.values)) == ("Gör det.", "At most {most}.", {"most": "number"})


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('severity = "error"\n', "", "lacks severity"),
        ('mended_by = "register"\n', "", "lacks mended_by"),
        ('to_do = "Gör det."\n', "", "lacks sv.to_do"),
        (GOOD[GOOD.index("[made_up.en]") :], "", "lacks en"),
        ('"error"', '"fatal"', "severity is none of"),
        ('"register"', '"nobody"', "mended_by is none of"),
        ('severity = "error"\n', 'severity = "error"\ntitle = "x"\n', "has an unknown title"),
        ('to_do = "Do it."\n', 'to_do = "Do it."\nhint = "x"\n', "has an unknown en.hint"),
        ('to_do = "Do it."\n', 'to_do = "Do it."\nwhy = "x"\n', "in both languages or in neither"),
        ('"Do it."', '""', "en.to_do is no text"),
        ('"Do it."', '"Do  it."', "en.to_do is no text"),
        ('"Do it."', "7", "en.to_do is no text"),
        ("At most {most}.", "At most.", "en: most: in the text or the values alone"),
        ("At most {most}.", "At most {most} of {all}.", "en: all: in the text or the values alone"),
        ("At most {most}.", "At most {most.real}.", "en: between braces stands a name alone"),
        ("At most {most}.", "At most {most:>9}.", "en: between braces stands a name alone"),
        ("At most {most}.", "At most {most!r}.", "en: between braces stands a name alone"),
        ("At most {most}.", "At most {}.", "en: between braces stands a name alone"),
        ("At most {most}.", "At most {most.", "en: a brace is not closed"),
        ('"number"', '"float"', "most has no type of a value"),
        ('"number"', "7", "most has no type of a value"),
        ('{ most = "number" }', "[]", "values is no table"),
        ('"number"', '"count dragon"', "most has no type of a value"),
        ('"number"', '"number job"', "most has no type of a value"),
        ("[made_up]\n", '[made_up]\nlike = "other"\n', "has an unknown en, mended_by, severity, sv, values"),
        (GOOD, '[made_up]\nlike = "other"\n', "is like other, which has no texts of its own"),
    ],
)
def test_an_entry_that_is_not_whole_is_refused_by_file_and_code(data: Path, old: str, new: str, what: str) -> None:
    assert old in GOOD
    (data / "refusals.toml").write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(CatalogueError) as refusal:
        load(data)
    assert str(refusal.value).startswith("refusals.toml: made_up: ")
    assert what in str(refusal.value)


@pytest.mark.parametrize(
    ("added", "what"),
    [
        ('[half]\nsv = "Ja"\n', "half: lacks en"),
        ('[half]\nsv = "Ja {n}"\nen = "Yes"\n', "half: sv: n: in the text or the values alone"),
        ('[half]\nsv = ["Ja"]\nen = "Yes"\n', "half: sv is no text"),
        ('[nouns.ox]\nsv = ["oxe", "oxar"]\nen = ["ox"]\n', "nouns.ox: a noun has a singular and a plural"),
        ("[half\n", "Expected"),
    ],
)
def test_phrases_and_nouns_that_are_not_whole_are_refused(data: Path, added: str, what: str) -> None:
    with (data / "phrases.toml").open("a", encoding="utf-8") as file:
        file.write(added)
    with pytest.raises(CatalogueError) as refusal:
        load(data)
    assert str(refusal.value).startswith(f"phrases.toml: {what}")


CAUSE = """
[made-up]
status = 409
retry_after = 5
[made-up.sv]
title = "Påhittat"
means = "Det finns inte."
to_do = "Gör det."
[made-up.en]
title = "Made Up"
means = "There is none."
to_do = "Do it."
"""


def test_a_cause_that_is_whole_is_taken(data: Path) -> None:
    (data / "problems.toml").write_text(CAUSE, encoding="utf-8")
    [made] = load(data).problems.values()
    assert (made.slug, made.status, made.retry_after) == ("made-up", 409, 5)
    assert (made.sv.title, made.en.means, made.en.to_do) == ("Påhittat", "There is none.", "Do it.")


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("status = 409\n", "", "lacks status"),
        ("= 409", "= 200", "status is that of no error"),
        ("= 409", '= "409"', "status is that of no error"),
        ("= 5\n", "= 0\n", "retry_after is no number of seconds"),
        ("= 5\n", "= 5\nwait = true\n", "has an unknown wait"),
        ('title = "Made Up"\n', "", "lacks en.title"),
        ('"Do it."', '""', "en.to_do is no text"),
        (CAUSE[CAUSE.index("[made-up.en]") :], "", "lacks en"),
        ("[made-up]", "[made_up]", "is no table with a slug for a name"),
    ],
)
def test_a_cause_that_is_not_whole_is_refused(data: Path, old: str, new: str, what: str) -> None:
    (data / "problems.toml").write_text(CAUSE.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(CatalogueError, match=what):
        load(data)


def test_a_code_stands_once_in_all_files_of_a_kind(data: Path) -> None:
    entry = GOOD.replace(" {most}", "").replace('values = { most = "number" }\n', "")
    (data / "issues" / "made.toml").write_text(entry.replace("made_up", "timeout"), encoding="utf-8")
    with pytest.raises(CatalogueError, match=r"made\.toml: timeout: stands in two files"):
        load(data)
    (data / "issues" / "made.toml").write_text(entry + entry, encoding="utf-8")
    with pytest.raises(CatalogueError, match=r"made\.toml: .*line \d+"):
        load(data)


def test_an_issue_has_no_values(data: Path) -> None:
    (data / "issues" / "made.toml").write_text(GOOD, encoding="utf-8")
    with pytest.raises(CatalogueError, match=r"made\.toml: made_up: has values"):
        load(data)
