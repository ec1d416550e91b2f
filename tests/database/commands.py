"""Commands of `python -m app`, carried out in the tests' own process, and how they ended."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import pytest

from app import cli


class Ended(NamedTuple):
    """How a command ended: its exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, str]]:
        heading, *lines = (line.split("\t") for line in self.out.splitlines())
        return [dict(zip(heading, line, strict=True)) for line in lines]

    @property
    def document(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Awaitable[Ended]]


def commands(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs `python -m app …` apart from the test's own event loop."""

    def run(arguments: tuple[str, ...]) -> int:
        with pytest.raises(SystemExit) as ended:
            cli.main(arguments)
        return int(ended.value.code or 0)

    async def ended(*arguments: object) -> Ended:
        code = await asyncio.to_thread(run, tuple(map(str, arguments)))
        return Ended(code, *capsys.readouterr())

    return ended
