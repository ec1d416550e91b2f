"""A job's error as callers see it: a problem object, from a code of ours."""

from typing import Any

_SENTENCES = {
    "records_failed": "Some records ended in error, and the run was asked to halt then.",
    "no_contact": "Skolverket has not taken a single call of this job for as long as faults are met with another try.",
    "worker_lost": "The worker that held this job has died too many times in a row.",
    "no_connection": "No connection to Skolverket: it is tried again.",
    "connection_lost": "The connection to Skolverket broke during a call: it is tried again.",
    "timeout": "Skolverket did not answer in time: the call is tried again.",
    "http_429": "Skolverket asks for fewer calls: the job waits.",
    "authorisation_refused": "The authorisation server gave no token for this organisation: it is tried again.",
    "token_unreadable": "The authorisation server's answer could not be read: it is tried again.",
    "token_refused": "Skolverket does not take the organisation's token: it is tried again with a new one.",
    "answer_unreadable": "Skolverket's answer could not be read: it is tried again.",
    "job_unknown": "Skolverket no longer knows a batch that it took: its records are sent again.",
}


def job_problem(code: str) -> dict[str, Any]:
    """Makes the problem object of RFC 9457 for a job; codes of HTTP statuses share one sentence."""
    sentence = _SENTENCES.get(code, "Skolverket answered with an error: the call is tried again.")
    return {"type": f"urn:provkedja:problem:{code}", "title": code.replace("_", " ").capitalize(), "detail": sentence}
