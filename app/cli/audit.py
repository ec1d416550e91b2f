"""The commands that ask the audit: whether its chain holds, and who has seen or changed what."""

import asyncio
import re
from datetime import datetime
from typing import Annotated

import typer

from app.cli.arguments import FORM, AsJson, read_moment, read_organisation
from app.cli.erasures import asked_person, find_person
from app.cli.output import Document, print_json, print_line, print_list
from app.cli.start import database, note, read_settings
from app.db import tenants
from app.db.audit import digest_of
from app.db.audit_chain import ChainKeyLost
from app.db.audit_lists import list_rows
from app.db.audit_verify import Verified
from app.db.audit_verify import verify as walk
from app.db.cipher import cipher_of
from app.db.engine import transaction
from app.domain.audit import Place
from app.errors import Stopped
from app.views.audit import show_audit_row

audit = typer.Typer(no_args_is_help=True, help="The audit: who has seen or changed what, and whether its chain holds.")

Organisation = Annotated[str, typer.Option("--organisation", help=FORM, callback=read_organisation, show_default=False)]
Since = Annotated[
    datetime | None,
    typer.Option(help="Only since this day or time (UTC).", parser=read_moment, show_default=False),
]

_ANCHOR = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")


@audit.command("verify")
def verify(
    anchor: Annotated[
        str | None,
        typer.Option(
            "--from", help="An anchor SEQ:DIGEST, as the workers' log has them, to begin with.", show_default=False
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Walks the chain of the audit: exit code 1 with the first link that does not hold.

    Without the anchor of a log it finds what somebody has changed who does not have the encryption keys. With one it
    finds too that the chain was made anew or cut off.
    """
    cipher, known = cipher_of(read_settings().encryption_keys.get_secret_value()), _read(anchor)

    async def run() -> Verified:
        async with database() as engine, engine.begin() as conn:
            return await walk(conn, cipher, known)

    try:
        found = asyncio.run(run())
    except ChainKeyLost:
        raise Stopped("there is a chain and no key of it: nobody can tell whether it holds") from None
    if as_json:
        print_json(
            {
                "holds": not found.wrong,
                "begin": found.begin,
                "end": found.end.seq,
                "anchor": _written(found.end),
                "waiting": found.waiting,
                "wrong": found.wrong,
            }
        )
        if found.wrong:
            raise typer.Exit(1)
    elif found.wrong:
        raise Stopped("\n".join(["the audit does not hold", *found.wrong]))
    else:
        print_line(f"holds from {found.begin + 1} to {_written(found.end)}; {found.waiting} rows wait for their link")


@audit.command("show")
def show(
    organisation: Organisation,
    person: Annotated[
        str | None,
        typer.Option(
            help="Only about this person: an id, or `-` to be asked for an id or a personnummer, which others would "
            "see among the arguments of processes.",
            show_default=False,
        ),
    ] = None,
    key: Annotated[str | None, typer.Option(help="Only of the key with this handle.", show_default=False)] = None,
    since: Since = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Shows who has seen or changed what of an organisation, or of a person; it names nobody, and is a row itself."""
    cipher = cipher_of(read_settings().encryption_keys.get_secret_value())
    whose = None if person is None else asked_person(person)

    async def run() -> list[Document]:
        async with database() as engine:
            async with engine.begin() as conn:
                of = (await tenants.organisations(conn, organisation))[0]["id"]
                own = cipher.of(of, await tenants.own_keys(conn, of))
            async with transaction(engine, "show_audit", of=of) as conn:
                digest = None if whose is None else digest_of(own, await find_person(conn, own, whose))
                await note(conn, "read_audit", of, objects=[] if digest is None else [digest])
                found = await list_rows(conn, of, digest=digest, key=key, since=since, limit=limit)
        return [show_audit_row(row, may_see_protected=True) for row in found[:limit]]

    columns = {
        "at": lambda one: one["at"],
        "who": lambda one: one["actor"]["kind"],
        "handle": lambda one: one["actor"]["handle"],
        "action": lambda one: one["action"],
        "via": lambda one: one["via"],
        "objects": lambda one: one["objects"],
        "protected": lambda one: one["protected"],
        "run": lambda one: one["run_id"],
        "job": lambda one: one["job_id"],
        "activity": lambda one: one["activity_id"],
    }
    print_list(asyncio.run(run()), columns, as_json=as_json)


def _read(anchor: str | None) -> Place | None:
    if anchor is None:
        return None
    if (shape := _ANCHOR.fullmatch(anchor.strip())) is None:
        raise typer.BadParameter(
            "an anchor is a number and 64 hexadecimal digits with a colon between, as the log has it"
        )
    return Place(int(shape[1]), bytes.fromhex(shape[2]))


def _written(place: Place) -> str:
    return f"{place.seq}:{place.digest.hex()}"
