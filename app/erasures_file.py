"""The file of erasures: a JSON line for each, outside the database, so that a restored backup can be told of them.

It names nobody: of a person it has a keyed digest, which only the organisation's own key gives. Workers alone write it.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from app.domain.erasing import Erased


def append(path: str, line: Erased) -> None:
    """Adds `line` to the file at `path`, and returns when it is on the disk; raises OSError.

    Several processes may write at once. A line that a full disk has cut off is ended, and stays unread.
    """
    text = json.dumps(
        {"organisation": line.organisation, "kind": line.kind, "digest": line.digest, "at": line.at.isoformat()}
    )
    is_new = not Path(path).exists()
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        size = os.fstat(file).st_size
        is_cut_off = size > 0 and os.pread(file, 1, size - 1) != b"\n"
        whole = (("\n" if is_cut_off else "") + text + "\n").encode("ascii")
        if os.write(file, whole) < len(whole):
            raise OSError("a line of the file of erasures could not be written whole")
        os.fsync(file)
    finally:
        os.close(file)
    if is_new:
        _keep_its_name(path)


def read(path: str) -> Iterator[Erased | None]:
    """Gives the lines of the file at `path` in their order, None for one that cannot be read; raises OSError."""
    with Path(path).open(encoding="ascii", errors="replace") as lines:
        for line in lines:
            if line.strip():
                yield _read(line)


def _read(line: str) -> Erased | None:
    try:
        found = json.loads(line)
        number, kind, digest = found["organisation"], found["kind"], found["digest"]
        at = datetime.fromisoformat(found["at"])
    except (ValueError, TypeError, KeyError):
        return None
    if not isinstance(number, str) or not isinstance(kind, str) or not isinstance(digest, str | None) or not at.tzinfo:
        return None
    return Erased(number, kind, digest, at)


def _keep_its_name(path: str) -> None:
    """Has the folder written down too: without that a crash might leave a file without a name."""
    folder = os.open(Path(path).resolve().parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
