"""Logs: nothing personal gets through, and a fault is described without its text."""

import json
import subprocess
import sys
from textwrap import dedent
from typing import Any

import pytest

from app.logs import describe_exception, mask_personal, without_exception_text

CIVIC_NO = "201201019801"


def logged(code: str) -> list[dict[str, Any]]:
    """Runs code in a process of its own that has set up its logging, and gives the lines on its stderr."""
    whole = f"import logging, structlog\nfrom app.logs import configure\nconfigure('INFO')\n{dedent(code)}"
    done = subprocess.run([sys.executable, "-c", whole], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == ""
    assert CIVIC_NO not in done.stderr
    return [json.loads(line) for line in done.stderr.splitlines()]


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (CIVIC_NO, "***"),
        ("1201019801", "***"),
        ("120101-9801", "***"),
        ("20120101-9801", "***"),
        ("20120101 9801", "***"),
        ("20120101TF01", "***"),
        (f"no {CIVIC_NO}.", "no ***."),
        ("asa.ex@edu.example.se is known", "*** is known"),
        ("Key (eppn)=(a@b.se) exists", "Key (eppn)=(***) exists"),
        ("8f14e45f-ceea-467f-a0e6-201201019801", "8f14e45f-ceea-467f-a0e6-201201019801"),
        ("2026-11-23T08:00:00.123456Z", "2026-11-23T08:00:00.123456Z"),
        ("31279295", "31279295"),
        (201201019801, "***"),
        (200000, 200000),
        (1.5, 1.5),
        (None, None),
        (True, True),
        ({CIVIC_NO: [CIVIC_NO]}, {"***": ["***"]}),
        ((CIVIC_NO,), ["***"]),
        (CIVIC_NO.encode(), "b'***'"),
    ],
)
def test_what_looks_personal_is_masked(text: object, masked: object) -> None:
    assert mask_personal(None, "", {"event": text}) == {"event": masked}


def test_an_exception_is_described_without_its_text() -> None:
    """Type, own frames, causes; never what it says."""
    try:
        try:
            raise KeyError(CIVIC_NO)
        except KeyError as cause:
            raise ValueError(CIVIC_NO) from cause
    except ValueError as exc:
        described = describe_exception(exc)
    assert described == {"type": "ValueError", "frames": [], "causes": ["KeyError"]}


def test_own_frames_are_named() -> None:
    try:
        mask_personal(None, "", None)  # type: ignore[arg-type]
    except AttributeError as exc:
        [frame] = describe_exception(exc)["frames"]
    assert frame.startswith("app/logs.py:")
    assert frame.endswith(":mask_personal")


def test_a_traceback_becomes_a_description() -> None:
    event = without_exception_text(None, "", {"event": "x", "exc_info": ValueError(CIVIC_NO)})
    assert CIVIC_NO not in json.dumps(event)
    assert event["fault"]["type"] == "ValueError"


def test_lines_are_json_and_clean() -> None:
    """Ours and those of libraries, with their arguments and tracebacks."""
    ours, theirs, broke = logged(
        f"""
        structlog.get_logger("ours").info("stored", persons=3, who="{CIVIC_NO}")
        logging.getLogger("theirs").warning("refused %s", "{CIVIC_NO}", extra={{"more": "a@b.se"}})
        try:
            raise RuntimeError("{CIVIC_NO}")
        except RuntimeError:
            logging.getLogger("theirs").exception("broke")
        """
    )
    assert (ours["event"], ours["persons"], ours["who"], ours["level"]) == ("stored", 3, "***", "info")
    assert (theirs["event"], theirs["logger"], theirs["more"]) == ("refused ***", "theirs", "***")
    assert broke["fault"]["type"] == "RuntimeError"


def test_loggers_that_repeat_arguments_are_silent() -> None:
    """Below a warning they say nothing."""
    lines = logged(
        """
        for name in ("arq.worker", "httpx", "uvicorn.access"):
            logging.getLogger(name).info("GET /x?q=y")
            logging.getLogger(name).warning("careful")
        """
    )
    assert [line["event"] for line in lines] == ["careful"] * 3


def test_a_record_that_cannot_be_written_is_not_repeated() -> None:
    """Not even on stderr, where the standard library would print it with its arguments."""
    assert logged(f'logging.getLogger("theirs").warning("two %s %s", "{CIVIC_NO}")') == []


def test_a_request_is_one_line_of_what_it_is_given() -> None:
    """At once, with the time, and nothing under a higher level."""
    [line, ended] = logged(
        """
        from app.logs import request_logger
        request_logger().info("request", method="GET", route="/jobs/{job_id}", status=304, key=None)
        structlog.get_logger().info("ended")
        logging.getLogger().setLevel("WARNING")
        request_logger().info("request", method="GET")
        """
    )
    assert line.pop("timestamp")
    assert line == {
        "event": "request",
        "level": "info",
        "logger": "app.requests",
        "method": "GET",
        "route": "/jobs/{job_id}",
        "status": 304,
        "key": None,
    }
    assert ended["event"] == "ended"


def test_no_line_has_what_colours_a_terminal() -> None:
    """Uvicorn hands every line of its own a second time, with colours."""
    lines = logged(
        """
        logging.getLogger("uvicorn.error").info(
            "Started %d", 7, extra={"color_message": "Started [\\u001b[36m%d\\u001b[0m]"}
        )
        structlog.get_logger().info("\\u001b[31mred\\u001b[0m", value="\\u001b[1mbold")
        """
    )
    assert [line["event"] for line in lines] == ["Started 7", "red"]
    assert lines[1]["value"] == "bold"
    assert "color_message" not in lines[0]
    assert "\x1b" not in str(lines)


def test_the_server_of_the_figures_says_that_it_is_that_one() -> None:
    """It starts and stops in the process of the API's, whose server writes the same lines."""
    lines = logged(
        """
        import asyncio, urllib.error, urllib.request
        from unittest.mock import Mock
        from app.server.figures import figures_served

        def ask(port):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/elsewhere", timeout=30)
            except urllib.error.HTTPError as answer:
                assert answer.code == 404

        async def run():
            async with figures_served(Mock(), "127.0.0.1", 0) as port:
                await asyncio.to_thread(ask, port)

        asyncio.run(run())
        """
    )
    servers = [line.get("server") for line in lines if line["logger"] == "uvicorn.error"]
    assert servers
    assert set(servers) == {"metrics"}
