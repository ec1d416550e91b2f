"""What is shown of the causes of errors: as JSON, and as a page for people."""

from collections.abc import Sequence

from app.catalogue import LANGUAGES, Cause, catalogue, phrase
from app.views import Shown
from app.views.reference_page import reference_page, reference_section


def show_causes() -> list[Shown]:
    """Shows all causes."""
    return [_shown(cause) for cause in catalogue().problems.values()]


def causes_page(shown: Sequence[Shown]) -> str:
    """Writes a page about these causes, in Swedish with English beside it."""
    return reference_page(shown[0]["slug"] if len(shown) == 1 else "Provkedja", map(_section, shown))


def _shown(cause: Cause) -> Shown:
    texts = {language: getattr(cause, language) for language in LANGUAGES}
    return {
        "slug": cause.slug,
        "type": f"/problems/{cause.slug}",
        "status": cause.status,
        **{
            name: {language: getattr(texts[language], name) for language in LANGUAGES}
            for name in ("title", "means", "to_do")
        },
        "retry_after": cause.retry_after,
    }


def _section(shown: Shown) -> str:
    said = {}
    for language in LANGUAGES:
        waiting = phrase("waiting_helps" if shown["retry_after"] is not None else "waiting_does_not_help", language)
        means, to_do = shown["means"][language], shown["to_do"][language]
        terms = {"entry_means": means, "entry_to_do": to_do, "entry_wait": waiting}
        rows = [(phrase(term, language), text) for term, text in terms.items()]
        said[language] = (f"{shown['title'][language]} ({shown['status']})", rows)
    return reference_section(shown["slug"], shown["type"], said)
