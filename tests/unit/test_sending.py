"""What the page of an exam before it is sent offers to allow."""

from uuid import UUID

import pytest

from app.skolverket.published import PUBLISHED
from app.views.viewer import Viewer
from app.web.sending import allowable


@pytest.mark.parametrize(
    ("scopes", "code", "offered"),
    [
        (("pii", "protected"), "weaker_marking", ["weaker_marking"]),
        (("pii", "protected"), "needs_permission", ["weaker_marking", "reused_id"]),
        (("pii",), "needs_permission", []),
        (("protected",), "weaker_marking", []),
        ((), "needs_permission", []),
    ],
)
def test_what_is_about_persons_is_offered_to_who_may_see_them(
    scopes: tuple[str, ...], code: str, offered: list[str]
) -> None:
    viewer = Viewer(UUID(int=1), UUID(int=2), frozenset(scopes), None, PUBLISHED)
    assert allowable({"findings": {"by_code": {code: 1}}}, [{"shrinks": True}], viewer) == ["shrinks", *offered]
