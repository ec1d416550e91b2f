"""Where simulators write down their exchanges during a test run, and how these are read back.

It does not judge them: that is done against the published documents, in `tests.contract.official`.
"""

import base64
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

# Skolverket's two published documents, which stand beside the project where they do.
PUBLISHED = Path(__file__).resolve().parents[2] / "shared" / "skolverket"
OUR_AGENT = "provkedja"
# More than these a request of the client has not.
MOST_BYTES = 200_000

_folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call and its answer, whose status is None when the connection was cut; `planted` names a fault on demand."""

    method: str
    url: str
    request_headers: Mapping[str, str] = field(default_factory=dict)
    request_body: bytes = b""
    status: int | None = None
    response_headers: Mapping[str, str] = field(default_factory=dict)
    response_body: bytes = b""
    planted: str | None = None
    number: int = 0
    test: str = ""

    @property
    def is_ours(self) -> bool:
        """Tells whether our own client made the call; tests make others by hand, wrong ones on purpose."""
        return self.request_headers.get("user-agent", "").startswith(OUR_AGENT)


def record_into(folder: Path | None) -> None:
    """Says where the simulators of this process's tests write; None is nowhere."""
    # Fixtures of every scope start simulators, some in plain functions: none of these has pytest's configuration.
    global _folder
    _folder = folder


def recorded(arguments: Sequence[str]) -> Sequence[str]:
    """Adds to the arguments of a simulator's process that it writes its exchanges down, unless a test has it do so."""
    record = new_record() if arguments[0] == "simulator" and "--record" not in arguments else None
    return arguments if record is None else (*arguments, "--record", str(record))


def new_record() -> Path | None:
    """Makes an empty file that nobody else can read for a new simulator; None when nothing is recorded."""
    if _folder is None:
        return None
    record = _folder / f"{uuid4().hex}.jsonl"
    record.touch(mode=0o600, exist_ok=False)
    test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
    record.with_suffix(".test").write_text(test, encoding="utf-8")
    return record


def make_folder() -> tempfile.TemporaryDirectory[str]:
    """Makes a folder that nobody else can look into, and that goes when it is cleaned up."""
    return tempfile.TemporaryDirectory(prefix="provkedja-exchanges-")


def read_exchanges(folder: Path) -> Iterator[Exchange]:
    """Reads all that was written down; a last line that a killed process left unfinished is passed over."""
    for record in sorted(folder.glob("*.jsonl")):
        test = record.with_suffix(".test").read_text(encoding="utf-8")
        with record.open("rb") as lines:
            for line in lines:
                if line.endswith(b"\n"):
                    yield read_exchange(line, test)


def read_exchange(line: bytes, test: str = "") -> Exchange:
    """Reads one line of a record."""
    written = json.loads(line)
    return Exchange(
        written["method"],
        written["url"],
        written["request_headers"],
        base64.b64decode(written["request_body"] or ""),
        written["status"],
        written["response_headers"] or {},
        base64.b64decode(written["response_body"] or ""),
        written["planted"],
        written["number"],
        test,
    )
