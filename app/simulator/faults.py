"""Faults on demand, as `PUT /_simulator/faults` orders them; faults by data are in `marks`.

A list of rules, tried in order: the first that matches a call and has times left is the one that strikes.

    {"match": {"path": "<regex, searched>", "method": "POST"}, "times": 2, "action": "status", "status": 503}

Both parts of match may be left out; times null or absent means always. Actions and what they take:
    status           status, and optionally retry_after and headers (an object); the call is not taken
    delay            seconds; the call is taken at once and the answer held back
    cut_before       the connection closes without an answer, the call is not taken
    cut_after        the call is taken, the connection closes without an answer
    temporary_error  a bulk call's items end as TemporaryError
    stay_pending     a bulk call's job never completes
    wrong_json       the call is taken, the answer breaks off in the middle
"""

import re
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Action = Literal["status", "delay", "cut_before", "cut_after", "temporary_error", "stay_pending", "wrong_json"]
_ACTIONS: tuple[Action, ...] = get_args(Action)
_OF_BULK_CALLS = ("temporary_error", "stay_pending")


@dataclass(slots=True)
class Fault:
    """One rule and how often it may still strike."""

    action: Action
    path: re.Pattern[str]
    method: str | None = None
    times: int | None = None
    status: int = 503
    seconds: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)

    def strikes(self, method: str, path: str, *, is_bulk: bool) -> bool:
        """Tells whether the rule is for a call; rules about items leave other calls alone."""
        return (
            self.times != 0
            and (self.method is None or self.method == method)
            and (is_bulk or self.action not in _OF_BULK_CALLS)
            and self.path.search(path) is not None
        )


class Faults:
    """The rules in force."""

    def __init__(self) -> None:
        self._rules: list[Fault] = []

    def replace(self, rules: Any) -> int:
        """Puts new rules in the place of all before; returns how many.

        Raises ValueError, and keeps the old ones, when a rule is malformed.
        """
        if not isinstance(rules, list):
            raise ValueError("faults are a JSON array")
        self._rules = [read_fault(rule) for rule in rules]
        return len(self._rules)

    def take(self, method: str, path: str, *, is_bulk: bool) -> Fault | None:
        """Gives the rule that strikes a call, and counts it."""
        for rule in self._rules:
            if rule.strikes(method, path, is_bulk=is_bulk):
                if rule.times is not None:
                    rule.times -= 1
                return rule
        return None


def read_fault(rule: Any) -> Fault:
    """Reads one rule; raises ValueError with what is wrong."""
    if not isinstance(rule, dict) or rule.get("action") not in _ACTIONS:
        raise ValueError(f"a fault is an object whose action is one of {', '.join(_ACTIONS)}")
    match = rule.get("match", {})
    try:
        path = re.compile(match.get("path", ""))
        times = None if rule.get("times") is None else int(rule["times"])
        headers = {str(name): str(value) for name, value in rule.get("headers", {}).items()}
        status, seconds = int(rule.get("status", 503)), float(rule.get("seconds", 0))
    except (re.error, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"a fault of action {rule['action']} is malformed") from error
    if not 400 <= status <= 599 or seconds < 0 or (times is not None and times < 0):
        raise ValueError("status is 400 to 599, seconds and times are not negative")
    if rule.get("retry_after") is not None:
        headers["Retry-After"] = str(rule["retry_after"])
    return Fault(rule["action"], path, match.get("method"), times, status, seconds, headers)
