"""The command that says what is held of an organisation, in numbers, for its data protection officer."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from app.cli.arguments import FORM, AsJson, read_organisation
from app.cli.output import Columns, Document, print_json, print_line, print_list
from app.cli.start import database, note, read_settings
from app.db import inventory, reads, tenants
from app.db import keys as stored
from app.db.acting import on_behalf_of
from app.domain.ages import AGES, OLDER
from app.domain.retention import Retention

privacy = typer.Typer(no_args_is_help=True, help="What is held of an organisation.")

Of = Annotated[str, typer.Option("--organisation", help=FORM, callback=read_organisation, show_default=False)]
_OF_A_KEY = ("handle", "scopes", "counts", "created_at", "expires_at", "revoked_at", "used_at")


@privacy.command("report")
def report(organisation: Of, as_json: AsJson = False) -> None:
    """Says what is held of an organisation, by kind and age; which keys there are, what was erased, what is in clear.

    It has numbers and times, no name and no id of a person or of anything that is of one.
    """
    shown = asyncio.run(_read(organisation))
    if as_json:
        print_json(shown)
        return
    print_line(f"organisation {shown['organisation']} at {_time(shown['at'])}")
    for since in ("disabled_at", "erased_at"):
        if shown[since]:
            print_line(f"{since.removesuffix('_at')} since {_time(shown[since])}")
    kept = shown["retention"]
    print_line(
        f"contents are kept {kept['content_days']} days after their last use, history {kept['history_days']} days"
    )
    for title, rows, columns in (
        ("Held", shown["held"], _HELD),
        ("Past its time", [{"what": what, "number": number} for what, number in kept["past"].items()], _PAIRS),
        ("In clear", [{"what": what, "number": number} for what, number in shown["in_clear"].items()], _PAIRS),
        ("Sealed with", shown["sealed_with"], _SEALED),
        ("Keys", shown["keys"], _KEYS),
        ("Erasures", shown["erasures"], _ERASURES),
    ):
        print_line(f"\n{title}")
        print_list(rows, columns, as_json=False)


async def _read(number: str) -> dict[str, Any]:
    settings = read_settings()
    retention = Retention(settings.retention_content, settings.retention_history)
    async with database() as engine:
        async with engine.begin() as conn:
            one = (await tenants.organisations(conn, number))[0]
            keys = await stored.list_keys(conn, number)
            await note(conn, "report_privacy", one["id"])
        # All of it as it was at one moment, whatever is uploaded meanwhile.
        async with reads.snapshots(engine).begin() as conn:
            on_behalf_of(conn, one["id"])
            held = await inventory.count_held(conn, one["id"])
            return {
                "organisation": number,
                "at": datetime.now(UTC),
                "disabled_at": one["disabled_at"],
                "erased_at": one["erased_at"],
                "held": held,
                "in_clear": {**_in_clear(held), **await inventory.count_in_clear(conn, one["id"])},
                "sealed_with": await inventory.count_sealed(conn, one["id"]),
                # Accounts at a provider are of people: they are counted, and have no line each.
                "keys": [_key(key) for key in keys if key["issuer"] is None],
                "retention": {
                    "content_days": retention.content.days,
                    "history_days": retention.history.days,
                    "past": await inventory.count_past(conn, one["id"], retention),
                },
                "erasures": await inventory.count_erasures(conn, one["id"]),
            }


def _in_clear(held: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Adds up what rows say in clear: ids of objects, who is protected, where somebody belongs, who refers to whom."""
    objects = [kind for kind in held if kind["kind"] in inventory.OBJECTS]
    rows = [kind for kind in held if kind["kind"] not in inventory.OBJECTS]
    return {
        "object_ids": sum(kind["held"] + kind.get("by_id_alone", 0) for kind in objects),
        "object_ids_without_content": sum(kind.get("by_id_alone", 0) for kind in objects),
        "rows_that_say_somebody_is_protected": sum(
            kind["protected"] or 0 for kind in rows if kind["kind"] != "answers"
        ),
        "rows_with_role_year_or_unit": sum(kind.get("placed", 0) for kind in rows),
        "rows_that_refer_to_other_objects": sum(kind.get("refers", 0) for kind in rows),
    }


def _key(row: Mapping[Any, Any]) -> dict[str, Any]:
    units = row["school_units"]
    return {**{name: row[name] for name in _OF_A_KEY}, "school_units": None if units is None else len(units)}


def _time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _of_age(age: str) -> Callable[[Document], object]:
    return lambda kind: kind["ages"][age]


_HELD: Columns = {
    "kind": lambda kind: kind["kind"],
    "held": lambda kind: kind["held"],
    "protected": lambda kind: kind["protected"],
    "in a current roster": lambda kind: kind["in_current_roster"],
    "oldest": lambda kind: kind["oldest"],
    "newest": lambda kind: kind["newest"],
    **{f"≤ {age}": _of_age(age) for age in AGES},
    OLDER: _of_age(OLDER),
}
_PAIRS: Columns = {"what": lambda pair: pair["what"].replace("_", " "), "number": lambda pair: pair["number"]}
_SEALED: Columns = {
    "setting": lambda key: f"{key['setting'].upper()}_KEYS",
    "key": lambda key: key["id"],
    "values": lambda key: key["values"],
}
_KEYS: Columns = {
    "key": lambda key: key["handle"],
    "scopes": lambda key: ",".join(key["scopes"]),
    "school units": lambda key: "all" if key["school_units"] is None else key["school_units"],
    "created": lambda key: key["created_at"],
    "expires": lambda key: key["expires_at"],
    "revoked": lambda key: key["revoked_at"],
    "last used": lambda key: key["used_at"],
    "counts": lambda key: key["counts"],
}
_ERASURES: Columns = {
    "of": lambda row: row["kind"],
    "asked for": lambda row: row["asked_for"],
    "done": lambda row: row["done"],
    "first asked for": lambda row: row["first_asked_for_at"],
    "last done": lambda row: row["last_done_at"],
}
