"""Webhooks: endpoints that are told of what happens, and what they were told."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from app.api.dependencies import Administrator, CipherDep, PartsDep
from app.api.http.answers import answer, page
from app.api.http.bodies import described, read_body, read_no_body
from app.api.http.lists import Cursor, Limit
from app.api.http.problems import may_refuse
from app.api.reading import webhooks as reading
from app.api.schemas.parts import Page
from app.api.schemas.webhooks import Delivery, Webhook, WebhookChange, WebhookRequest, WebhookWithSecret
from app.errors import TooManyWebhooks, WebhookDisabled

router = APIRouter(tags=["Webhooks"])

_MADE = {
    "description": "The webhook, with its secret: it is not shown again.",
    "headers": {"Location": {"description": "Where the webhook is.", "schema": {"type": "string"}}},
}


@router.post(
    "/webhooks",
    summary="Make a webhook",
    status_code=201,
    response_model=WebhookWithSecret,
    responses={201: _MADE, **may_refuse(TooManyWebhooks)},
    openapi_extra=described(WebhookRequest),
)
async def create_webhook(request: Request, parts: PartsDep, cipher: CipherDep, _: Administrator) -> Response:
    """Names an endpoint that is told of runs and jobs that end from now on; an organisation has at most ten.

    Each call is signed as Standard Webhooks 1.0 says, with the secret that is shown here and never again.
    """
    made = await reading.make(parts, cipher, await read_body(request, WebhookRequest))
    return answer(made, 201, {"Location": f"/webhooks/{made['id']}"})


@router.get("/webhooks", summary="List the webhooks", response_model=Page[Webhook])
async def list_webhooks(parts: PartsDep, viewer: Administrator, limit: Limit, cursor: Cursor = None) -> Response:
    """Lists the organisation's webhooks, the oldest first."""
    return page(*await reading.list_webhooks(parts, viewer, limit=limit, cursor=cursor))


@router.get("/webhooks/{webhook_id}", summary="Read a webhook", response_model=Webhook)
async def get_webhook(webhook_id: UUID, parts: PartsDep, viewer: Administrator) -> Response:
    """Gives a webhook without its secret."""
    return answer(await reading.get_webhook(parts, viewer, webhook_id))


@router.patch(
    "/webhooks/{webhook_id}",
    summary="Change a webhook",
    response_model=Webhook,
    openapi_extra=described(WebhookChange),
)
async def change_webhook(webhook_id: UUID, request: Request, parts: PartsDep, viewer: Administrator) -> Response:
    """Changes what is given. One that is enabled goes on with what waits; what happened meanwhile it is not told."""
    return answer(await reading.change(parts, viewer, webhook_id, await read_body(request, WebhookChange)))


@router.delete("/webhooks/{webhook_id}", summary="Delete a webhook", status_code=204, response_class=Response)
async def delete_webhook(webhook_id: UUID, parts: PartsDep, viewer: Administrator) -> Response:
    """Deletes a webhook, its secret and its deliveries, those that wait too."""
    await reading.delete(parts, viewer, webhook_id)
    return Response(status_code=204, headers={"Cache-Control": "no-store"})


@router.post(
    "/webhooks/{webhook_id}/secret/rotate", summary="Give a webhook a new secret", response_model=WebhookWithSecret
)
async def rotate_webhook_secret(
    webhook_id: UUID, request: Request, parts: PartsDep, cipher: CipherDep, _: Administrator
) -> Response:
    """Makes a new secret and shows it, this once. For 24 hours the one before signs as well, in the same header."""
    await read_no_body(request)
    return answer(await reading.rotate_secret(parts, cipher, webhook_id))


@router.get("/webhooks/{webhook_id}/deliveries", summary="List a webhook's deliveries", response_model=Page[Delivery])
async def list_deliveries(
    webhook_id: UUID, parts: PartsDep, viewer: Administrator, limit: Limit, cursor: Cursor = None
) -> Response:
    """Lists what the endpoint was told in the last 30 days and what became of it, the newest first."""
    return page(*await reading.list_deliveries(parts, viewer, webhook_id, limit=limit, cursor=cursor))


@router.post(
    "/webhooks/{webhook_id}/deliveries/{delivery_id}/replay",
    summary="Send a delivery again",
    status_code=202,
    response_model=Delivery,
    responses=may_refuse(WebhookDisabled),
)
async def replay_delivery(
    webhook_id: UUID, delivery_id: UUID, request: Request, parts: PartsDep, viewer: Administrator
) -> Response:
    """Sends it at once, whatever became of it, with the same `webhook-id`, and tries it again from the beginning."""
    await read_no_body(request)
    return answer(await reading.replay(parts, viewer, webhook_id, delivery_id), 202)


@router.post(
    "/webhooks/{webhook_id}/test",
    summary="Try a webhook",
    status_code=202,
    response_model=Delivery,
    responses=may_refuse(WebhookDisabled),
)
async def test_webhook(webhook_id: UUID, request: Request, parts: PartsDep, viewer: Administrator) -> Response:
    """Sends a `webhook.test` without data; the deliveries tell what was answered."""
    await read_no_body(request)
    return answer(await reading.test(parts, viewer, webhook_id), 202)
