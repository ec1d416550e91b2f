"""A worker that is told to end does so, even when its loop stands still."""

import subprocess
import sys

from tests.conftest import ROOT

_STANDS_STILL = """
import time
from app.jobs import worker
worker._LONGEST_END = 0.1
worker.end_in_time()
def stands_here():
    time.sleep(30)
stands_here()
"""


def test_a_process_that_does_not_end_is_ended_and_says_where_it_stood() -> None:
    done = subprocess.run([sys.executable, "-c", _STANDS_STILL], cwd=ROOT, capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    assert "stands_here" in done.stderr
