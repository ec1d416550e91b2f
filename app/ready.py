"""The signal that a process is ready: a file that appears whole, for those who started it."""

import json
import os
from pathlib import Path


def say_ready(ready_file: Path | None, port: int = 0, metrics_port: int = 0, **more: str) -> None:
    """Writes `{"port": n, "metrics_port": n}` and `more` to the ready file in one piece; without one, does nothing."""
    if ready_file is not None:
        draft = ready_file.with_name(f"{ready_file.name}.{os.getpid()}")
        draft.write_text(json.dumps({"port": port, "metrics_port": metrics_port, **more}))
        draft.replace(ready_file)
