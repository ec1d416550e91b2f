"""Faults on demand, as `PUT /_simulator/faults` orders them; faults by data are in `marks`.

A list of rules, tried in order: the first that strikes a call is the one that counts.

    {"match": {"path": "<regex, searched>", "method": "POST"}, "times": 2, "after": 5, "for": 20, "action": "status"}

All but the action may be left out. match may also have organisation (its number, read from the call's token, so never
true of a call to the authorisation server). times: how often it strikes at most, null means always. after and for: the
window in seconds, from when the rule was ordered. every: it strikes each Nth call that it matches in its window.

Instead of the service, which does not take the call:
    status           status; optionally entry (a LogEntry id), retry_after, reset (X-RateLimit-Reset, may have a
                     fraction) and headers (an object)
    cut_before       the connection closes without an answer
    hang             no answer ever comes, until the client goes; with "taken": true the call is taken all the same
Around the service, which takes the call:
    delay            the answer is held back for seconds; with "before": true the call is taken only after them
    cut_after        the connection closes without an answer
    wrong_json       the JSON breaks off in the middle, and Content-Length agrees with that
    not_json         the status stays, the body is HTML
    truncate         Content-Length is that of the whole body, the connection closes in the middle of it
    extra_fields     every object in the answer has one more attribute, which no document knows
    low_limit        X-RateLimit-Remaining is 0 and X-RateLimit-Reset is reset (1, may have a fraction)
    revoke_tokens    all tokens given so far are void, from this call on: 403 with id 5002
    forget_jobs      all bulk jobs taken so far are unknown, from this call on: 404; what was taken is carried out
What strikes only bulk calls, and shows in their jobs:
    temporary_error  all items end as TemporaryError
    unlisted_error   all items end as Error with a LogEntry id that is in no list
    unlisted_status  all items end with a status that no document has
    stay_pending     the job never completes; with seconds, it completes so much later
What strikes only status calls about jobs that are completed:
    answer_lacks     the first item is missing; with keep, all but so many of the first
    answer_foreign   there is one more item, with an id that was never sent
    answer_contradicts
                     the first item comes once more, with another status
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Action = Literal[
    "status",
    "cut_before",
    "hang",
    "delay",
    "cut_after",
    "wrong_json",
    "not_json",
    "truncate",
    "extra_fields",
    "low_limit",
    "revoke_tokens",
    "forget_jobs",
    "temporary_error",
    "unlisted_error",
    "unlisted_status",
    "stay_pending",
    "answer_lacks",
    "answer_foreign",
    "answer_contradicts",
]
_ACTIONS: tuple[Action, ...] = get_args(Action)
_OF_BULK_CALLS = ("temporary_error", "unlisted_error", "unlisted_status", "stay_pending")
_OF_RESULTS = ("answer_lacks", "answer_foreign", "answer_contradicts")


@dataclass(slots=True)
class Fault:
    """One rule and how often it may still strike; begins and ends are seconds of a monotonic clock.

    met counts the calls that it matched.
    """

    action: Action
    path: re.Pattern[str]
    method: str | None = None
    organisation: str | None = None
    times: int | None = None
    begins: float = 0.0
    ends: float | None = None
    every: int = 1
    status: int = 503
    entry: str | None = None
    seconds: float = 0.0
    reset: str = "1"
    keep: int | None = None
    before: bool = False
    taken: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    met: int = 0

    @property
    def stands_in(self) -> bool:
        """Tells whether the call is not taken, and so counts against no limit, as at a broken gateway."""
        return self.action in ("status", "cut_before") or (self.action == "hang" and not self.taken)

    @property
    def held(self) -> float:
        """Seconds by which an answer is late, whatever else is wrong with it."""
        return 0.0 if self.before or self.action == "stay_pending" else self.seconds

    def matches(
        self,
        method: str,
        path: str,
        now: float,
        *,
        is_bulk: bool,
        is_result: bool,
        organisation: Callable[[], str | None],
    ) -> bool:
        """Tells whether the rule is for a call; rules about items and results leave other calls alone."""
        return (
            self.times != 0
            and self.begins <= now
            and (self.ends is None or now < self.ends)
            and (self.method is None or self.method == method)
            and (is_bulk or self.action not in _OF_BULK_CALLS)
            and (is_result or self.action not in _OF_RESULTS)
            and self.path.search(path) is not None
            and (self.organisation is None or self.organisation == organisation())
        )


class Faults:
    """The rules in force."""

    def __init__(self) -> None:
        self._rules: list[Fault] = []

    def replace(self, rules: Any, now: float = 0.0) -> int:
        """Puts new rules in the place of all before, their windows counted from now; returns how many.

        Raises ValueError, and keeps the old ones, when a rule is malformed.
        """
        if not isinstance(rules, list):
            raise ValueError("faults are a JSON array")
        self._rules = [read_fault(rule, now) for rule in rules]
        return len(self._rules)

    def take(
        self,
        method: str,
        path: str,
        now: float = 0.0,
        *,
        is_bulk: bool,
        is_result: bool = False,
        organisation: Callable[[], str | None] = lambda: None,
    ) -> Fault | None:
        """Gives the rule that strikes a call, and counts it.

        is_result says of a status call that its job is completed.
        """
        for rule in self._rules:
            if rule.matches(method, path, now, is_bulk=is_bulk, is_result=is_result, organisation=organisation):
                rule.met += 1
                if rule.met % rule.every:
                    continue
                if rule.times is not None:
                    rule.times -= 1
                return rule
        return None


def read_fault(rule: Any, now: float = 0.0) -> Fault:
    """Reads one rule, its window counted from now; raises ValueError with what is wrong."""
    if not isinstance(rule, dict) or rule.get("action") not in _ACTIONS:
        raise ValueError(f"a fault is an object whose action is one of {', '.join(_ACTIONS)}")
    match = rule.get("match", {})
    try:
        fault = Fault(
            rule["action"],
            re.compile(match.get("path", "")),
            match.get("method"),
            match.get("organisation"),
            None if rule.get("times") is None else int(rule["times"]),
            begins=now + float(rule.get("after", 0)),
            every=int(rule.get("every", 1)),
            status=int(rule.get("status", 503)),
            entry=None if rule.get("entry") is None else str(rule["entry"]),
            seconds=float(rule.get("seconds", 0)),
            reset=str(rule.get("reset", 1)),
            keep=None if rule.get("keep") is None else int(rule["keep"]),
            before=bool(rule.get("before", False)),
            taken=bool(rule.get("taken", False)),
            headers={str(name): str(value) for name, value in rule.get("headers", {}).items()},
        )
        lasts = None if rule.get("for") is None else float(rule["for"])
    except (re.error, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"a fault of action {rule['action']} is malformed") from error
    if not 400 <= fault.status <= 599 or fault.every < 1:
        raise ValueError("a fault's status is 400 to 599, and every is at least 1")
    counts = (fault.seconds, fault.begins - now, lasts or 0, fault.times or 0, fault.keep or 0)
    if any(count < 0 for count in counts):
        raise ValueError("a fault's seconds, after, for, times and keep are not negative")
    if lasts is not None:
        fault.ends = fault.begins + lasts
    if rule.get("retry_after") is not None:
        fault.headers["Retry-After"] = str(rule["retry_after"])
    return fault
