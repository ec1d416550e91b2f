"""Every LogEntry that the simulator can write: id, status, category, severity and a Swedish sentence.

Ids below 8000 are Skolverket's own (provisioning-api 1.3.2, examples). Their full list is not published, so whatever
else has to be said has an id from 8000 up, which is ours alone and must mean nothing to a client. A sentence names the
category first and then what it is about, as theirs do; `<>` in it stands for the attribute or parameter.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

Json = dict[str, Any]
Severity = Literal["Error", "Warning"]


@dataclass(frozen=True, slots=True)
class Message:
    """One kind of LogEntry."""

    id: str
    status: int
    type: str
    text: str
    severity: Severity = "Error"


class Finding(NamedTuple):
    """A message about one attribute of one object, with the value that caused it."""

    message: Message
    attribute: str
    value: object = None


_FORMAT, _VALUE, _TECHNICAL = "Ogiltigt format", "Ogiltigt värde", "Teknisk begränsning"
_MISSING, _REFERENCE = "Uppgift saknas", "Ogiltig referens"

# Skolverket's own.
BAD_UUID = Message("2010", 400, _FORMAT, "Ogiltigt format på <>, det ska vara ett UUID.")
BAD_PATH_UUID = Message("2011", 400, _FORMAT, "Ogiltigt format på <> i adressen, det ska vara ett UUID.")
BAD_BOOLEAN = Message("2025", 400, _FORMAT, "Ogiltigt format på <> i frågesträngen, det ska vara true eller false.")
WEAK_EPPN = Message(
    "3047",
    400,
    "Bristfälligt värde",
    "Bristfälligt värde på Federationsanvändarnamn, det innehåller delar av personens namn och bör bytas.",
    "Warning",
)
BAD_LIMIT = Message("3085", 400, _VALUE, "Ogiltigt värde på <>, det ska vara ett heltal från 1 till 100.")
NOT_FOUND = Message("4001", 404, _VALUE, "Ogiltigt värde på <>, det finns ingen sådan post.")
BAD_TOKEN = Message("5002", 403, "Behörighet saknas", "Åtkomsttoken saknas, är ogiltig eller har gått ut.")
UNKNOWN_FAULT = Message("5004", 500, "Okänt fel", "Ett fel som inte är känt inträffade.")
TOO_LARGE = Message("5020", 413, _TECHNICAL, "Anropet innehåller mer data än vad som är tillåtet.")
TOO_MANY_CALLS = Message("5021", 429, _TECHNICAL, "Fler anrop än vad som är tillåtet per sekund.")
UNAVAILABLE = Message("5022", 503, _TECHNICAL, "Tjänsten kan inte nås just nu, försök igen senare.")
OVERLOAD = Message("6001", 503, "Overload", "Svaret är större än vad som kan lämnas.")

# Ours, about a whole call.
NOT_JSON = Message("8001", 400, _FORMAT, 'Ogiltigt format på anropet, det ska vara JSON på formen {"data": [...]}.')
REQUIRED = Message("8002", 400, _MISSING, "Uppgift saknas för <>.")
WRONG_TYPE = Message("8003", 400, _FORMAT, "Ogiltigt format på <>.")
NOT_IN_LIST = Message("8004", 400, _VALUE, "Ogiltigt värde på <>, det finns inte i värdeförrådet.")
OUT_OF_RANGE = Message("8005", 400, _VALUE, "Ogiltigt värde på <>, värdet eller antalet ligger utanför det tillåtna.")
BAD_PAGE_TOKEN = Message("8006", 400, _VALUE, "Ogiltigt värde på <>, det kommer inte från ett tidigare svar.")
NO_SUCH_PATH = Message("8007", 404, _VALUE, "Det finns ingen sådan ändpunkt.")
NO_SUCH_METHOD = Message("8008", 405, _VALUE, "Ändpunkten finns, men inte med den metoden.")
# In no answer, since Skolverket passes over what it does not know: the ledger alone has it, see `not_kept` there.
NOT_KEPT = Message("8009", 200, _VALUE, "<> tas inte emot och sparas inte.", "Warning")

# Ours, about one object of a bulk job.
ALREADY_EXISTS = Message("8101", 400, _VALUE, "Ogiltigt värde på <>, posten finns redan och ska inte uppdateras.")
TEMPORARY = Message("8102", 503, _TECHNICAL, "Bearbetningen avbröts av ett tillfälligt fel, försök igen senare.")
NEVER_SEEN = Message("9999", 400, "Nytt slags fel", "Ett meddelande som inte finns i någon förteckning.")
NAME_BLANK = Message("8105", 400, _MISSING, "Uppgift saknas för <>, namnet består inte av några synliga tecken.")
EPPN_COUNT = Message("8110", 400, _MISSING, "Uppgift saknas för Federationsanvändarnamn, det ska vara exakt ett.")
EPPN_FORM = Message(
    "8111", 400, _FORMAT, "Ogiltigt format på Federationsanvändarnamn, det ska ha exakt ett @ och inga mellanslag."
)
EPPN_TAKEN = Message("8112", 400, _VALUE, "Ogiltigt värde på Federationsanvändarnamn, det tillhör en annan person.")
EPPN_CHARACTERS = Message(
    "8113", 400, _FORMAT, "Ogiltigt format på Federationsanvändarnamn, bara a-z, 0-9 och .-_+@ är tillåtna tecken."
)
CIVIC_FORM = Message(
    "8120", 400, _FORMAT, "Ogiltigt format på Personnummer, det ska ha 12 siffror eller formen ÅÅÅÅMMDDTFxx."
)
CIVIC_DATE = Message("8121", 400, _VALUE, "Ogiltigt värde på Personnummer, det har inget datum som har inträffat.")
CIVIC_CHECK_DIGIT = Message("8122", 400, _VALUE, "Ogiltigt värde på Personnummer, kontrollsiffran stämmer inte.")
STAFF_EMAIL = Message("8130", 400, _MISSING, "Uppgift saknas för E-post, personal ska ha en av typen Skola personal.")
EMAIL_TYPE = Message("8131", 400, _VALUE, "Ogiltigt värde på <>, bara Skola elev och Skola personal tas emot.")
EXTERNAL_FOR_PUPIL = Message(
    "8132", 400, _VALUE, "Ogiltigt värde på <>, det tas emot för personal och inte för elever."
)
EXTERNAL_CONTEXT = Message("8133", 400, _VALUE, "Ogiltigt värde på <>, bara identifierare från eduID tas emot.")
PUPIL_AND_STAFF = Message(
    "8134", 400, _VALUE, "Ogiltigt värde på <>, den som är både elev och personal ska skickas som två personer."
)
SCHOOL_YEAR = Message("8140", 400, _MISSING, "Uppgift saknas för <>, årskurs ska anges för skolformen.")
EDUCATION_CODE = Message(
    "8141", 400, _VALUE, "Ogiltigt värde på <>, en aktuell studievägskod ska anges för skolformen."
)
UNIT_UNKNOWN = Message("8150", 400, _REFERENCE, "Ogiltig referens i <>, skolenheten finns inte.")
UNIT_EXPIRED = Message("8151", 400, _REFERENCE, "Ogiltig referens i <>, skolenheten har upphört.")
UNIT_FOREIGN = Message("8152", 400, _REFERENCE, "Ogiltig referens i <>, skolenheten tillhör en annan huvudman.")
PERSON_UNKNOWN = Message("8160", 400, _REFERENCE, "Ogiltig referens i <>, personen finns inte i provtjänsten.")
GROUP_TYPE = Message("8170", 400, _VALUE, "Ogiltigt värde på <>, bara Klass och Undervisning tas emot.")
MEMBER_UNKNOWN = Message(
    "8171", 400, _REFERENCE, "Ogiltig referens i <>, eleven finns inte och lades inte till i gruppen.", "Warning"
)
ACTIVITY_TYPE = Message("8180", 400, _VALUE, "Ogiltigt värde på <>, bara Undervisning tas emot.")
GROUP_UNKNOWN = Message("8181", 400, _REFERENCE, "Ogiltig referens i <>, gruppen finns inte i provtjänsten.")
DUTY_UNKNOWN = Message("8182", 400, _REFERENCE, "Ogiltig referens i <>, tjänstgöringen finns inte i provtjänsten.")
EXAM_UNKNOWN = Message("8183", 400, _REFERENCE, "Ogiltig referens i <>, provaktiviteten finns inte.")
EXAM_SCHOOL_TYPE = Message(
    "8184", 400, _REFERENCE, "Ogiltig referens i <>, provaktiviteten hör till en annan skolform än gruppen."
)


def stamp(epoch: float) -> str:
    """Writes a time as RFC 3339 with milliseconds, as Skolverket's answers have it."""
    return datetime.fromtimestamp(epoch, UTC).isoformat(timespec="milliseconds")


def log_entry(message: Message, epoch: float, **details: object) -> Json:
    """Builds a LogEntry; details are its optional fields by their published names, None is left out."""
    about = details.get("attributeName") or details.get("parameterName") or "id"
    text = message.text.replace("<>", f"<{about}>")
    entry: Json = {"id": message.id, "statusCode": message.status, "messageType": message.type, "message": text}
    entry.update((name, value) for name, value in details.items() if value is not None)
    entry["severityLevel"] = message.severity
    entry["timeOfOccurance"] = stamp(epoch)
    return entry


def finding_entry(finding: Finding, epoch: float, resource_type: str, resource_id: object) -> Json:
    """Builds the LogEntry of a finding about one object; attributeValue is a string, as their schema says."""
    value = finding.value
    shown = value if isinstance(value, str) or value is None else json.dumps(value, ensure_ascii=False)
    return log_entry(
        finding.message,
        epoch,
        resourceType=resource_type,
        resourceId=resource_id if isinstance(resource_id, str) else None,
        attributeName=finding.attribute,
        attributeValue=shown,
    )
