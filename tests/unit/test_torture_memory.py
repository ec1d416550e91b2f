"""What the torture finds of persons in memory: their values in every encoding in which Python may hold them."""

import ctypes
import os
import random

import pytest

from tests.torture.memory import Unreadable, markers_in, markers_of, markers_of_process
from tests.torture.rosters import DOMAIN

NOISE = random.Random(7).randbytes(100_000)
LOGIN = f"155d8b4a-692b-4dee-a79f-caa07f28d748@edu.a201139133745705.{DOMAIN}"
NAMES = ("Örtyrmarkqzvmvgya", "Őrtyrmarkidfvvfmn")
VALUES = frozenset({*NAMES, LOGIN, "196602189828", "19660278TF21"})
# As CPython does: the widest letter of the text that a value is in says how many bytes each has.
BESIDE = {"latin-1": "å", "utf-16-le": "Ł", "utf-32-le": "𝔸", "utf-8": "Å"}


@pytest.mark.parametrize("encoding", BESIDE)
@pytest.mark.parametrize("value", sorted(VALUES))
def test_a_value_is_found_in_every_encoding(value: str, encoding: str) -> None:
    if encoding == "latin-1":
        # Texts that have a byte a letter have no wider one.
        value = value.replace("Ő", "Ö")
    held = f"{BESIDE[encoding]}{value}{BESIDE[encoding]}".encode(encoding)
    [marker] = markers_of(frozenset({value}))
    assert marker in markers_in(NOISE + held + NOISE)
    assert marker in markers_in(b"7" + value.encode(encoding) + b"7")


def test_a_value_is_found_in_an_escape_and_a_number_with_its_hyphen() -> None:
    assert markers_of(VALUES) <= markers_in(
        b'{"familyName":"\\u00d6rtyrmarkqzvmvgya","more":"\\u0150rtyrmarkidfvvfmn"}19660218-9828;19660278-TF21;'
        + LOGIN.encode()
    )


def test_noise_is_nobodys() -> None:
    assert not markers_of(VALUES) & markers_in(NOISE)
    assert not any(b"rtyrmark" in each or b"@" in each for each in markers_in(NOISE))


def test_what_a_process_holds_is_found_in_its_memory_and_what_it_does_not_is_not() -> None:
    """This very process, with a value that was made up now and is held in C's memory."""
    drawn = "".join(random.choices("abcdefghijklmnopqrstuvwxyz", k=8))
    held = ctypes.create_string_buffer(b"rtyrmark" + drawn.encode())
    try:
        found = markers_of_process(os.getpid())
    except Unreadable as fault:
        pytest.skip(f"memory may not be read here: {fault}")
    assert held.value in found
    with pytest.raises(Unreadable):
        markers_of_process(2**22 + 1)
