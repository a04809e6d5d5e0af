"""Webhooks: addresses that events are sent to, and how each sending went."""

from __future__ import annotations

from typing import Annotated, Literal

from ninja import Query, Router
from pydantic import BaseModel, Field, StrictBool

from tillbook.api.edge import ApiRequest
from tillbook.api.endpoints import change, read, update
from tillbook.api.shapes import (
    Line,
    Moment,
    Page,
    Paging,
    Sent,
    page,
    stood_at,
)
from tillbook.api.versions import check_version
from tillbook.common.actor import Permission
from tillbook.common.errors import WrongState
from tillbook.common.numbering import public_number
from tillbook.common.targets import TargetRefused
from tillbook.delivery import queries, webhooks
from tillbook.delivery.models import Delivery, Endpoint
from tillbook.delivery.queries import DeliveryNotFound, WebhookNotFound
from tillbook.delivery.webhooks import WebhookTaken

router = Router(tags=["Webhooks"])

State = Literal["pending", "delivered", "given_up"]
Actions = Annotated[
    list[Line],
    Field(
        max_length=100, examples=[["refund.completed", "order.*"]],
        description="Which events: by name, or all of a kind. None: all there are.",
    ),
]  # fmt: skip


class WebhookOut(BaseModel):
    """An address that events are sent to. Without `actions` it gets all of them."""

    number: str = Field(examples=["WH-1042"])
    url: str = Field(examples=["https://shop.example/hooks"])
    description: str
    actions: list[str]
    enabled: bool
    created_at: Moment


class WebhookMade(WebhookOut):
    """A new webhook with the secret that signs what is sent. Keep it: it is not told again."""

    secret: str = Field(examples=["whsec_…"])


class WebhookSent(Sent):
    """An address that shall get events from now on: all, or those of `actions`."""

    url: str = Field(max_length=500, examples=["https://shop.example/hooks"])
    description: Line = ""
    actions: Actions = []


class WebhookChanged(Sent):
    """What shall change; fields left out stay as they are. While not enabled it gets nothing."""

    url: str = Field("", max_length=500)
    description: Line = ""
    actions: Actions = []
    enabled: StrictBool = Field(True, description="Whether it is sent anything.", examples=[False])


class DeliveryOut(BaseModel):
    """One event on its way to one webhook. `status` is null where there was no answer."""

    number: str = Field(examples=["WD-1042"])
    webhook: str = Field(examples=["WH-1042"])
    webhook_id: str = Field(examples=["evt_42_1"])
    event: str = Field(examples=["EV-1042"])
    action: str = Field(examples=["refund.completed"])
    subject: str = Field(examples=["RF-1042"])
    state: str = Field(description="pending, delivered or given_up", examples=["delivered"])
    attempts: int
    created_at: Moment
    next_at: Moment | None
    last_at: Moment | None
    status: int | None = Field(examples=[200])
    answer: str
    milliseconds: int | None


class DeliveryFilters(Paging):
    """Which deliveries."""

    state: State | None = None


class Nothing(Sent):
    """No fields."""


def told(endpoint: Endpoint) -> WebhookOut:
    return WebhookOut(
        number=endpoint.number, url=endpoint.url, description=endpoint.description, actions=endpoint.actions,
        enabled=endpoint.disabled_at is None, created_at=endpoint.created_at,
    )  # fmt: skip


def told_delivery(delivery: Delivery) -> DeliveryOut:
    pending = delivery.state == Delivery.State.PENDING
    return DeliveryOut(
        number=delivery.number, webhook=delivery.endpoint.number, webhook_id=delivery.webhook_id,
        event=public_number("EV", delivery.event_id), action=delivery.action, subject=delivery.subject,
        state=delivery.state, attempts=delivery.attempts, created_at=delivery.created_at,
        next_at=delivery.next_at if pending else None, last_at=delivery.last_at, status=delivery.last_status,
        answer=delivery.last_answer, milliseconds=delivery.last_ms,
    )  # fmt: skip


@read(router, "/webhooks", Page[WebhookOut], permission=Permission.MANAGE_KEYS)
def list_webhooks(request: ApiRequest, filters: Query[Paging]) -> Page[WebhookOut]:
    """All webhooks, in the order in which they were added."""
    after = stood_at(filters.cursor, lambda cursor: queries.endpoint_by_number(cursor).pk)
    rows = queries.page_of_endpoints(after=after, limit=filters.limit + 1)
    return page(rows, filters.limit, told, lambda row: row.number)


@change(router, "/webhooks", 201, WebhookMade, WebhookTaken, TargetRefused)
def add_webhook(request: ApiRequest, body: WebhookSent) -> WebhookMade:
    """Send events to an address from now on."""
    made = webhooks.add_endpoint(**body.model_dump(), actor=request.actor, now=request.now)
    return WebhookMade(**told(made).model_dump(), secret=made.secret)


@read(router, "/webhooks/{public:number}", WebhookOut, WebhookNotFound, permission=Permission.MANAGE_KEYS)
def get_webhook(request: ApiRequest, number: str) -> WebhookOut:
    """One webhook."""
    return told(queries.endpoint_by_number(number))


@update(router, "/webhooks/{public:number}", WebhookOut, WebhookNotFound, WebhookTaken, TargetRefused)
def change_webhook(request: ApiRequest, number: str, body: WebhookChanged) -> WebhookOut:
    """Change some fields of a webhook."""
    # Locked, so that what is compared and what is left as it is can't change before it is written.
    endpoint = webhooks.locked(queries.endpoint_by_number(number).pk)
    check_version(request, told(endpoint))
    kept = {name: getattr(told(endpoint), name) for name in WebhookChanged.model_fields}
    wanted = kept | body.model_dump(exclude_unset=True)
    return told(webhooks.update_endpoint(endpoint.pk, **wanted, actor=request.actor, now=request.now))


@change(router, "/webhooks/{public:number}/remove", 200, WebhookOut, WebhookNotFound)
def remove_webhook(request: ApiRequest, number: str, body: Nothing) -> WebhookOut:
    """End a webhook, its secret and its deliveries."""
    endpoint = queries.endpoint_by_number(number)
    removed = told(endpoint)
    webhooks.remove_endpoint(endpoint.pk, actor=request.actor, now=request.now)
    return removed


@read(
    router,
    "/webhooks/{public:number}/deliveries",
    Page[DeliveryOut],
    WebhookNotFound,
    permission=Permission.MANAGE_KEYS,
)
def list_deliveries(request: ApiRequest, number: str, filters: Query[DeliveryFilters]) -> Page[DeliveryOut]:
    """A webhook's deliveries, those of the newest events first."""
    endpoint = queries.endpoint_by_number(number)
    before = stood_at(filters.cursor, queries.delivery_by_number)
    rows = queries.page_of_deliveries(
        endpoint.pk, state=filters.state, before=before, limit=filters.limit + 1
    )
    return page(rows, filters.limit, told_delivery, lambda row: row.number)


@change(router, "/deliveries/{public:number}/resend", 200, DeliveryOut, DeliveryNotFound, WrongState)
def resend_delivery(request: ApiRequest, number: str, body: Nothing) -> DeliveryOut:
    """Send it once more, with the same `webhook-id`."""
    delivery = queries.delivery_by_number(number)
    webhooks.resend(delivery.pk, actor=request.actor, now=request.now)
    return told_delivery(queries.delivery_by_number(number))
