"""The tables. Guards that are more than a constraint (transitions, fences, order) are triggers in the migrations.

Every table with an organisation's data carries its id, at the head of the indexes that serve callers' lists. What
belongs to one job or roster is found by the id of that alone: a planner that multiplies how rare the organisation is
with how rare the job is takes 50,000 rows for one. The engine's indexes are partial and hold only what is under way.
"""

from app.db.schema.audit import (
    audit,
    audit_checkpoint,
    audit_key,
    audit_link,
    audit_object,
    audit_reading,
    audit_unchained,
)
from app.db.schema.columns import UUID, Time, metadata
from app.db.schema.erasures import erasure
from app.db.schema.objects import eppn, object_, protected_object
from app.db.schema.plans import plan, plan_item
from app.db.schema.rosters import activity, content, finding, last_listed, roster, roster_item, roster_staging
from app.db.schema.runs import at_target, batch, event, job, pause, record, run
from app.db.schema.service import (
    access_token,
    answer_time,
    circuit,
    egress,
    epoch,
    reference_item,
    task,
    worker,
)
from app.db.schema.tenants import api_key, api_key_use, idempotency_key, organisation, session, sign_in_mapping
from app.db.schema.webhooks import webhook, webhook_delivery

__all__ = [
    "UUID",
    "Time",
    "access_token",
    "activity",
    "answer_time",
    "api_key",
    "api_key_use",
    "at_target",
    "audit",
    "audit_checkpoint",
    "audit_key",
    "audit_link",
    "audit_object",
    "audit_reading",
    "audit_unchained",
    "batch",
    "circuit",
    "content",
    "egress",
    "epoch",
    "eppn",
    "erasure",
    "event",
    "finding",
    "idempotency_key",
    "job",
    "last_listed",
    "metadata",
    "object_",
    "organisation",
    "pause",
    "plan",
    "plan_item",
    "protected_object",
    "record",
    "reference_item",
    "roster",
    "roster_item",
    "roster_staging",
    "run",
    "session",
    "sign_in_mapping",
    "task",
    "webhook",
    "webhook_delivery",
    "worker",
]
