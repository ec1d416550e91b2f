"""Cards of runs, kept as they were made: lists show the same ones again and again, and making one takes a while."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final
from uuid import UUID

from markupsafe import Markup

from app.catalogue import Language
from app.views import Shown
from app.web.render import render

# Of some kilobytes each.
_KEPT: Final = 2000


@dataclass(frozen=True, slots=True)
class _Version:
    """A run as it is shown; two with the same id and version are alike."""

    id: UUID
    version: int
    shown: Shown = field(compare=False)


def run_card(run: Shown, language: Language) -> Markup:
    """Gives a shown run as a card of a list, for a reader of `language`."""
    return _card(_Version(run["id"], run["version"], run), language)


@lru_cache(maxsize=_KEPT)
def _card(run: _Version, language: Language) -> Markup:
    return Markup(render("run_card.html", language, run=run.shown))  # noqa: S704 - a template of ours
