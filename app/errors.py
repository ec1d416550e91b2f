"""Errors that cross a module's border. Each that a caller can get is one cause, with its words in the catalogue.

Problem
├── NotFound                    404
├── Conflict                    409, of these causes; without a slug on the command line alone
│   ├── TooManyWaitingRuns
│   ├── RosterShrinks
│   ├── RunAlreadyFinished
│   ├── RunNotEnded
│   ├── RunSucceeded
│   ├── RunNotLatest
│   ├── EarlierRunUnderWay
│   ├── RunUnderWay
│   ├── ActivityDeleted
│   ├── ContentErased
│   ├── RunHasIt
│   ├── OrganisationFull
│   ├── TooManyWebhooks
│   ├── WebhookDisabled
│   └── IdempotencyKeyInUse
├── CursorGone                  410
├── PreconditionFailed          412
├── IdempotencyKeyReused        422
└── Refused                     422, with pointers into the body
    └── MaskedValue
Stopped                         the configuration keeps a process from starting (command line)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar


class Problem(Exception):
    """Something that a caller is told as problem+json; its detail never repeats a value of the request."""

    # Of its entry in the catalogue, which has its status; None is never answered over HTTP.
    slug: ClassVar[str | None] = None
    headers: ClassVar[Mapping[str, str]] = {}

    def __init__(self, detail: str, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        # In seconds, where it is not what the catalogue says.
        self.retry_after = retry_after


class NotFound(Problem):
    """There is no such thing in the caller's organisation."""

    slug = "not-found"


class Conflict(Problem):
    """The thing is in a state that does not allow this; over HTTP one of the causes below."""


class TooManyWaitingRuns(Conflict):
    """As many runs wait as may."""

    slug = "too-many-waiting-runs"


class RosterShrinks(Conflict):
    """The roster is empty after one that was sent with objects, and nobody has allowed that."""

    slug = "roster-shrinks"


class RunAlreadyFinished(Conflict):
    """What has ended cannot be cancelled."""

    slug = "run-already-finished"


class RunNotEnded(Conflict):
    """A run that has not ended cannot be retried yet."""

    slug = "run-not-ended"


class RunSucceeded(Conflict):
    """What has succeeded cannot be retried: only what has failed or was cancelled goes on."""

    slug = "run-succeeded"


class RunNotLatest(Conflict):
    """A later run of the activity exists."""

    slug = "run-not-latest"


class EarlierRunUnderWay(Conflict):
    """An earlier run of the activity has not ended yet."""

    slug = "earlier-run-under-way"


class RunUnderWay(Conflict):
    """The activity cannot go while a run of it is under way."""

    slug = "run-under-way"


class ActivityDeleted(Conflict):
    """The activity is no longer there; its runs are."""

    slug = "activity-deleted"


class ContentErased(Conflict):
    """What would have to be sent is kept no longer."""

    slug = "content-erased"


class RunHasIt(Conflict):
    """What a run under way has cannot be erased yet."""

    slug = "run-has-it"


class OrganisationFull(Conflict):
    """The organisation's rosters take as much as they may together."""

    slug = "organisation-full"


class TooManyWebhooks(Conflict):
    """The organisation has as many webhooks as it may."""

    slug = "too-many-webhooks"


class WebhookDisabled(Conflict):
    """Nothing is sent to a webhook that is disabled."""

    slug = "webhook-disabled"


class IdempotencyKeyInUse(Conflict):
    """The first request with an Idempotency-Key has not been answered yet."""

    slug = "idempotency-key-in-use"


class CursorGone(Problem):
    """A place in the log of changes that this database does not have."""

    slug = "cursor-gone"


class PreconditionFailed(Problem):
    """The thing has changed since the caller read it."""

    slug = "precondition-failed"


class IdempotencyKeyReused(Problem):
    """An Idempotency-Key was used for another request."""

    slug = "idempotency-key-reused"


@dataclass(frozen=True, slots=True)
class BodyError:
    """One place in a request's body that is wrong: a JSON pointer, a code, a sentence without the value."""

    pointer: str
    code: str
    detail: str


class Refused(Problem):
    """The body cannot be taken as it is."""

    slug = "invalid-body"

    def __init__(self, detail: str, errors: Sequence[BodyError] = ()) -> None:
        super().__init__(detail)
        self.errors = tuple(errors)


class MaskedValue(Refused):
    """The roster was read with a key that masks, and has nothing else wrong with it."""

    slug = "masked-value"


class Stopped(Exception):
    """A process cannot start; the sentence says what to set or to do."""
