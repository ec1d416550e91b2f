"""Civic numbers and EPPNs: what is refused, and what gives its owner away."""

import pytest

from app.simulator.civic_number import civic_findings
from app.simulator.eppn import is_weak, is_well_formed
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
