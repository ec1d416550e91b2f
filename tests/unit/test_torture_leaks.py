"""What the torture finds of persons in files that may hold anything, and what it takes for nobody's."""

import random
from pathlib import Path

import pytest

from tests.torture.leaks import leaks, long_values, on_disk
from tests.torture.rosters import DOMAIN

NOISE = random.Random(7).randbytes(300_000)
LOGIN = "1f0e2d3c-4b5a-4978-8695-a4b3c2d1e0ff"
SECRETS = {"Wilhelmina", "Bo", "Källström-Exempelsson", "201401019810", f"{LOGIN}@a1.{DOMAIN}"}


@pytest.mark.parametrize(
    "leaked",
    [
        b"Wilhelmina",
        b'{"givenName": "Wilhelmina"}',
        "Källström-Exempelsson".encode(),
        b"\x00Exempelsson\x00",
        b"201401019810",
        f"wal of {LOGIN}@a1.{DOMAIN}".encode(),
        LOGIN.encode(),
        b"an eppn of somebody else: x@a2." + DOMAIN.encode(),
    ],
)
def test_a_value_in_clear_is_found_wherever_it_stands(tmp_path: Path, leaked: bytes) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "16384").write_bytes(NOISE + b"\x00" + leaked + b"\xff" + NOISE)
    [(place, count)] = on_disk(tmp_path, SECRETS)
    assert place.endswith("base/16384")
    assert count >= 1


@pytest.mark.parametrize("other", [b"Bo", b"Wilhelm", b"20140101981", b"", b"Exempel", b"1f0e2d3c"])
def test_what_is_nobodys_is_not(tmp_path: Path, other: bytes) -> None:
    """Nor what is so short that it stands anywhere by chance: as eight digits of one id do among those of others."""
    (tmp_path / "file").write_bytes(NOISE + b"\x00" + other + b"\xff" + NOISE)
    (tmp_path / "empty").touch()
    assert list(on_disk(tmp_path, SECRETS)) == []


def test_a_name_with_half_a_character_is_looked_for_too() -> None:
    assert long_values({"Exempel\ud83d"}) == {b"Exempel\xed\xa0\xbd"}


@pytest.mark.parametrize("text", [f"sent for {LOGIN}", f"https://x.example/{LOGIN}@a1.{DOMAIN}", "Wilhelmina is new"])
def test_a_text_that_tells_a_value_or_the_first_part_of_a_login_leaks(text: str) -> None:
    assert [place for place, _ in leaks([("log", text), ("other", "nothing new")], SECRETS)] == ["log"]
