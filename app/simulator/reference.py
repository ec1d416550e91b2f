"""What Skolverket's open data says: school units, programmes, national exam activities, organisations.

It starts empty and is told by `PUT /_simulator/reference`. The rules look at what was told, the open-data API shows it
as `published` makes it.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from app.simulator.messages import Json
from app.simulator.published import PUBLISHED, breaches

SECTIONS: Mapping[str, str] = {
    "huvudman": "organisationNumber",
    "schoolUnits": "id",
    "programmes": "educationCode",
    "nationalActivities": "id",
}


class WrongForm(ValueError):
    """A part of a reference has a wrong form; pointer is the JSON pointer to it."""

    def __init__(self, pointer: str, what: str) -> None:
        super().__init__(what)
        self.pointer = pointer


class Reference:
    """Reference data of all organisations, each section by the key that others refer to it with."""

    def __init__(self) -> None:
        self._sections: dict[str, dict[str, Json]] = {name: {} for name in SECTIONS}
        self._published: dict[str, dict[str, Json]] = {name: {} for name in SECTIONS}

    def put(self, document: Any) -> dict[str, int]:
        """Adds to what is known and replaces what has the same key; sections of other names are not looked at.

        Returns how many entries each section holds now. Raises WrongForm, and takes nothing, when a section is
        malformed.
        """
        if not isinstance(document, dict):
            raise WrongForm("", "the reference is no JSON object")
        read = {name: _read_section(name, key, document.get(name)) for name, key in SECTIONS.items()}
        for name, known in self._sections.items():
            known.update(read[name])
            shown = map(PUBLISHED[name], known.values())
            self._published[name] = {entry["id"].lower(): entry for entry in shown}
        return {name: len(known) for name, known in self._sections.items()}

    def published(self, section: str) -> list[Json]:
        """Lists a section's entries as the open-data API shows them, without what hangs on them."""
        return list(self._published[section].values())

    def published_by_id(self, section: str, entry_id: str) -> Json | None:
        """Finds an entry by its UUID, as the open-data API shows it."""
        return self._published[section].get(entry_id.lower())

    def school_unit(self, unit_id: str) -> Json | None:
        """Finds a school unit by its UUID."""
        return self._sections["schoolUnits"].get(unit_id.lower())

    def exam(self, activity_id: str) -> Json | None:
        """Finds a national exam activity by its UUID."""
        return self._sections["nationalActivities"].get(activity_id.lower())

    def has_programme(self, education_code: str, today: date) -> bool:
        """Tells whether an education code can be used today: known, Active, and valid from today or before."""
        programme = self._sections["programmes"].get(education_code.lower())
        if programme is None or programme["educationCode"] != education_code:
            return False
        return programme.get("status", "Active") == "Active" and str(programme.get("validFrom", ""))[:10] <= str(today)


def _read_section(name: str, key: str, section: Any) -> dict[str, Json]:
    if section is None:
        return {}
    if isinstance(section, dict):
        entries = {f"/{name}": section}
    elif isinstance(section, list):
        entries = {f"/{name}/{index}": entry for index, entry in enumerate(section)}
    else:
        raise WrongForm(f"/{name}", f"{name} is a list of objects, or one object")
    read = {}
    for pointer, entry in entries.items():
        if not isinstance(entry, dict):
            raise WrongForm(pointer, f"an entry of {name} is an object")
        told = {attribute: value for attribute, value in entry.items() if value is not None}
        if not isinstance(told.get(key), str):
            raise WrongForm(f"{pointer}/{key}", f"an entry of {name} has the text {key}")
        for place in breaches(name, told):
            raise WrongForm(pointer + place, "what stands there has not the form that the open-data API gives it")
        read[told[key].lower()] = told
    return read
