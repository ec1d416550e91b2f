"""What somebody may who has signed in elsewhere: claims against the operator's table of what each is worth. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, Final
from uuid import UUID

from app.security.keys import Caller

# What is one person's stands in no table: it names roles and groups.
OF_ONE_PERSON: Final = frozenset(
    {
        *("sub", "name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile"),
        *("picture", "email", "phone_number", "birthdate", "address", "upn", "unique_name", "oid", "eppn"),
        *("https://id.oidc.se/claim/personalIdentityNumber", "personalIdentityNumber", "eduPersonPrincipalName"),
    }
)


class NoRights(Exception):
    """Claims give nobody any right; `reason` is `none`, or `several_organisations`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Mapped:
    """A row of the table: who has this `value` of this `claim` has these scopes in an organisation.

    `school_units` None are all of the organisation's.
    """

    id: UUID
    claim: str
    value: str
    organisation_id: UUID
    scopes: frozenset[str]
    school_units: frozenset[UUID] | None


@dataclass(frozen=True, slots=True)
class Rights:
    """What somebody may, in the one organisation, and by which rows (`granted_by`)."""

    organisation_id: UUID
    scopes: frozenset[str]
    school_units: frozenset[UUID] | None
    granted_by: frozenset[UUID]


def rights_of(claims: Mapping[str, Any], table: Iterable[Mapped]) -> Rights:
    """Gives what claims are worth; raises NoRights, also where two organisations have a row for them.

    Rows for all of the organisation add up, and what rows for single units say counts only where there is no such row:
    `protected` in one school is not `protected` in all. Of rows for single units each unit has what its rows say, and
    somebody has what they have in every one of their units.
    """
    rows = [each for each in table if each.value in _values(claims, each.claim)]
    organisations = {each.organisation_id for each in rows}
    if len(organisations) != 1:
        raise NoRights("several_organisations" if rows else "none")
    whole = [each for each in rows if each.school_units is None]
    counting = whole or rows
    granted_by = frozenset(each.id for each in counting)
    [organisation_id] = organisations
    if whole:
        return Rights(organisation_id, _union(each.scopes for each in whole), None, granted_by)
    units = _union(each.school_units for each in rows if each.school_units is not None)
    in_each = (_union(row.scopes for row in rows if unit in (row.school_units or ())) for unit in units)
    return Rights(organisation_id, reduce(frozenset[str].intersection, in_each), units, granted_by)


def _values(claims: Mapping[str, Any], claim: str) -> frozenset[str]:
    """Gives the texts that a claim has: one, or a list of them; whatever else it is says nothing."""
    given = claims.get(claim)
    listed = given if isinstance(given, list) else [given]
    return frozenset(each for each in listed if isinstance(each, str))


def _union(sets: Iterable[frozenset[Any]]) -> frozenset[Any]:
    return frozenset[Any]().union(*sets)


def narrowed(caller: Caller, rights: Rights, *, with_protected: bool) -> Caller | None:
    """Gives a caller with what both its row and these `rights`, of the token that it brings, allow; None for nothing.

    The row has what its latest sign-in has given it, which may be more or less than this token gives.
    """
    scopes = caller.scopes & rights.scopes - (frozenset() if with_protected else {"protected"})
    units = caller.school_units
    if units is None or rights.school_units is None:
        units = rights.school_units if units is None else units
    else:
        units &= rights.school_units
    if not scopes or (units is not None and (not units or "pii" not in scopes)):
        return None
    return replace(caller, scopes=scopes, school_units=units)
