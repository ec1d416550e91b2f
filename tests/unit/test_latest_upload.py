"""Whether an object is sent: never in an older upload than the target has, and not while another run's call has it."""

import pytest

from app.domain.latest_upload import Standing, standing


@pytest.mark.parametrize(
    ("upload", "accepted_upload", "under_way", "expected"),
    [
        (3, None, False, Standing.SEND),
        (3, 2, False, Standing.SEND),
        (3, 3, False, Standing.SEND),
        (3, 4, False, Standing.NEWER_AT_TARGET),
        (3, None, True, Standing.WAIT),
        (3, 2, True, Standing.WAIT),
        (3, 3, True, Standing.WAIT),
        # What the other call brings can only be newer still.
        (3, 4, True, Standing.NEWER_AT_TARGET),
    ],
)
def test_an_older_upload_is_never_put_over_a_newer_one(
    upload: int, accepted_upload: int | None, under_way: bool, expected: Standing
) -> None:
    assert standing(upload, accepted_upload, under_way=under_way) is expected
