"""What the terminal shows of a run: the service's JSON turned into tables. It fetches nothing and prints nothing."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

_DONE = ("succeeded", "warnings", "errors", "skipped")
_SHADES = {"succeeded": "green", "warnings": "yellow", "errors": "red", "skipped": "magenta"}
_STATUS_SHADES = {
    "running": "cyan",
    "succeeded": "green",
    "failed": "red",
    "blocked": "red",
    "cancelled": "magenta",
}
_BAR_WIDTH = 12  # with it the live table fits into 80 columns


def live_table(run: Mapping[str, Any]) -> Table:
    """Shows the stages of a run as they go: a bar of what has its answer, the job's status and its counts.

    Takes the body of `GET /runs/{id}`. `sent` counts the records that wait for Skolverket's answer.
    """
    table = _table(f"Run {run['id']}: {run['status']}")
    table.add_column("stage", no_wrap=True)
    table.add_column("answered", width=_BAR_WIDTH)
    table.add_column("status", min_width=9)
    for name in ("sent", *_DONE):
        table.add_column(name, justify="right")
    for job in run["jobs"]:
        progress = job["progress"]
        table.add_row(_words(job["title"]), _bar(job), _status(job["status"]), *_counts(progress, ("sent", *_DONE)))
    return table


def summary_table(run: Mapping[str, Any], sent: Mapping[str, int]) -> Table:
    """Sums up a run stage by stage, with the seconds from each job's start to its end and a last row for the whole.

    `sent` has, by job id, how many records left for Skolverket; the rest of `total` never could.
    """
    table = _table("Summary")
    table.show_footer = True
    jobs = run["jobs"]
    table.add_column("stage", no_wrap=True, footer="whole run")
    table.add_column("status", footer=_status(run["status"]))
    table.add_column("total", justify="right", footer=str(sum(job["progress"]["total"] for job in jobs)))
    table.add_column("sent", justify="right", footer=str(sum(sent.values())))
    for name in _DONE:
        table.add_column(name, justify="right", footer=str(sum(job["progress"][name] for job in jobs)))
    table.add_column("seconds", justify="right", footer=_seconds(run))
    for job in jobs:
        total, *done = _counts(job["progress"], ("total", *_DONE))
        left = Text(str(sent.get(job["id"], 0)))
        table.add_row(_words(job["title"]), _status(job["status"]), total, left, *done, _seconds(job))
    return table


def failed_records(records: Sequence[Mapping[str, Any]], limit: int = 10) -> RenderableType:
    """Lists the first records that ended in error, with Skolverket's words and our explanation in Swedish.

    Takes records as `GET /jobs/{id}/records` gives them, of several jobs if need be; those that did not
    end in error are left out.
    """
    failed = [record for record in records if record["status"] == "error"]
    if not failed:
        return Text("No record ended in error.", style="green")
    table = Table(title="First records in error", title_justify="left", show_lines=True)
    for name in ("kind", "name", "code", "what was answered, and what it means"):
        table.add_column(name)
    for record in failed[:limit]:
        messages = [message for message in record["messages"] if str(message.get("severity")).lower() != "warning"]
        codes = [_words(message.get("code")) for message in messages]
        said = [_message(message) for message in messages]
        named = _words(record.get("name") or record["id"])
        table.add_row(_words(record["kind"]), named, Text("\n").join(codes), Text("\n").join(said))
    left = len(failed) - limit
    return Group(table, Text(f"and {left} more", style="dim")) if left > 0 else table


def _table(title: str) -> Table:
    return Table(title=Text(title), title_justify="left", box=box.SIMPLE_HEAD, padding=0)


def _bar(job: Mapping[str, Any]) -> ProgressBar:
    progress = job["progress"]
    answered = sum(progress[name] for name in _DONE)
    # A stage without records has nothing to wait for once it has succeeded, and nothing to show before.
    total, full = (progress["total"], answered) if progress["total"] else (1, int(job["status"] == "succeeded"))
    shade = "red" if progress["errors"] else "green"
    return ProgressBar(total=total, completed=full, width=_BAR_WIDTH, complete_style="cyan", finished_style=shade)


def _counts(progress: Mapping[str, int], names: Sequence[str]) -> list[Text]:
    """Writes the counts, with those that are not nought in the colour of their meaning."""
    return [Text(str(progress[name]), style=_SHADES.get(name, "") if progress[name] else "dim") for name in names]


def _status(status: str) -> Text:
    return Text(status, style=_STATUS_SHADES.get(status, ""))


def _seconds(timed: Mapping[str, Any]) -> str:
    """Measures from `started_at` to `finished_at` (RFC 3339); a dash while one of them is missing."""
    started, finished = timed.get("started_at"), timed.get("finished_at")
    if not started or not finished:
        return "–"
    return f"{(datetime.fromisoformat(finished) - datetime.fromisoformat(started)).total_seconds():.1f}"


def _message(message: Mapping[str, Any]) -> Text:
    explanation = (message.get("explanation") or {}).get("sv")
    said = _words(message.get("text"))
    ours = said.plain == explanation
    attribute = message.get("attribute")
    if attribute:
        said.append_text(Text(f" ({_words(attribute).plain})", style="dim"))
    if not explanation or ours:
        return said
    return said.append_text(Text(f"\n→ {_words(explanation).plain}", style="italic"))


def _words(value: Any) -> Text:
    """Makes text of what came from outside: no markup, and nothing that a terminal cannot encode."""
    return Text("" if value is None else str(value).encode("utf-8", "replace").decode("utf-8"))
