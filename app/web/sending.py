"""The page of an exam before it is sent: what is wrong with its roster, what would happen, and the button."""

from collections.abc import Sequence, Set
from typing import Final, get_args
from uuid import UUID, uuid4

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError

from app.api.dependencies import Parts, PartsDep, check_allowed, cipher_of
from app.api.http.problems import BadRequest, Forbidden
from app.api.reading.activities import get_activity
from app.api.reading.findings import list_finding_causes
from app.api.reading.plans import list_plans, list_withheld, make
from app.api.reading.runs import list_runs
from app.api.run_changes import RunChanges, provisioning
from app.api.schemas.parts import Allowed
from app.api.schemas.requests import PlanRequest, ProvisionRequest
from app.db.history import RunFilter
from app.db.planning import MOST_KEPT_TOGETHER
from app.views import Shown
from app.web.pages import PageRoute, go_to, show_page
from app.web.paths import PATHS
from app.web.pauses import pauses_of
from app.web.standings import UNDER_WAY
from app.web.verdicts import likely_refused, stops_at, verdict_of
from app.web.visitors import LanguageDep, OwnForm, Visitor, VisitorDep

router = APIRouter(route_class=PageRoute, include_in_schema=False)

POLICIES: Final = ("halt", "continue")
_ALLOWED: Final = get_args(Allowed)


@router.get(PATHS["before_sending"])
async def before_sending(
    request: Request, activity_id: UUID, parts: PartsDep, visitor: VisitorDep, _: LanguageDep
) -> Response:
    """Shows what is to be mended before it is sent, the plan of the roster as it is, and the form that sends it."""
    cipher = cipher_of(parts, visitor.caller)
    activity = await get_activity(parts, visitor.viewer, activity_id)
    findings = await list_finding_causes(parts, cipher, visitor.viewer, activity_id)
    made = (await list_plans(parts, visitor.viewer, activity_id, limit=MOST_KEPT_TOGETHER, cursor=None))[0]
    plans = plans_of(made, activity["roster"]["version"])
    wanted = RunFilter(activity_ids=(activity_id,), statuses=UNDER_WAY)
    under_way = bool((await list_runs(parts, visitor.viewer, wanted, None, 1))[0])
    return show_page(
        request,
        "before_sending.html",
        visitor,
        page="exams",
        activity=activity,
        findings=findings,
        errors=[each for each in findings if each["severity"] == "error"],
        warnings=[each for each in findings if each["severity"] != "error"],
        pauses=await pauses_of(parts, visitor.viewer, activity_id),
        plans=plans,
        under_way=under_way,
        stops=stops_at(plans),
        refused=likely_refused(plans),
        verdict=verdict_of(activity["findings"], plans, under_way=under_way),
        policies=POLICIES,
        allowable=allowable(plans, await list_withheld(parts, visitor.viewer, plans)),
        may_send=visitor.may("provision"),
        once=uuid4(),
    )


@router.post(PATHS["before_sending"])
async def send(
    activity_id: UUID, parts: PartsDep, visitor: VisitorDep, language: LanguageDep, form: OwnForm
) -> Response:
    """Sends the exam's roster, once however often the form is sent, and leads to the run."""
    run_id = await send_once(parts, visitor, activity_id, wanted_of(form), form)
    return go_to("run", language, run_id=run_id)


@router.post(PATHS["make_plan"])
async def make_plan(
    activity_id: UUID, parts: PartsDep, visitor: VisitorDep, language: LanguageDep, form: OwnForm
) -> Response:
    """Makes a plan for one of the choices, and goes back to the page."""
    asked = PlanRequest(on_record_error=wanted_of(form).on_record_error)
    await make(parts, cipher_of(parts, visitor.caller), visitor.caller, activity_id, asked)
    return go_to("before_sending", language, activity_id=activity_id)


async def send_once(
    parts: Parts, visitor: Visitor, activity_id: UUID, asked: ProvisionRequest, form: dict[str, str]
) -> UUID:
    """Sends an exam's roster as it was `asked` for, unless the same form has done it; gives the run's id.

    Raises Forbidden for a key that only reads, and what `accept_run` raises.
    """
    if not visitor.may("provision"):
        raise Forbidden("This key lacks the scope provision.")
    check_allowed(visitor.viewer, asked.allow)
    caller = visitor.caller
    changes = RunChanges(parts, caller, cipher_of(parts, caller), form.get("once") or None)
    told = (activity_id, asked.on_record_error, sorted(set(asked.allow)))
    change = provisioning(parts, caller, activity_id, asked)
    made = await changes.make("provision", "page", *told, change=change)
    return made.answer.run_id


def plans_of(made: Sequence[Shown], version: int) -> list[Shown]:
    """Gives the newest plan for each choice; one of another `version` of the roster says nothing of what would go."""
    newest = {each["on_record_error"]: each for each in reversed(made) if each["roster_version"] == version}
    return [newest[policy] for policy in POLICIES if policy in newest]


def allowable(plans: Sequence[Shown], withheld: Set[str]) -> list[str]:
    """Lists what keeps this roster, or some of it, back unless somebody allows it: by its `plans`, and of persons."""
    # What a plan was made with keeps nobody back in it.
    found = {*withheld, *(each for plan in plans for each in plan["allow"])}
    found |= {"shrinks"} if any(plan["shrinks"] for plan in plans) else set()
    return [each for each in _ALLOWED if each in found]


def wanted_of(form: dict[str, str]) -> ProvisionRequest:
    """Reads how the form wants it to be sent; raises BadRequest for what the form does not offer."""
    allow = [each for each in _ALLOWED if form.get(f"allow_{each}") == "yes"]
    try:
        return ProvisionRequest.model_validate({"on_record_error": form.get("on_record_error", "halt"), "allow": allow})
    except ValidationError:
        raise BadRequest("form on_record_error: It is halt or continue.") from None
