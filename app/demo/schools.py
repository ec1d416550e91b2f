"""What Skolverket's open-data API would say: the invented organiser, its school units, the programmes and exams."""

import uuid
from collections.abc import Sequence
from typing import Any

Item = dict[str, Any]

EXAM_YEARS = (6, 9)
SCIENCES = ("BIO", "FYS", "KEM")
SOCIETIES = ("GEO", "HIS", "REL", "SAM")
SUBJECTS = ("MAT", "ENG", "SVE", "SVA", *SCIENCES, *SOCIETIES)
# Education code, name, and the letter of its courses in mathematics.
PROGRAMMES = (
    ("EKEKO", "Ekonomiprogrammet, Ekonomi", "b"),
    ("NANAT", "Naturvetenskapsprogrammet, Naturvetenskap", "c"),
    ("RLKOK11", "Restaurang- och livsmedelsprogrammet, Kök och servering", "a"),
    ("SASAM", "Samhällsvetenskapsprogrammet, Samhällsvetenskap", "b"),
    ("TEINF", "Teknikprogrammet, Informations- och medieteknik", "c"),
    ("ESBIL", "Estetiska programmet, Bild och formgivning", "b"),
)
_COURSES = {1: ("MATMAT01{}", "ENGENG05", "SVESVE01"), 2: ("MATMAT02{}", "ENGENG06"), 3: ("SVESVE03",)}
_NAMES = ("Björkängs", "Åsnäs", "Sjöviks", "Östanå", "Granlids", "Älvkarla", "Ripgårds", "Måsberga", "Lönnhöjds")


def named_id(name: str) -> str:
    """Computes the id of a code, number or exam: UUIDv5 in the nil namespace (Skolverket's open-data API 1.0.0)."""
    return str(uuid.uuid5(uuid.UUID(int=0), name))


def organiser(number: str, name: str) -> Item:
    """Describes the organisation as a huvudman."""
    return {
        "id": named_id(number),
        "displayName": name,
        "organisationNumber": number,
        "countryCode": "SWE",
        "organisationType": "Huvudman",
        "status": "Active",
    }


def school_unit(nth: int, code: str, years: Sequence[int], owner: Item) -> Item:
    """Describes an active school unit of the organiser: a grundskola with these years, or a gymnasium without any."""
    turn, place = divmod(nth, len(_NAMES))
    school_type = {
        "schoolType": "GR" if years else "GY",
        "dnpStatus": True,
        "schoolYears": [{"schoolYear": year, "dnpStatus": True} for year in years],
    }
    return {
        "id": named_id(code),
        "displayName": _NAMES[place] + ("skolan" if years else "gymnasiet") + (f" {turn + 1}" if turn else ""),
        "schoolUnitCode": code,
        "municipalityCode": "0198",
        "municipalityName": owner["displayName"],
        "status": "Active",
        "dnpStatus": True,
        "parentOrganisation": {key: owner[key] for key in ("id", "organisationNumber", "displayName")},
        "schoolTypes": [school_type],
    }


def programmes() -> list[Item]:
    """Lists the programmes of gymnasiet that pupils here can follow."""
    return [
        {
            "id": named_id(code),
            "displayName": name,
            "educationCode": code,
            "schoolType": "GY",
            "validFrom": "2021-07-01T00:00:00+02:00",
            "status": "Active",
        }
        for code, name, _ in PROGRAMMES
    ]


def exams() -> list[Item]:
    """Lists the exam activities: the subjects of the exam years in grundskolan and the courses of gymnasiet."""
    listed = [_exam(gr_exam(subject, year), "GR", year) for year in EXAM_YEARS for subject in SUBJECTS]
    taught = [course for year in _COURSES for _, _, letter in PROGRAMMES for course in courses(year, letter)]
    return listed + [_exam(gy_exam(course), "GY") for course in dict.fromkeys(taught)]


def courses(year: int, letter: str) -> list[str]:
    """Names the courses with an exam in a year of gymnasiet, for programmes with this letter in mathematics."""
    return [course.format(letter) for course in _COURSES[year]]


def gr_exam(subject: str, year: int) -> str:
    """Names the exam of a subject in a year of grundskolan."""
    return f"GRGR{subject}01_{year}"


def gy_exam(course: str) -> str:
    """Names the exam of a course in gymnasiet."""
    return f"{course}_GY"


def _exam(name: str, school_type: str, year: int | None = None) -> Item:
    exam: Item = {
        "id": named_id(name),
        "displayName": name,
        "activityType": "Provaktivitet",
        "schoolType": school_type,
    }
    return exam if year is None else exam | {"schoolYear": year}
