"""A process whose work stands still ends; one whose loop comes round, or that was stopped as a whole, goes on."""

import signal
import subprocess
import sys
import time

from app.jobs.watchdog import STANDS_STILL
from tests.conftest import ROOT

_BEGINS = """
import sys, time
from app.jobs import watchdog
watchdog._TICK = 0.05
dog = watchdog.Watchdog(within=0.6)
dog.start()
print("begins", flush=True)
"""
_STANDS = _BEGINS + "time.sleep(60)"
_COMES_ROUND = (
    _BEGINS
    + """
for _ in range(60):
    dog.came_round()
    time.sleep(0.05)
"""
)


def started(program: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begins\n"
    return process


def test_what_stands_still_ends_and_says_where_it_stood() -> None:
    process = started(_STANDS)
    _, said = process.communicate(timeout=20)
    assert process.returncode == STANDS_STILL
    assert 'File "<string>"' in said


def test_a_loop_that_comes_round_goes_on() -> None:
    process = started(_COMES_ROUND)
    process.communicate(timeout=20)
    assert process.returncode == 0


def test_time_in_which_the_process_was_stopped_does_not_count() -> None:
    process = started(_COMES_ROUND)
    process.send_signal(signal.SIGSTOP)
    time.sleep(1.2)
    process.send_signal(signal.SIGCONT)
    process.communicate(timeout=20)
    assert process.returncode == 0
