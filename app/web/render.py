"""Templates become pages here: escaped always, and a value that is not there is an error and no empty place."""

from datetime import datetime
from functools import cache, partial
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from app.catalogue import Language, counted, figures, in_words, page_text, property_name
from app.views.explanation import sentence
from app.views.export import civic_no
from app.web.files import file_address
from app.web.moments import in_sweden, time_of
from app.web.paths import address
from app.web.standings import done_of, headline_of, is_under_way, standing_of, standing_of_record


def render(template: str, language: Language, /, **values: Any) -> str:
    """Fills a template for a reader of `language`.

    Beside the values it has `t(key, …)` for a text of the catalogue, `n(noun, number)` for a number with its noun,
    `figures(number)` for one alone, `href(page, …)` for an address, `exam(shown)` for the name of a run's or a job's
    exam, `moment(time)`, `between(time, time)`, and `file(name)`.
    """
    t = partial(_text, language)
    given = {
        "language": language,
        "t": t,
        "n": lambda noun, number: counted(noun, number, language),
        "figures": lambda number: figures(number, language),
        "href": lambda page, **into: address(page, language, **into),
        "exam": lambda shown: shown["activity"]["display_name"] or t("history_unnamed"),
    }
    return _environment().get_template(template).render(given | values)


@cache
def _environment() -> Environment:
    # A template is part of the program: it is read once, and never from anywhere else.
    made = Environment(
        loader=PackageLoader("app.web"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(
        moment=_moment,
        between=_between,
        file=file_address,
        civic_no=civic_no,
        headline_of=headline_of,
        standing_of=standing_of,
        standing_of_record=standing_of_record,
        done_of=done_of,
        is_under_way=is_under_way,
        organisation_number=_organisation_number,
        property_name=property_name,
        sentence=sentence,
    )
    return made


def _text(language: Language, key: str, **values: Any) -> str:
    shown = {name: figures(each, language) if isinstance(each, int) else each for name, each in values.items()}
    return page_text(key, language, shown)


def _organisation_number(number: str) -> str:
    """Writes an organisation's number as letters do, e.g. `212000-9812`."""
    return f"{number[:6]}-{number[6:]}"


def _moment(given: datetime | str) -> Markup:
    at = time_of(given)
    return Markup('<time datetime="{}">{}</time>').format(at.isoformat(timespec="seconds"), in_sweden(at))


def _between(began: datetime | str, ended: datetime | str) -> str:
    return in_words(time_of(ended) - time_of(began))
