"""A key is its owner's alone: what the mode of a file says decides whether it is taken."""

import os

import pytest

from app.private_files import open_to_others

ROOT, SOMEBODY = 0, 10001


@pytest.mark.parametrize(
    ("owner", "mode", "is_open"),
    [
        (SOMEBODY, 0o400, False),
        (SOMEBODY, 0o600, False),
        (SOMEBODY, 0o700, False),
        (SOMEBODY, 0o640, True),
        (SOMEBODY, 0o620, True),
        (SOMEBODY, 0o604, True),
        (SOMEBODY, 0o602, True),
        (ROOT, 0o600, False),
        (ROOT, 0o440, False),
        (ROOT, 0o640, False),
        (ROOT, 0o660, True),
        (ROOT, 0o644, True),
        (ROOT, 0o642, True),
    ],
)
def test_a_file_is_open_to_others_by_its_owner_and_mode(owner: int, mode: int, is_open: bool) -> None:
    """Root's may be read by a group, as a mounted secret is; nobody else may do anything."""
    status = os.stat_result((0o100000 | mode, 1, 1, 1, owner, owner, 1, 0, 0, 0))
    assert open_to_others(status) is is_open
