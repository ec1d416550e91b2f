"""What the terminal shows of a run: the service's JSON turned into a table and lines, in administrators' Swedish.

It fetches nothing and prints nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from rich import box
from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

# The columns, each with the counts of `progress` that it adds up and its colour: together they are always the total.
_COLUMNS: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    "kvar": (("pending", "sent"), ""),
    "klara": (("succeeded", "unchanged"), "green"),
    "varning": (("warnings",), "yellow"),
    "fel": (("errors",), "red"),
    "över-\nhoppade": (("skipped",), "magenta"),
}
_STATUSES: Final = {
    "queued": ("i kö", ""),
    "waiting": ("väntar", "dim"),
    "running": ("pågår", "cyan"),
    "succeeded": ("klar", "green"),
    "failed": ("stoppad", "red"),
    "blocked": ("blockerad", "red"),
    "cancelled": ("avbruten", "magenta"),
}
# What records end as that are worth a word, the worst first.
_ENDS: Final = {"error": ("fel", "red"), "skipped": ("överhoppad", "magenta"), "warning": ("varning", "yellow")}
_BAR_WIDTH: Final = 8  # with it the table fits into 80 columns
_NAMES: Final = 2


@dataclass(slots=True)
class Cause:
    """Why records ended as they did: the code or, without one, the sentence that explains it, and whom it is about."""

    status: str
    key: str
    says: str
    names: list[str] = field(default_factory=list)


def stage_table(run: Mapping[str, Any]) -> Table:
    """Shows the stages of a run, while they go and when they have ended: how many records have come how far.

    Takes the body of `GET /runs/{id}`. The bar is what is no longer left; the last row is the whole run.
    """
    table = Table(
        title=Text(f"Körning {run['id']}: {_status(run['status'])}"),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=0,
        show_footer=True,
        show_edge=False,
    )
    jobs = run["jobs"]
    table.add_column("steg", no_wrap=True, footer="hela körningen")
    table.add_column("", width=_BAR_WIDTH)
    table.add_column("status", footer=_status(run["status"]), min_width=9)
    table.add_column("totalt", justify="right", footer=str(sum(job["progress"]["total"] for job in jobs)))
    for name, (counts, _) in _COLUMNS.items():
        together = sum(job["progress"][each] for job in jobs for each in counts)
        table.add_column(name, justify="right", footer=str(together))
    table.add_column("s", justify="right", footer=_seconds(run), min_width=5)
    for job in jobs:
        figures = (_figure(job["progress"], *column) for column in _COLUMNS.values())
        total = str(job["progress"]["total"])
        table.add_row(_words(job["title"]), _bar(job), _status(job["status"]), total, *figures, _seconds(job))
    return table


def causes(records: Iterable[Mapping[str, Any]]) -> list[Cause]:
    """Groups records that ended in error or warning, or were skipped, by why: the most frequent and worst first.

    Takes records as `GET /jobs/{id}/records` gives them. Each counts once, with the first message of its own severity.
    """
    found: dict[tuple[str, str], Cause] = {}
    for record in records:
        if record["status"] not in _ENDS or not (message := _first(record)):
            continue
        url, said = message.get("explanation_url"), (message.get("explanation") or {}).get("sv")
        key = url or _sentence(said or message.get("text") or str(message.get("code")))
        cause = found.setdefault((record["status"], key), Cause(record["status"], key, "" if url else key))
        cause.names.append(str(record.get("name") or record["id"]))
    order = list(_ENDS)
    return sorted(found.values(), key=lambda cause: (-len(cause.names), order.index(cause.status), cause.key))


def cause_lines(found: Sequence[Cause], most: int) -> RenderableType:
    """Writes a line for each of the first causes, and how many records the others have."""
    if not found:
        return Text("Allt gick igenom utan anmärkning.", style="green")
    shown = found[:most]
    digits = max(len(str(len(cause.names))) for cause in shown)
    width = max(len(_ENDS[cause.status][0]) for cause in shown)
    lines = [_line(cause, digits, width) for cause in shown]
    left = sum(len(cause.names) for cause in found[most:])
    if left:
        lines.append(Text(f"… och {left} {'post' if left == 1 else 'poster'} av andra orsaker", style="dim"))
    return Group(*lines)


def _line(cause: Cause, digits: int, width: int) -> Text:
    """Writes how many, how they ended and why, with the first names; it ends at the edge of the terminal."""
    word, shade = _ENDS[cause.status]
    names = f"{', '.join(cause.names[:_NAMES])}{', …' if len(cause.names) > _NAMES else ''}"
    said = _words(f" {_sentence(cause.says).rstrip('.')}: {names}")
    line = Text.assemble(f"{len(cause.names):>{digits}} × ", (word.ljust(width), shade), said)
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


def _first(record: Mapping[str, Any]) -> Mapping[str, Any] | None:
    messages = record["messages"]
    wanted = "warning" if record["status"] == "warning" else "error"
    return next((each for each in messages if each["severity"] == wanted), messages[0] if messages else None)


def _sentence(text: str) -> str:
    """Gives the first sentence of an explanation."""
    return text.split(". ")[0].split(" – ")[0]


def _bar(job: Mapping[str, Any]) -> ProgressBar:
    progress = job["progress"]
    answered = progress["total"] - progress["pending"] - progress["sent"]
    # A stage without records has nothing to wait for once it has succeeded, and nothing to show before.
    total, full = (progress["total"], answered) if progress["total"] else (1, int(job["status"] == "succeeded"))
    shade = "red" if progress["errors"] else "green"
    return ProgressBar(total=total, completed=full, width=_BAR_WIDTH, complete_style="cyan", finished_style=shade)


def _figure(progress: Mapping[str, int], counts: Sequence[str], shade: str) -> Text:
    """Writes a figure, in the colour of its meaning unless it is nought."""
    number = sum(progress[name] for name in counts)
    return Text(str(number), style=shade if number else "dim")


def _status(status: str) -> Text:
    word, shade = _STATUSES.get(status, (status, ""))
    return Text(word, style=shade)


def _seconds(timed: Mapping[str, Any]) -> str:
    """Measures from `started_at` to `finished_at` (RFC 3339); a dash while one of them is missing."""
    started, finished = timed.get("started_at"), timed.get("finished_at")
    if not started or not finished:
        return "–"
    seconds = (datetime.fromisoformat(finished) - datetime.fromisoformat(started)).total_seconds()
    return decimal(seconds)


def decimal(number: float) -> str:
    """Writes a number with one decimal, as it is written in Swedish."""
    return f"{number:.1f}".replace(".", ",")


def _words(value: Any) -> Text:
    """Makes text of what came from outside: no markup, and nothing that a terminal cannot encode."""
    return Text("" if value is None else str(value).encode("utf-8", "replace").decode("utf-8"))
