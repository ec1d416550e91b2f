"""How organisations identify themselves, out of settings and rows, and the check of it that operators ask for."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import RowMapping

from app.settings import Settings
from app.skolverket.auth import Authorisation, fetch_token
from app.skolverket.examination import Finding, examine, token_fault, token_fetched
from app.skolverket.faults import TryAgain
from app.skolverket.identity import Identity, read_papers


def authorisation(settings: Settings, patience: float) -> Authorisation:
    """Gives where tokens are asked for and whom to believe there; `patience` in seconds."""
    return Authorisation(
        url=settings.skolverket_authorisation_url,
        provisioning_url=settings.skolverket_provisioning_url,
        patience=patience,
        ca_file=settings.skolverket_ca_file,
        pins=frozenset(pin.strip() for pin in settings.skolverket_authorisation_pins.split(",") if pin.strip()),
        certificate_folder=settings.certificate_folder,
    )


def identity_of(row: Mapping[str, Any]) -> Identity:
    """Makes an organisation's identity of its row: number, certificate_file, key_file, entity_id."""
    return Identity(row["number"], row["certificate_file"], row["key_file"], row["entity_id"])


async def check_organisation(settings: Settings, row: RowMapping) -> list[Finding]:
    """Says whether an organisation's certificate, key, number and address fit together, and tries a token.

    The token is thrown away; neither it nor anything of the key is in what is said.
    """
    where, identity = authorisation(settings, settings.skolverket_timeout), identity_of(dict(row))
    now = datetime.now(UTC)
    papers = await asyncio.to_thread(read_papers, identity, where.certificate_folder)
    findings = examine(identity, papers, where, now)
    try:
        token = await fetch_token(where, identity)
    except TryAgain as fault:
        return [*findings, token_fault(fault, findings)]
    return [*findings, token_fetched(token, now)]
