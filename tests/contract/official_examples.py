"""Exchanges that are right, and such that have one mistake each: what is wrong with them, and where."""

import json
from dataclasses import replace
from typing import Any

from app.demo.roster import RosterPlan, generate
from tests.exchanges import MOST_BYTES, Exchange

JOB, OBJECT = "3f0e1e86-0000-4000-8000-000000000001", "3f0e1e86-0000-4000-8000-000000000002"
NOW = "2026-11-23T08:00:00.123+01:00"
LIMITS = {"x-ratelimit-limit": "5", "x-ratelimit-remaining": "4", "x-ratelimit-reset": "1"}
JSON = {"content-type": "application/json"}
ENTRY = {
    "id": "4001",
    "statusCode": 404,
    "message": "Okänd",
    "severityLevel": "Error",
    "timeOfOccurance": NOW,
    "resourceType": "Person",
}
MISSING = {"code": 404, "message": "Not found", "timeStamp": NOW}
ROSTER = generate(RosterPlan(persons=20, schools=1))
PERSON: dict[str, Any] = ROSTER["persons"][0]


def exchange(
    method: str, path: str, body: Any, status: int | None, answer: Any, *, headers: Any = LIMITS, **more: Any
) -> Exchange:
    """Makes an exchange of our client; bodies are JSON unless they are bytes, None is an empty one."""
    sent, got = (
        b"" if one is None else one if isinstance(one, bytes) else json.dumps(one, ensure_ascii=False).encode()
        for one in (body, answer)
    )
    asked = {"user-agent": "provkedja/0.1.0", "authorization": "Bearer ...", **(JSON if sent else {})}
    given = {**headers, **(JSON if got else {})}
    return Exchange(method, f"http://127.0.0.1:8100{path}", asked, sent, status, given, got, **more)


def provisioning(method: str, path: str, body: Any, status: int | None, answer: Any, **more: Any) -> Exchange:
    return exchange(method, f"/provisioning/v1{path}", body, status, answer, **more)


def open_data(path: str, status: int, answer: Any) -> Exchange:
    return exchange("GET", f"/open-data/v1{path}", None, status, answer, headers={})


def sent(kind: str, items: Any, query: str = "?updateIfExists=true", **more: Any) -> Exchange:
    location = {"location": f"https://skolverket.example/{kind}/bulk/jobs/{JOB}"}
    answer = {"jobId": JOB, "message": "Anropet har tagits emot."}
    return provisioning(
        "POST", f"/{kind}/bulk{query}", {"data": items}, 202, answer, headers={**LIMITS, **location}, **more
    )


def person(**changes: Any) -> Exchange:
    """Sends one person with changes; ... leaves an attribute out."""
    return sent("persons", [{name: value for name, value in {**PERSON, **changes}.items() if value is not ...}])


def status(answer: Any, code: int = 200, path: str = f"/persons/bulk/jobs/{JOB}", **more: Any) -> Exchange:
    return provisioning("GET", path, None, code, answer, **more)


def followed(**changes: Any) -> Exchange:
    """Gives a job's status whose one item has a changed response."""
    response = {"status": "Success", "statusCode": 201, "location": "https://skolverket.example/p", **changes}
    return status({"jobId": JOB, "responses": [{"id": OBJECT, "response": response, "meta": {"created": NOW}}]})


def without(one: Exchange, header: str) -> Exchange:
    """Takes a header out of an answer."""
    kept = {name: value for name, value in one.response_headers.items() if name != header}
    return replace(one, response_headers=kept)


GOOD = {
    **{f"send {kind}": sent(kind, ROSTER[kind]) for kind in ("persons", "duties", "groups", "activities")},
    "update": provisioning("PUT", "/duties/bulk", {"data": []}, 413, [ENTRY]),
    "delete": provisioning("POST", "/groups/bulk/delete", {"data": [OBJECT]}, 403, [ENTRY]),
    "status": followed(warnings=[{**ENTRY, "severityLevel": "Warning"}]),
    "completed": status(True, path=f"/duties/bulk/jobs/{JOB}/isCompleted"),
    "list": status({"data": ROSTER["groups"], "pageToken": None}, path="/groups?limit=100&pageToken=abc"),
    "lookup": provisioning(
        "POST", "/persons/lookup", {"civicNos": ["x"]}, 200, [{**PERSON, "provisioningStatus": True}]
    ),
    "unknown": status([ENTRY], 404),
    "away": status([ENTRY], 503, headers={}),
    "alive": provisioning("GET", "/alive", None, 200, None),
    "cut": provisioning("GET", "/persons", None, None, None),
    "unit": open_data("/schoolUnits/code/1", 200, {"id": OBJECT, "displayName": "Skolan", "schoolUnitCode": "1"}),
    "no unit": open_data(f"/schoolUnits/{OBJECT}", 404, MISSING),
    "organisation": open_data("/organisations/code/1?expandSchoolUnits=true", 404, MISSING),
}

_STATUS, _SEND = "getPersonsBulkJobStatusById", "addPersons"
_BODY = "request body"
BAD = {
    "no data": (provisioning("PUT", "/persons/bulk", {}, 413, [ENTRY]), "updatePersons", f"{_BODY}", "required data"),
    "no civicNo": (person(civicNo=...), _SEND, f"{_BODY}.data[]", "required civicNo"),
    "null": (person(middleName=None), _SEND, f"{_BODY}.data[].middleName", "type string"),
    "bad id": (person(id="1"), _SEND, f"{_BODY}.data[].id", "format uuid"),
    "bad e-mail": (person(emails=[{"value": "a b"}]), _SEND, f"{_BODY}.data[].emails[].value", "format email"),
    "marking": (person(securityMarking="Hemlig"), _SEND, f"{_BODY}.data[].securityMarking", "enum"),
    "two logins": (
        person(eduPersonPrincipalNames=["a", "b"]),
        _SEND,
        f"{_BODY}.data[].eduPersonPrincipalNames",
        "maxItems 1",
    ),
    "read-only object": (person(meta={"created": NOW}), _SEND, f"{_BODY}.data[].meta", "readOnly"),
    "read-only flag": (person(provisioningStatus=True), _SEND, f"{_BODY}.data[].provisioningStatus", "readOnly"),
    "surplus": (person(addresses=[]), _SEND, f"{_BODY}.data[].addresses", "not in the document"),
    "surplus that is null": (person(phoneNumbers=None), _SEND, f"{_BODY}.data[].phoneNumbers", "not in the document"),
    "surplus with a value for a name": (person(**{"19990101": 1}), _SEND, f"{_BODY}.data[].?", "not in the document"),
    "surplus deep in": (
        person(enrolments=[{"enroledAt": {"id": OBJECT, "displayName": "x"}, "schoolType": "VUXGY"}]),
        *(_SEND, f"{_BODY}.data[].enrolments[].enroledAt.displayName", "not in the document"),
    ),
    "surplus of a group": (
        sent("groups", [{**ROSTER["groups"][0], "groupMemberships": [{"startDate": "2026-08-01"}]}]),
        *("addGroups", f"{_BODY}.data[].groupMemberships[].startDate", "not in the document"),
    ),
    "surplus of an activity": (
        sent("activities", [{**ROSTER["activities"][0], "parentActivity": {"id": OBJECT, "schoolYear": 6}}]),
        *("addActivities", f"{_BODY}.data[].parentActivity.schoolYear", "not in the document"),
    ),
    "surplus of a duty": (
        sent("duties", [{**ROSTER["duties"][0], "signature": "AB"}]),
        *("addDuties", f"{_BODY}.data[].signature", "not in the document"),
    ),
    "surplus beside the data": (
        provisioning("PUT", "/persons/bulk", {"data": [], "note": 1}, 413, [ENTRY]),
        *("updatePersons", f"{_BODY}.note", "not in the document"),
    ),
    "null deep in": (
        person(civicNo={"value": "x", "nationality": None}),
        *(_SEND, f"{_BODY}.data[].civicNo.nationality", "type string"),
    ),
    "fraction": (
        person(enrolments=[{"enroledAt": {"id": OBJECT}, "schoolType": "GR", "schoolYear": 6.0}]),
        *(_SEND, f"{_BODY}.data[].enrolments[].schoolYear", "type integer"),
    ),
    "extra parameter": (sent("persons", [], "?dryRun=true"), _SEND, "query", "a parameter that is not in the document"),
    "boolean as digit": (
        sent("persons", [], "?updateIfExists=1"),
        _SEND,
        "query updateIfExists",
        "spelled true or false",
    ),
    "boolean as word": (sent("persons", [], "?updateIfExists=ja"), _SEND, "query updateIfExists", "CastError"),
    "limit": (status({"data": []}, path="/persons?limit=101"), "getPersons", "query limit", "maximum 100"),
    "bad path": (status([ENTRY], 400, "/persons/bulk/jobs/1"), _STATUS, "path id", "format uuid"),
    "no token": (
        replace(status([ENTRY], 403), request_headers={"user-agent": "provkedja"}),
        *(_STATUS, "header Authorization", "security"),
    ),
    "form": (
        replace(
            sent("persons", []), request_headers={**sent("persons", []).request_headers, "content-type": "text/plain"}
        ),
        *(_SEND, "header Content-Type", "a media type of the document"),
    ),
    "no JSON": (replace(sent("persons", []), request_body=b'{"data":[NaN]}'), _SEND, _BODY, "JSON"),
    "no body": (replace(sent("persons", []), request_body=b""), _SEND, _BODY, "required"),
    "body of a GET": (replace(followed(), request_body=b"{}"), _STATUS, _BODY, "not in the document"),
    "too large": (
        sent("persons", [{**PERSON, "givenName": "x" * MOST_BYTES}]),
        *(_SEND, _BODY, "over 200000 bytes"),
    ),
    "surrogate": (
        replace(person(), request_body=json.dumps({"data": [{**PERSON, "givenName": "\ud800"}]}).encode()),
        *(_SEND, _BODY, "JSON"),
    ),
    "no such method": (
        provisioning("DELETE", "/persons", None, 405, [ENTRY]),
        "no operation",
        "method and path",
        "not in the document",
    ),
    "no such path": (status([], 404, path="/persons/1/2"), "no operation", "method and path", "not in the document"),
}
_ANSWER = "answer body"
BAD_ANSWERS = {
    "unknown status": (followed(status="Done"), _STATUS, f"{_ANSWER}.responses[].response.status", "enum"),
    "no status": (
        status({"jobId": JOB, "responses": [{"id": OBJECT, "response": {}, "meta": {}}]}),
        _STATUS,
        f"{_ANSWER}.responses[].response",
        "required status",
    ),
    "relative location": (
        followed(location="persons/1"),
        _STATUS,
        f"{_ANSWER}.responses[].response.location",
        "format uri",
    ),
    "time without offset": (
        followed(errors=[{**ENTRY, "timeOfOccurance": "2026-11-23T08:00:00"}]),
        _STATUS,
        f"{_ANSWER}.responses[].response.errors[].timeOfOccurance",
        "format date-time",
    ),
    "object for array": (status(ENTRY, 404), _STATUS, _ANSWER, "type array"),
    "array for object": (
        open_data(f"/schoolUnits/{OBJECT}", 404, [MISSING]),
        "getSchoolUnitById",
        _ANSWER,
        "type object",
    ),
    "broken off": (status(b'{"jobId":'), _STATUS, _ANSWER, "JSON"),
    "empty": (replace(status(None), response_headers={**LIMITS, **JSON}), _STATUS, _ANSWER, "required"),
    "no type": (without(followed(), "content-type"), _STATUS, "header Content-Type", "a media type of the document"),
    "HTML": (
        replace(followed(), response_headers={**LIMITS, "content-type": "text/html"}),
        _STATUS,
        "header Content-Type",
        "a media type of the document",
    ),
    "no Location": (without(sent("persons", []), "location"), _SEND, "header Location", "required"),
    "relative Location": (
        replace(sent("persons", []), response_headers={**LIMITS, **JSON, "location": "/1"}),
        _SEND,
        "header Location",
        "format uri",
    ),
    "no limit": (without(status([ENTRY], 403), "x-ratelimit-limit"), _STATUS, "header x-ratelimit-limit", "required"),
    "fraction of a second": (
        replace(followed(), response_headers={**LIMITS, **JSON, "x-ratelimit-reset": "0.5"}),
        _STATUS,
        "header x-ratelimit-reset",
        "CastError",
    ),
    "undocumented status": (
        provisioning("GET", "/alive", None, 429, [ENTRY]),
        "alive",
        "status",
        "not in the document",
    ),
    "a 500": (status([ENTRY], 500), _STATUS, "status", "a 500 that no fault asked for"),
    "an unasked body": (provisioning("GET", "/alive", None, 200, True), "alive", _ANSWER, "not in the document"),
    "no boolean": (
        status("true", path=f"/duties/bulk/jobs/{JOB}/isCompleted"),
        "getDutiesBulkJobIsCompleted",
        _ANSWER,
        "type boolean",
    ),
}
