"""The objects of a roster as people read them: each property in words, with what is wrong. Decides only."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.catalogue import Explanation, issue, property_name
from app.domain.roster import uuid_of
from app.views import Row, Shown
from app.views.export import civic_no
from app.views.issue import Names

# What stands around the id of another object of ours, by what it is called there.
_REFERENCES: Final[Mapping[str, str]] = {"person": "persons", "duty": "duties", "groups": "groups"}
_SEVERITIES: Final = ("error", "warning")


@dataclass(frozen=True, slots=True)
class Field:
    """One value of an object.

    `label` is what people call it, None for what has no name, which goes by its `path`; `number` counts those of a list
    with several. `kind` is that of the object of ours whose id the value is. `severity` is that of the worst message
    about it; `missing` one that is complained about and is not there.
    """

    label: Explanation | None
    path: str
    number: int | None
    value: Any
    kind: str | None = None
    severity: str | None = None
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Compared:
    """One property of an object as the target has it, and as the roster would send it now."""

    label: Explanation | None
    path: str
    theirs: Sequence[Field]
    ours: Sequence[Field]
    differs: bool


def fields_of(kind: str, item: Any, messages: Sequence[Row] = ()) -> list[Field]:
    """Lists the values of an object in its own order, marked by `messages`; then what these miss."""
    if not isinstance(item, dict):
        return []
    worst_last = sorted(messages, key=lambda each: _SEVERITIES.index(each["severity"]), reverse=True)
    about = {each["attribute"]: each["severity"] for each in worst_last if each["attribute"]}
    fields, found = [], set()
    for steps, value, number in _leaves(item, (), None):
        pointer = "".join(f"/{step}" for step in steps)
        at = [attribute for attribute in about if _touches(attribute, pointer)]
        found.update(at)
        given = civic_no(value) if pointer == "/civicNo/value" and isinstance(value, str) else value
        severity = next((each for each in _SEVERITIES if each in {about[one] for one in at}), None)
        fields.append(Field(property_name(kind, pointer), _path(steps), number, given, _kind(steps, value), severity))
    for attribute, severity in about.items():
        if attribute not in found:
            path = ".".join(attribute.split("/")[1:])
            fields.append(Field(property_name(kind, attribute), path, None, None, severity=severity, missing=True))
    return fields


def compared(kind: str, theirs: Any, ours: Any, differing: Sequence[str]) -> list[Compared]:
    """Puts what the target has beside what the roster has, a property a line: those that it has, and those `differing`.

    What else a source carries is never sent, and says nothing here.
    """
    old, new = (each if isinstance(each, dict) else {} for each in (theirs, ours))
    return [
        Compared(
            property_name(kind, f"/{name}"),
            name,
            fields_of(kind, {name: old[name]}) if name in old else (),
            fields_of(kind, {name: new[name]}) if name in new else (),
            name in differing,
        )
        for name in dict.fromkeys([*old, *differing])
    ]


def mended_by(message: Row) -> str | None:
    """Tells who puts right what a message says, by the code that its explanation is of; None where nobody knows."""
    entry = issue((message["explanation_url"] or "").rpartition("/")[2]) or issue(message["code"])
    return None if entry is None else entry.mended_by


def words_of_target(message: Row) -> str | None:
    """Gives the target's own words, where a message has them beside our explanation; its codes are numbers."""
    explained = message["explanation"]
    if explained is None or not message["code"].isdecimal() or message["text"] == explained["sv"]:
        return None
    text: str | None = message["text"]
    return text


def names_in(shown: Row, named: Names) -> dict[str, str]:
    """Gives the names of all that a shown record speaks of, of its school and of those `named`, by their ids."""
    about = [*shown["blocks"], *shown["blocked_by"], *(one for each in shown["messages"] for one in each["about"])]
    unit: Shown | None = shown["school_unit"]
    known = {str(object_id): name for (_, object_id), name in named.items() if name}
    return known | {str(each["id"]): each["name"] for each in (*about, *([unit] if unit else [])) if each["name"]}


def _leaves(
    value: Any, steps: tuple[str, ...], number: int | None
) -> Iterator[tuple[tuple[str, ...], Any, int | None]]:
    if isinstance(value, dict) and value:
        for key, part in value.items():
            yield from _leaves(part, (*steps, key), number)
    elif isinstance(value, list) and value:
        for index, part in enumerate(value):
            yield from _leaves(part, (*steps, str(index)), index + 1 if len(value) > 1 else number)
    else:
        yield steps, value, number


def _touches(attribute: str, pointer: str) -> bool:
    return f"{pointer}/".startswith(f"{attribute}/") or attribute.startswith(f"{pointer}/")


def _path(steps: Sequence[str]) -> str:
    return ".".join(step for step in steps if not step.isdecimal())


def _kind(steps: Sequence[str], value: Any) -> str | None:
    """Tells of which kind the object of ours is that an id names; None for what is no such id."""
    around = [step for step in steps[:-1] if not step.isdecimal()]
    if steps[-1] != "id" or not around or uuid_of(value) is None:
        return None
    return _REFERENCES.get(around[-1])
