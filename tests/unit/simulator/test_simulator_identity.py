"""Civic numbers and EPPNs: what is refused, and what gives its owner away."""

import pytest

from app.simulator.civic_number import civic_findings
from app.simulator.eppn import folded, is_possible, is_weak, is_well_formed
from tests.unit.simulator.simulator_parts import TODAY


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("201203049810", []),
        ("198002299819", []),  # a leap day
        ("201203049811", ["8122"]),
        ("197902309827", ["8121"]),
        ("201213019811", ["8121"]),
        ("204001019811", ["8121"]),  # not born yet
        ("201203649817", []),  # samordningsnummer
        ("201203649810", []),  # the same with a wrong check digit, which is let pass
        ("201202909810", ["8121"]),  # 30 February in disguise
        ("20120304TF20", []),
        ("20120230TF20", ["8121"]),
        ("20120364TF20", ["8121"]),  # a TF number has no day + 60
        ("20120304tf20", ["8120"]),
        ("1203049810", ["8120"]),
        ("20120304-9810", ["8120"]),
        ("201203049810\n", ["8120"]),
        ("٢٠١٢٠٣٠٤٩٨١٠", ["8120"]),
        ("", ["8120"]),
    ],
)
def test_a_civic_number_is_judged_by_form_then_date_then_check_digit(value: str, expected: list[str]) -> None:
    assert [finding.message.id for finding in civic_findings(value, TODAY)] == expected


@pytest.mark.parametrize(
    ("eppn", "expected"),
    [
        ("a@b.se", True),
        ("ab.se", False),
        ("a@b@c.se", False),
        ("@b.se", False),
        ("a@", False),
        ("a b@c.se", False),
        ("a@b.se\n", False),
        ("", False),
    ],
)
def test_an_eppn_has_one_at_sign_and_no_space(eppn: str, expected: bool) -> None:
    assert is_well_formed(eppn) is expected


@pytest.mark.parametrize("letter", [chr(code) for code in range(33, 127)])
def test_a_login_has_ascii_letters_digits_and_five_signs(letter: str) -> None:
    assert is_possible(f"x{letter}1@b.se") == (letter.isalnum() or letter in ".-_+@")


@pytest.mark.parametrize(
    "letter", ["\0", "\x1f", "\x7f", "\x85", "\xad", "\u200b", "\u202e", "\u2060", "\ufeff", "å", "а", "１"]
)
def test_a_login_has_no_invisible_character_and_no_other_alphabet(letter: str) -> None:
    """The last letters look like those that a login may have: Cyrillic, and a digit of full width."""
    assert not is_possible(f"x{letter}1@b.se")
    assert not is_possible(f"x1@b.se{letter}")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("x1@b.se", "X1@B.SE", True),
        ("\xe51@b.se", "a\u030a1@b.se", True),
        ("\xc51@b.se", "a\u030a1@b.se", True),
        ("stra\xdfe@b.se", "STRASSE@b.se", True),
        ("x1@b.se", "x2@b.se", False),
    ],
)
def test_two_logins_are_one_whatever_their_case_and_composition(one: str, other: str, same: bool) -> None:
    assert (folded(one) == folded(other)) is same


@pytest.mark.parametrize(
    ("local", "given", "family", "expected"),
    [
        ("q7lun9", "Vira", "Lundqvist", True),
        ("q7LUN9", "Vira", "Lundqvist", True),
        ("vilu01", "Vira", "Lundqvist", True),
        ("lu77vi", "Vira", "Lundqvist", True),
        ("lu77xx", "Vira", "Lundqvist", False),
        ("vira77", "Vira", "Lundqvist", False),
        ("q7ost9", "Vira", "Östman", True),
        ("q7öst9", "Vira", "Östman", True),
        ("asax1", "Åsa", "Åkesson", False),
        ("ake1", "Åsa", "Åkesson", True),
        ("asok1", "Åsa", "Öknevik", True),
        ("obr1", "Vira", "O'Brien", True),
        ("yil1", "Vira", "Yılmaz", True),
        ("li1", "Vira", "Li", False),
        ("vili1", "Vira", "Li", True),
        ("x1", "", "", False),
        ("be8a3f93-906c-45a5-b58c-c1a105b5e4ac", "Vira", "Be8", False),
        ("bea8af93-906c-45a5-b58c-c1a105b5e4ac", "Vira", "Beata", False),  # a UUID is exempt
        ("bea8af93906c45a5b58cc1a105b5e4ac", "Vira", "Beata", True),
    ],
)
def test_an_eppn_with_the_letters_of_the_name_is_weak(local: str, given: str, family: str, expected: bool) -> None:
    assert is_weak(f"{local}@lundqvist.se", given, family) is expected
