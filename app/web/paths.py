"""Where each page is: every address of the pages stands here and nowhere else, and every link is made here.

The language goes along in each link, so that a link shows whoever follows it what its sender saw, and nothing has to be
remembered. Nothing personal stands in an address: ids, and words that filters have.
"""

import re
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode
from uuid import UUID

from app.catalogue import Language

PATHS: Final = {
    "history": "/historik",
    "sign_in": "/historik/logga-in",
    "sign_in_start": "/historik/logga-in/start",
    "sign_in_answer": "/historik/logga-in/svar",
    "step_up": "/historik/logga-in/skyddade",
    "sign_out": "/historik/logga-ut",
    "session": "/historik/session",
    "file": "/historik/filer/{digest}/{name}",
    "run": "/historik/korningar/{run_id}",
    "cancel": "/historik/korningar/{run_id}/avbryt",
    "retry": "/historik/korningar/{run_id}/forsok-igen",
    "send_again": "/historik/korningar/{run_id}/skicka-igen",
    "job": "/historik/jobb/{job_id}",
    "job_search": "/historik/jobb/{job_id}/sok",
    "job_export": "/historik/jobb/{job_id}/export/{form}",
    "record": "/historik/jobb/{job_id}/poster/{record_id}",
    "object": "/historik/objekt/{kind}/{object_id}",
    "seen": "/historik/objekt/{kind}/{object_id}/insyn",
    "exams": "/historik/prov",
    "exam": "/historik/prov/{activity_id}",
    "missing": "/historik/prov/{activity_id}/elever",
    "before_sending": "/historik/prov/{activity_id}/skicka",
    "make_plan": "/historik/prov/{activity_id}/plan",
    "operations": "/historik/drift",
    "operator_cancel": "/historik/drift/korningar/{run_id}/avbryt",
    "operator_retry": "/historik/drift/korningar/{run_id}/forsok-igen",
    "operated": "/historik/drift/{number}",
    "operator_pause": "/historik/drift/{number}/pausa",
    "operator_resume": "/historik/drift/{number}/fortsatt",
    "elsewhere": "/historik/{rest:path}",
}

_NAMED: Final = {page: re.findall(r"{(\w+)", path) for page, path in PATHS.items()}
# A page of ours, with the words of its filters; no other site, however it is spelt.
_OURS = re.compile(r"/historik(?:/[A-Za-z0-9-]+)*(?:\?[A-Za-z0-9_=&%.:+-]*)?")
_LED_TO_BY_NOBODY: Final = ("sign_in", "sign_in_start", "sign_in_answer", "step_up", "sign_out", "make_plan")
# Where only forms go, and where one signs in: nobody can be led there.
_NO_PAGE = re.compile("|".join(re.sub("{.+?}", "[^/]+", PATHS[name]) for name in _LED_TO_BY_NOBODY))


def address(page: str, language: Language, /, **given: Any) -> str:
    """Makes the address of a page: what its path has in braces goes there, all else that is given into the query."""
    named = {name: quote(str(given.pop(name)), safe="") for name in _NAMED[page]}
    query = [(name, each) for name, value in given.items() for each in _several(value)]
    if language != "sv" and page != "file":
        query.append(("lang", language))
    path = PATHS[page].format_map(named)
    return f"{path}?{urlencode(query)}" if query else path


def is_ours(path: str) -> bool:
    """Tells whether a path that came from outside leads to one of the pages, and nowhere else."""
    return len(path) <= 2000 and _OURS.fullmatch(path) is not None and not _NO_PAGE.fullmatch(path.partition("?")[0])


def is_operators(path: str) -> bool:
    """Tells whether a page of ours is one of the operators'."""
    return re.match(rf"{PATHS['operations']}(?:[/?]|$)", path) is not None


def in_other_language(path: str, query: str, language: Language) -> str:
    """Gives the address of the same page, with the same filters, in the other language."""
    kept = [(name, value) for name, value in parse_qsl(query) if name != "lang"]
    if language == "sv":
        kept.append(("lang", "en"))
    return f"{path}?{urlencode(kept)}" if kept else path


def _several(value: Any) -> list[str]:
    """Lists the values of a parameter; those that say nothing are left out."""
    given = value if isinstance(value, list | tuple) else [value]
    return [str(each) for each in given if each not in (None, "") or isinstance(each, UUID)]
