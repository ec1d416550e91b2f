"""Who may do what: every route with the status that each kind of caller gets for what the first of them has made.

Without a key, and with a wrong one, it is 401 everywhere; what is open to all is in
`guards.OPEN`. The rows are tried from the first to the last, each for its callers in their order.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

# The scopes of each caller's key.
SCOPES: Final[Mapping[str, tuple[str, ...]]] = {
    # Has made the run, the plan and the roster.
    "own": ("provision",),
    # Another key like it, of the same organisation.
    "other": ("provision",),
    "history": ("history",),
    "pii": ("history", "pii"),
    # Sees everything of everybody.
    "whole": ("history", "pii", "protected"),
    "admin": ("admin", "audit"),
    # Of another organisation.
    "foreign": ("provision", "history", "pii", "protected", "admin", "audit"),
    "operator": ("operator",),
    # Signs in to the pages, and sends.
    "sender": ("provision", "history"),
    # Of a school unit that the roster has somebody of: 403 where an answer is whole or not at all.
    "units": ("history", "pii", "protected"),
}


class Row(NamedTuple):
    """A route, and the status for each kind of caller."""

    method: str
    path: str
    statuses: Mapping[str, int]


def _rows(table: str) -> tuple[Row, ...]:
    head, *lines = [line.split() for line in table.strip().splitlines()]
    return tuple(
        Row(method, path, dict(zip(head[2:], map(int, statuses), strict=True))) for method, path, *statuses in lines
    )


API: Final = _rows(
    """
method path                                                   own other history pii whole admin foreign operator units
GET    /activities                                            200 200   200     200 200   403   200     403      200
GET    /activities/{activity_id}                              200 200   200     200 200   403   404     403      200
GET    /activities/{activity_id}/findings                     200 200   200     200 200   403   404     403      200
GET    /activities/{activity_id}/findings/causes              200 200   200     200 200   403   404     403      200
GET    /activities/{activity_id}/plans                        200 200   200     200 200   403   404     403      403
GET    /activities/{activity_id}/readiness                    403 403   200     200 200   403   404     403      200
GET    /activities/{activity_id}/readiness/pupils             403 403   200     200 200   403   404     403      200
GET    /activities/{activity_id}/roster                       403 403   403     403 200   403   404     403      403
GET    /activities/{activity_id}/runs                         200 200   200     200 200   403   404     403      200
GET    /audit                                                 403 403   403     403 403   200   200     403      403
GET    /changes                                               200 200   200     200 200   403   200     403      403
GET    /events                                                200 200   200     200 200   403   200     403      403
GET    /jobs                                                  200 200   200     200 200   403   200     403      200
GET    /jobs/{job_id}                                         200 403   200     200 200   403   404     403      200
GET    /jobs/{job_id}/batches                                 200 403   200     200 200   403   404     403      403
GET    /jobs/{job_id}/batches/{batch_id}                      200 403   200     200 200   403   404     403      403
GET    /jobs/{job_id}/events                                  200 403   200     200 200   403   404     403      403
GET    /jobs/{job_id}/records                                 200 403   200     200 200   403   404     403      200
GET    /jobs/{job_id}/records.csv                             200 403   200     200 200   403   404     403      200
GET    /jobs/{job_id}/records.jsonl                           200 403   200     200 200   403   404     403      200
GET    /jobs/{job_id}/records.xlsx                            200 403   200     200 200   403   404     403      200
POST   /jobs/{job_id}/records/search                          403 403   403     200 200   403   404     403      200
GET    /jobs/{job_id}/records/{record_id}                     200 403   200     200 200   403   404     403      200
POST   /objects/search                                        403 403   403     200 200   403   200     403      200
GET    /objects/{kind}/{object_id}                            403 403   200     200 200   403   404     403      200
GET    /objects/persons/{object_id}/erasure                   403 403   403     403 403   404   404     403      403
GET    /plans/{plan_id}                                       200 403   200     200 200   403   404     403      403
GET    /plans/{plan_id}/items                                 200 403   200     200 200   403   404     403      403
GET    /runs                                                  200 200   200     200 200   403   200     403      200
GET    /runs.csv                                              200 200   200     200 200   403   200     403      200
GET    /runs.jsonl                                            200 200   200     200 200   403   200     403      200
GET    /runs.xlsx                                             200 200   200     200 200   403   200     403      200
GET    /runs/{run_id}                                         200 403   200     200 200   403   404     403      200
GET    /runs/{run_id}/events                                  200 403   200     200 200   403   404     403      403
GET    /webhooks                                              403 403   403     403 403   200   200     403      403
GET    /webhooks/{webhook_id}                                 403 403   403     403 403   200   404     403      403
GET    /webhooks/{webhook_id}/deliveries                      403 403   403     403 403   200   404     403      403
POST   /activities/{activity_id}/pause                        403 403   403     403 403   200   404     403      403
POST   /activities/{activity_id}/plan                         201 201   201     201 201   403   404     403      403
POST   /activities/{activity_id}/provision                    202 202   403     403 403   403   404     403      403
POST   /activities/{activity_id}/resume                       403 403   403     403 403   200   404     403      403
POST   /events/tickets                                        201 201   201     201 201   403   201     403      403
POST   /webhooks                                              403 403   403     403 403   422   422     403      403
POST   /webhooks/{webhook_id}/deliveries/{delivery_id}/replay 403 403   403     403 403   202   404     403      403
POST   /webhooks/{webhook_id}/secret/rotate                   403 403   403     403 403   200   404     403      403
POST   /webhooks/{webhook_id}/test                            403 403   403     403 403   202   404     403      403
POST   /runs/{run_id}/retry                                   409 403   403     403 403   403   404     403      403
POST   /runs/{run_id}/cancel                                  202 403   403     403 403   403   404     403      403
PATCH  /activities/{activity_id}                              200 200   403     403 403   403   404     403      403
PATCH  /webhooks/{webhook_id}                                 403 403   403     403 403   200   404     403      403
DELETE /activities/{activity_id}                              409 409   403     403 403   403   404     403      403
DELETE /objects/persons/{object_id}/content                   403 403   403     403 403   409   404     403      403
DELETE /webhooks/{webhook_id}                                 403 403   403     403 403   204   404     403      403
PUT    /activities/{activity_id}                              200 200   403     403 403   403   201     403      403
GET    /operations/doctor                                     403 403   403     403 403   403   403     200      403
GET    /operations/organisations                              403 403   403     403 403   403   403     200      403
GET    /operations/runs                                       403 403   403     403 403   403   403     200      403
POST   /operations/activities/{number}/{activity_id}/pause    403 403   403     403 403   403   403     200      403
POST   /operations/activities/{number}/{activity_id}/resume   403 403   403     403 403   403   403     200      403
POST   /operations/organisations/{number}/pause               403 403   403     403 403   403   403     200      403
POST   /operations/organisations/{number}/resume              403 403   403     403 403   403   403     200      403
POST   /operations/runs/{run_id}/retry                        403 403   403     403 403   403   403     409      403
POST   /operations/runs/{run_id}/cancel                       403 403   403     403 403   403   403     409      403
"""
)
# Who is led to the sign-in stands as 401; an operator is led away from pages of an organisation, and 303 is also what
# follows a form.
PAGES: Final = _rows(
    """
method path                                           own history pii whole foreign operator sender units
GET    /historik                                      401 200     200 200   200     303      200    200
GET    /historik/drift                                401 403     403 403   403     200      403    403
GET    /historik/drift/korningar/{run_id}/avbryt      401 403     403 403   403     200      403    403
GET    /historik/drift/korningar/{run_id}/forsok-igen 401 403     403 403   403     200      403    403
GET    /historik/drift/{number}                       401 403     403 403   403     200      403    403
GET    /historik/drift/{number}/fortsatt              401 403     403 403   403     200      403    403
GET    /historik/drift/{number}/pausa                 401 403     403 403   403     200      403    403
GET    /historik/jobb/{job_id}                        401 200     200 200   404     303      200    200
GET    /historik/jobb/{job_id}/export/csv             401 200     200 200   404     303      200    200
GET    /historik/jobb/{job_id}/export/xlsx            401 200     200 200   404     303      200    200
GET    /historik/jobb/{job_id}/poster/{record_id}     401 200     200 200   404     303      200    200
GET    /historik/jobb/{job_id}/sok                    401 303     303 303   303     303      303    303
GET    /historik/korningar/{run_id}                   401 200     200 200   404     303      200    200
GET    /historik/korningar/{run_id}/avbryt            401 403     403 403   404     303      200    403
GET    /historik/korningar/{run_id}/forsok-igen       401 403     403 403   404     303      200    403
GET    /historik/korningar/{run_id}/skicka-igen       401 403     403 403   404     303      200    403
GET    /historik/logga-in/skyddade                    401 404     404 404   404     404      404    404
GET    /historik/objekt/{kind}/{object_id}            401 200     200 200   404     303      200    200
GET    /historik/objekt/{kind}/{object_id}/insyn      401 403     403 403   200     303      403    403
GET    /historik/prov                                 401 200     200 200   200     303      200    200
GET    /historik/prov/{activity_id}                   401 200     200 200   404     303      200    200
GET    /historik/prov/{activity_id}/elever            401 200     200 200   404     303      200    200
GET    /historik/prov/{activity_id}/skicka            401 200     200 200   404     303      200    403
GET    /historik/session                              401 204     204 204   204     204      204    204
POST   /historik/drift/korningar/{run_id}/avbryt      401 403     403 403   403     303      403    403
POST   /historik/drift/korningar/{run_id}/forsok-igen 401 403     403 403   403     303      403    403
POST   /historik/drift/{number}/fortsatt              401 403     403 403   403     303      403    403
POST   /historik/drift/{number}/pausa                 401 403     403 403   403     303      403    403
POST   /historik/jobb/{job_id}/sok                    401 403     200 200   404     403      403    200
POST   /historik/korningar/{run_id}/avbryt            401 403     403 403   404     403      303    403
POST   /historik/korningar/{run_id}/forsok-igen       401 403     403 403   404     403      303    403
POST   /historik/korningar/{run_id}/skicka-igen       401 403     403 403   404     403      303    403
POST   /historik/prov/{activity_id}/plan              401 303     303 303   404     403      303    403
POST   /historik/prov/{activity_id}/skicka            401 403     403 403   404     403      303    403
POST   /historik/logga-ut                             401 401     401 401   401     401      401    401
"""
)
