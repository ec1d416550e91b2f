"""A job's error as callers see it: a problem object, from a code of ours, that says what happened and what to do."""

from typing import Any

from app.skolverket.advice import ADVICE

_SENTENCES = {
    "records_failed": "Some records ended in error, and the run was asked to halt then.",
    "no_contact": "Skolverket has not taken a single call of this job for as long as faults are met with another try.",
    "worker_lost": "The worker that held this job has died too many times in a row.",
    "circuit_open": "Skolverket has not answered anybody for a while: the job waits until a probe is answered.",
    "no_connection": "No connection to Skolverket: it is tried again.",
    "connection_lost": "The connection to Skolverket broke during a call: it is tried again.",
    "timeout": "Skolverket did not answer in time: the call is tried again.",
    "http_429": "Skolverket asks for fewer calls: the job waits.",
    "http_503": "Skolverket is not available: the call is tried again.",
    "token_refused": "Skolverket does not take the organisation's token, nor a new one: it is tried again.",
    "forbidden": "Skolverket does not let this organisation make the call: it is tried again. Its own words are in the"
    " batch's answer.",
    "answer_unreadable": "Skolverket's answer could not be read: it is asked for again.",
    "job_unknown": "Skolverket no longer knows a batch that it took: its records are sent again.",
    "answer_foreign": "Skolverket's answer about a batch speaks of objects that were not in it: those are passed over,"
    " and its support should know.",
    "no_answer": "Skolverket has not said what became of a batch for as long as is waited for that.",
    "answer_incomplete": "Skolverket's answer about a batch lacks some of its records: those are sent again.",
    "address_unusable": "SKOLVERKET_PROVISIONING_URL is no address that can be called.",
}


def job_problem(code: str, cause: str | None = None) -> dict[str, Any]:
    """Makes the problem object of RFC 9457 for a job, with our code; `cause` is the fault that led to the end."""
    detail = _sentence(code)
    made = {"type": f"urn:provkedja:problem:{code}", "title": code.replace("_", " ").capitalize(), "code": code}
    if cause is not None:
        detail += f" The last fault: {_sentence(cause)}"
        made["cause"] = cause
    return {**made, "detail": detail}


def _sentence(code: str) -> str:
    """Looks a code up; codes of HTTP statuses share one sentence."""
    if code in _SENTENCES:
        return _SENTENCES[code]
    of_token = code.removeprefix("authorisation_")
    if of_token in ADVICE or of_token != code:
        said = ADVICE.get(code) or ADVICE.get(of_token) or "The authorisation server answers with an error."
        return f"No token for the organisation. {said} It is tried again; `organisations check` tells more."
    return "Skolverket answered with an error: the call is tried again."
