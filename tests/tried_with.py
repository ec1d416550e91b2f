"""Cases that one test goes through with one set of fixtures, since making these takes longer than the cases do."""

import inspect
from collections.abc import Awaitable, Callable, Iterable
from functools import wraps
from typing import Any

Test = Callable[..., Awaitable[None]]


def tried_with(names: str | tuple[str, ...], cases: Iterable[Any]) -> Callable[[Test], Test]:
    """Has a test go through cases, given as to `parametrize`, of which none changes what the next one meets.

    All are tried; the test fails with each case that fails, which it names.
    """
    keys, given = ((names,), [(case,) for case in cases]) if isinstance(names, str) else (names, list(cases))

    def wrapped(test: Test) -> Test:
        signature = inspect.signature(test)
        fixtures = [each for name, each in signature.parameters.items() if name not in keys]

        @wraps(test)
        async def all_cases(**made: Any) -> None:
            failed: list[Exception] = []
            for case in given:
                try:
                    await test(**made, **dict(zip(keys, case, strict=True)))
                except Exception as problem:
                    problem.add_note(f"in the case {case!r}")
                    failed.append(problem)
            if failed:
                raise ExceptionGroup(f"{len(failed)} of {len(given)} cases", failed)

        all_cases.__signature__ = signature.replace(parameters=fixtures)  # type: ignore[attr-defined]
        return all_cases

    return wrapped
