"""A process whose work stands still ends; one whose loop comes round, or that was stopped as a whole, goes on."""

import signal
import subprocess
import sys
import time
from uuid import UUID

import pytest

from app.jobs.watchdog import STANDS_STILL, name_of_step
from tests.conftest import ROOT

JOB = UUID(int=7)
_PROGRAM = """
import asyncio, time
from uuid import UUID
from app.jobs import watchdog
watchdog._TICK = 0.05
dog = watchdog.Watchdog(within=0.6)
dog.last_word = lambda died, guilty: print(died, guilty, flush=True)

async def stand(): time.sleep(60)
async def wait(): await asyncio.sleep(60)
async def come_round():
    for _ in range(60):
        dog.came_round()
        await asyncio.sleep(0.05)

async def main():
    dog.start()
    print("begins", flush=True)
    await asyncio.create_task(DOES(), name=NAME)

asyncio.run(main())
"""


def program(does: str, name: str = "loop") -> str:
    return _PROGRAM.replace("DOES", does).replace("NAME", repr(name))


def started(program: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begins\n"
    return process


@pytest.mark.parametrize(
    ("does", "name", "word"),
    [
        pytest.param("wait", name_of_step(JOB), "False None\n", id="something that does not come: no job is to blame"),
        pytest.param("stand", name_of_step(JOB), f"True {JOB}\n", id="the loop itself, in a job's step"),
        pytest.param("stand", "Task-7", "True None\n", id="the loop itself, somewhere else"),
    ],
)
def test_what_stands_still_ends_and_says_where_it_stood(does: str, name: str, word: str) -> None:
    process = started(program(does, name))
    last, said = process.communicate(timeout=20)
    assert process.returncode == STANDS_STILL
    assert "most recent call first" in said
    assert last == word


def test_a_last_word_that_cannot_be_said_keeps_nobody() -> None:
    hanging = program("wait").replace("print(died, guilty, flush=True)", "time.sleep(60)")
    process = started(hanging.replace("watchdog._TICK = 0.05", "watchdog._TICK = watchdog._LAST_WORD = 0.05"))
    process.communicate(timeout=20)
    assert process.returncode == STANDS_STILL


def test_a_loop_that_comes_round_goes_on() -> None:
    process = started(program("come_round"))
    process.communicate(timeout=20)
    assert process.returncode == 0


def test_time_in_which_the_process_was_stopped_does_not_count() -> None:
    process = started(program("come_round"))
    process.send_signal(signal.SIGSTOP)
    time.sleep(1.2)
    process.send_signal(signal.SIGCONT)
    process.communicate(timeout=20)
    assert process.returncode == 0
