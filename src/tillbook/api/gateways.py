"""Payment gateways: the shop's accounts there, and refunds that are sent through them."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from django.db import transaction
from ninja import Router
from pydantic import BaseModel, Field, StrictBool, StringConstraints

from tillbook.api.credits import Nothing
from tillbook.api.edge import ApiRequest
from tillbook.api.endpoints import change, read
from tillbook.api.problems import ChangedMeanwhile
from tillbook.api.refund_shapes import RefundWithCredits, as_it_was_read, told_whole
from tillbook.api.shapes import Line, Moment, Page, Sent
from tillbook.common.actor import Permission
from tillbook.common.errors import WrongState
from tillbook.common.targets import TargetRefused
from tillbook.payouts import gateway_accounts, sendings
from tillbook.payouts.gateway_accounts import GatewayInUse, GatewayNotFound
from tillbook.payouts.gateways.adapter import GatewayRefuses
from tillbook.payouts.models import GatewayAccount, Sending
from tillbook.payouts.queries import gateway_accounts as all_accounts
from tillbook.payouts.sendings import NotSent, TooEarly
from tillbook.refunds import queries
from tillbook.refunds.approvals import ApprovalMissing
from tillbook.refunds.backing import SourceNotBacked
from tillbook.refunds.charges import ChargeLimit
from tillbook.refunds.in_gateway import NotForGateway
from tillbook.refunds.services import SelfCompletion
from tillbook.refunds.state import InPayout, InSending, RefundNotFound

router = Router(tags=["Gateways"])

SECRET = {"format": "password", "writeOnly": True}
Secret = Annotated[Line, Field(json_schema_extra=SECRET)]


class GatewayOut(BaseModel):
    """The shop's account at a payment gateway. Its secrets are told to nobody."""

    gateway: str = Field(examples=["stripe"])
    api_base: str = Field(examples=["https://api.stripe.com"])
    hears_events: bool = Field(description="Whether it has what its events are verified by.", examples=[True])
    changed_at: Moment


class GatewaySent(Sent):
    """An account at a gateway. Of one that is there only what is sent is replaced."""

    gateway: Line = Field(description="stripe or paypal.", examples=["stripe"])
    secret: Secret = Field(
        "", description="Stripe's secret key, PayPal's secret; - reads it from standard input."
    )
    client_id: Line = Field("", description="PayPal's client ID.")
    webhook_secret: Secret = Field(
        "", description="The signing secret of Stripe's endpoint, the ID of PayPal's webhook."
    )
    api_base: Annotated[Line, StringConstraints(max_length=200)] = Field(
        "", description="How its API begins, where that is not the gateway's own."
    )


class GatewayCheck(BaseModel):
    """The gateway takes the account's secrets."""

    gateway: str = Field(examples=["stripe"])
    works: bool = Field(examples=[True])


class EndSent(Sent):
    """What the gateway's own pages show of a refund that it has said nothing about for a month."""

    paid: StrictBool = Field(
        description="Whether the money went out. If not, it is credit again.", examples=[True]
    )
    reason: Annotated[Line, StringConstraints(min_length=1)] = Field(
        description="What was seen there.", examples=["No refund of that day in the list of activities"]
    )


def _told(account: GatewayAccount) -> GatewayOut:
    return GatewayOut(
        gateway=account.gateway, api_base=account.api_base, hears_events=bool(account.webhook_secret),
        changed_at=account.changed_at,
    )  # fmt: skip


@read(router, "/gateways", Page[GatewayOut], permission=Permission.MANAGE_SETTINGS)
def list_gateways(request: ApiRequest) -> Page[GatewayOut]:
    """The shop's accounts at payment gateways."""
    return Page(items=[_told(each) for each in all_accounts()], next_cursor=None)


@change(router, "/gateways", 201, GatewayOut, GatewayNotFound, GatewayInUse, TargetRefused)
def add_gateway(request: ApiRequest, body: GatewaySent) -> GatewayOut:
    """Add the shop's account at a gateway, or replace its secrets. They are kept sealed."""
    account = gateway_accounts.set_account(**body.model_dump(), actor=request.actor, now=request.now)
    return _told(account)


@change(router, "/gateways/{gateway}/remove", 200, GatewayOut, GatewayNotFound, GatewayInUse)
def remove_gateway(request: ApiRequest, gateway: Line, body: Nothing) -> GatewayOut:
    """Forget the account and its secrets, once no refund is on its way through it."""
    account = gateway_accounts.get(gateway)
    gateway_accounts.remove_account(gateway, actor=request.actor, now=request.now)
    return _told(account)


@read(
    router,
    "/gateways/{gateway}/check",
    GatewayCheck,
    GatewayNotFound,
    GatewayRefuses,
    permission=Permission.MANAGE_SETTINGS,
)
def check_gateway(request: ApiRequest, gateway: Line) -> GatewayCheck:
    """Ask the gateway whether it takes the account's secrets. It changes nothing."""
    gateway_accounts.check_account(gateway, actor=request.actor)
    return GatewayCheck(gateway=gateway, works=True)


def _speak_afterwards(sending: Sending, request: ApiRequest) -> None:
    """Ask the gateway once this is committed. If that fails, the round that asks does it again."""
    transaction.on_commit(partial(sendings.speak, sending.pk, now=request.now), robust=True)


@change(
    router,
    "/refunds/{public:number}/send",
    202,
    RefundWithCredits,
    RefundNotFound,
    WrongState,
    InSending,
    InPayout,
    NotForGateway,
    GatewayNotFound,
    GatewayRefuses,
    ApprovalMissing,
    SelfCompletion,
    SourceNotBacked,
    ChargeLimit,
    ChangedMeanwhile,
)
def send_refund(request: ApiRequest, number: str, body: Nothing) -> RefundWithCredits:
    """Send it through its gateway. The answer is how it stood before the gateway's own: read it again.

    With If-Match, the ETag of the refund as it was read, it is refused if anything of it changed since.
    """
    refund = as_it_was_read(request, number)
    _speak_afterwards(sendings.begin(refund.pk, actor=request.actor, now=request.now), request)
    return told_whole(refund.number, request.now)


@change(
    router, "/refunds/{public:number}/ask", 202, RefundWithCredits, RefundNotFound, NotSent, GatewayNotFound
)
def ask_refund(request: ApiRequest, number: str, body: Nothing) -> RefundWithCredits:
    """Ask its gateway now what became of it. It is asked again by itself, too."""
    refund = queries.by_number(number)
    _speak_afterwards(sendings.ask_soon(refund.pk, actor=request.actor, now=request.now), request)
    return told_whole(refund.number, request.now)


@change(
    router,
    "/refunds/{public:number}/end",
    200,
    RefundWithCredits,
    RefundNotFound,
    NotSent,
    TooEarly,
    WrongState,
)
def end_refund(request: ApiRequest, number: str, body: EndSent) -> RefundWithCredits:
    """End by hand what its gateway has said nothing about for a month."""
    refund = queries.by_number(number)
    sendings.end_by_hand(refund.pk, paid=body.paid, reason=body.reason, actor=request.actor, now=request.now)
    return told_whole(refund.number, request.now)
