"""A job's error as callers see it: what happened and what to do, with its code's page as the type."""

from typing import Any

from app.catalogue import catalogue, issue, phrase


def job_problem(code: str, cause: str | None = None) -> dict[str, Any]:
    """Makes the problem object of RFC 9457 for a job, with our code; `cause` is the fault that led to the end."""
    detail = _sentence(code)
    made = {"type": f"/explanations/{code}", "title": code.replace("_", " ").capitalize(), "code": code}
    if cause is not None:
        detail += f" The last fault: {_sentence(cause)}"
        made["cause"] = cause
    return {**made, "detail": detail}


def _sentence(code: str) -> str:
    """Says what a code means for a job; what keeps an organisation from its token has its advice instead."""
    entry = issue(code) or catalogue().issues["http_other"]
    if not entry.job and entry.advice:
        return f"{phrase('no_token_for_job', 'en')} {entry.advice} {phrase('token_tried_again', 'en')}"
    return entry.job or catalogue().issues["http_other"].job
