"""Logs: JSON lines on stderr (for people at a terminal: coloured text), with a last net under personal data.

The first rule is that nothing personal is handed to a logger. What slips through all the same (a civic number, an
address with an @, the text of an exception) is taken out here.
"""

import json
import logging
import re
import sys
import traceback
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import structlog

MASKED: Final = "***"

# A UUID is matched first and kept: its last group may be twelve digits.
_PERSONAL = re.compile(
    r"(?P<uuid>\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b)"
    r"|(?<![0-9A-Za-z.])(?:[0-9]{2})?[0-9]{6}[-+ ]?(?:[0-9]{4}|TF[0-9]{2})(?![0-9A-Za-z])"
    r"|[^\s\"'<>(),;=]+@[^\s\"'<>(),;]+"
)
# What colours a terminal.
_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_OWN_CODE = Path(__file__).parent
_SILENCED = ("arq", "httpx", "httpcore", "uvicorn.access")
# What structlog and logging add themselves: a time in seconds would look like a civic number.
_OURS = frozenset({"timestamp", "level", "logger"})

EventDict = MutableMapping[str, Any]


def configure(level: str, as_json: bool | None = None) -> None:
    """Sets up logging for a process, structlog's and the standard library's; JSON is the default without a terminal."""
    as_json = not sys.stderr.isatty() if as_json is None else as_json
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    render: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    )
    handler = (_JsonHandler if as_json else logging.StreamHandler)(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[
                without_exception_text,
                without_colours,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                mask_personal,
                render,
            ],
        )
    )
    # Otherwise logging prints a record that it cannot write, with its arguments as they are.
    logging.raiseExceptions = False
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
    for name in _SILENCED:
        logging.getLogger(name).setLevel(logging.WARNING)
    # Its warnings have the server's text in them; what matters of it is raised as well.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def request_logger() -> Any:
    """Gives the logger of requests: a line for each of them must cost little.

    Where logs are JSON it writes at once, past the standard library and the last net: whoever uses it hands it ids,
    templates and numbers alone.
    """
    root = logging.getLogger()
    if not any(isinstance(handler, _JsonHandler) for handler in root.handlers):
        return structlog.stdlib.get_logger("app.requests")
    return structlog.wrap_logger(
        _Lines(),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=_to_line),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(root.level),
        cache_logger_on_first_use=True,
    ).bind(logger="app.requests")


def _to_line(event: EventDict, **_: Any) -> bytes:
    return json.dumps(event).encode() + b"\n"


class _Lines:
    """Writes lines to stderr; where it is gone, requests are answered all the same."""

    def info(self, line: bytes) -> None:
        with suppress(OSError, ValueError):
            sys.stderr.buffer.write(line)
            sys.stderr.buffer.flush()


class _JsonHandler(logging.StreamHandler[Any]):
    """Writes JSON lines."""


def describe_exception(exc: BaseException) -> dict[str, Any]:
    """Gives type, this application's own frames (`file:line:function`, outermost first) and the causes' types.

    The exception's text stays out: it may quote a value. Postgres's SQLSTATE and constraint name say enough.
    """
    described: dict[str, Any] = {"type": _name(type(exc)), "frames": list(_own_frames(exc.__traceback__))}
    causes = [_name(type(cause)) for cause in _causes(exc)]
    if causes:
        described["causes"] = causes
    for one in (exc, *_causes(exc), getattr(exc, "orig", None)):
        if (sqlstate := getattr(one, "sqlstate", None)) is not None:
            described["sqlstate"] = sqlstate
            described["constraint"] = getattr(getattr(one, "diag", None), "constraint_name", None)
            break
    return described


def without_exception_text(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Replaces a traceback, whose last line is the exception's text, with a description."""
    exc_info = event.pop("exc_info", None)
    event.pop("exc_text", None)
    event.pop("stack_info", None)
    exc = exc_info[1] if isinstance(exc_info, tuple) else exc_info if isinstance(exc_info, BaseException) else None
    if exc is None and exc_info is True:
        exc = sys.exc_info()[1]
    if exc is not None:
        event["fault"] = describe_exception(exc)
    return event


def mask_personal(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Masks whatever looks like a civic number or an address, in keys and values, however deep."""
    return {
        key if key in _OURS else _masked(key): value if key in _OURS else _masked(value) for key, value in event.items()
    }


def without_colours(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Takes out the copy of a line that uvicorn makes for terminals."""
    event.pop("color_message", None)
    return event


def _masked(value: Any) -> Any:
    match value:
        case None | bool() | float():
            return value
        case int():
            text = str(value)
            return MASKED if _PERSONAL.fullmatch(text) else value
        case Mapping():
            return {_masked(str(key)): _masked(inner) for key, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_masked(inner) for inner in value]
        case _:
            return _PERSONAL.sub(lambda found: found["uuid"] or MASKED, _ESCAPES.sub("", str(value)))


def _own_frames(trace: TracebackType | None) -> Iterator[str]:
    for frame in traceback.extract_tb(trace):
        path = Path(frame.filename)
        if path.is_relative_to(_OWN_CODE):
            yield f"{path.relative_to(_OWN_CODE.parent)}:{frame.lineno}:{frame.name}"


def _causes(exc: BaseException) -> Iterator[BaseException]:
    seen = {id(exc)}
    following = exc.__cause__ or exc.__context__
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        following = following.__cause__ or following.__context__


def _name(kind: type) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
