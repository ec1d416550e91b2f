"""When to try again after a fault, and when no longer."""

from datetime import timedelta
from random import Random

MAX_WAIT = timedelta(minutes=5)
_FIRST_WAIT = timedelta(seconds=1)
# An answer is asked for at least so often.
_LONGEST_ANSWER = timedelta(seconds=15)


def wait_after_fault(tried_for: timedelta, asked: timedelta | None, random: Random) -> timedelta:
    """Gives how long to wait: about as long as it has been `tried_for` in vain, from 1 s to 5 min, with jitter.

    Waiting as long again as the faults have lasted doubles the distance between tries without counting them. `asked` is
    what the other side asked for (Retry-After); it is never undercut, but never more than 5 min either.
    """
    doubled = min(max(tried_for, _FIRST_WAIT), MAX_WAIT)
    wait = doubled * random.uniform(0.6, 1.0)
    return min(max(wait, asked or timedelta()), MAX_WAIT)


def given_up(tried_for: timedelta, horizon: timedelta) -> bool:
    """Tells whether a try that has just failed was the last: it has been `tried_for` as long as FAULT_HORIZON says."""
    return tried_for >= horizon


def until_given_up(tried_for: timedelta, horizon: timedelta) -> timedelta | None:
    """Gives after how long another failed try is the last one; None when it has been tried for so long already."""
    return None if given_up(tried_for, horizon) else horizon - tried_for


def wait_for_answer(polls: int, usual: timedelta, random: Random) -> timedelta:
    """Gives how long to wait before asking for a batch's result, after so many questions that found it unfinished.

    `usual` is how long Skolverket usually takes; later questions come ever more rarely, at most four a minute.
    """
    factor = (1, 0.8, 1.6, 3.2, 6.4)[min(polls, 4)]
    return min(usual * factor, _LONGEST_ANSWER) * random.uniform(1.0, 1.2)


def usual_wait(usual: timedelta, questions: int, age: timedelta, guess: timedelta) -> timedelta:
    """Gives how long to wait for the next batches' answers, after one that was complete at its nth question.

    `age` is the time from the batch's acceptance to that question. An answer that is there at the first question makes
    the wait a little shorter, and well above the first `guess` much shorter; one that is not makes it longer, so that
    nine of ten are there at the first question. A first question that came late, since others went first, says nothing.
    """
    if questions > 1:
        usual = max(usual, min(age, usual * 1.25))
    elif age <= usual * 1.5:
        usual *= 0.9 if usual > 3 * guess else 0.98
    return min(max(usual, timedelta(seconds=0.1)), _LONGEST_ANSWER)
