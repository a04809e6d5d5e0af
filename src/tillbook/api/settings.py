"""The shop's settings that are in effect, for programs that show what may be chosen."""

from __future__ import annotations

from typing import Any, Literal

from ninja import Router
from pydantic import BaseModel, Field, StrictInt

from tillbook.api.edge import ApiRequest
from tillbook.api.endpoints import read, update
from tillbook.api.shapes import Money, Sent
from tillbook.api.versions import check_version
from tillbook.common.actor import Permission
from tillbook.delivery.mail_writing import text_of
from tillbook.numbering.services import NumberGiven, SeriesClash, next_numbers, start
from tillbook.shop.details import PAYEE_FIELDS, CreditPolicy, GiveReason, MailSetting, RefundMethod, Shop
from tillbook.shop.mail_texts import PLACEHOLDERS
from tillbook.shop.policies import shop, version

router = Router(tags=["Settings"])

Asked = Literal["required", "optional", "not_asked"]
Days = Field(description="Whole days after the one it is issued on; null: it never expires.", examples=[90])


class PolicyOut(BaseModel):
    """On what terms credit from one source is issued."""

    source: Literal["overpayment", "return", "manual"]
    refundable: bool
    expires_after_days: int | None = Days
    grace_days: int = Field(description="How long what comes back after its expiry stays usable.")


class GiveReasonOut(BaseModel):
    """Why credit is given by hand, and its terms where none are named."""

    code: str = Field(examples=["goodwill"])
    label: str = Field(examples=["Goodwill"])
    refundable: bool = Field(description="Whether credit for it may be paid out at all.")
    expires_after_days: int | None = Days


class ReturnReasonOut(BaseModel):
    """Why something comes back."""

    code: str = Field(examples=["faulty"])
    label: str = Field(examples=["Faulty or damaged"])


class PayeeFieldsOut(BaseModel):
    """What a refund method asks for."""

    name: Asked
    bank_account: Asked
    paypal_email: Asked
    postal_address: Asked
    reference: Asked


class MethodOut(BaseModel):
    """A way in which the shop pays out, and what it needs of the payee."""

    code: str = Field(examples=["bank_transfer"])
    label: str = Field(examples=["Bank transfer"])
    payee: PayeeFieldsOut


class MailSettingOut(BaseModel):
    """Whether mails of a kind are sent, and their text with its placeholders, if the shop may write it."""

    kind: str = Field(examples=["credit_issued"])
    on: bool
    subject: str | None
    body: str | None


class SettingsOut(BaseModel):
    """The settings in effect. Lists hold what is switched on; older documents may bear other codes."""

    version: int = Field(description="0: nothing was saved, and the environment says all.", examples=[7])
    name: str
    address: str
    email: str
    tax_number: str
    currency: str = Field(examples=["AUD"])
    locale: str = Field(examples=["en_AU"])
    time_zone: str = Field(examples=["Australia/Brisbane"])
    staff_credit_limit: Money
    self_completion_limit: Money
    stale_refund_days: int = Field(
        description="After how many days a refund that nobody took may be cancelled.", examples=[90]
    )
    policies: list[PolicyOut]
    give_reasons: list[GiveReasonOut]
    return_reasons: list[ReturnReasonOut]
    refund_methods: list[MethodOut]
    mails: list[MailSettingOut]
    expiring_days: int = Field(description="Days before credit expires that it is announced.", examples=[14])
    own_page: bool = Field(description="Whether customers have a page of their own.")
    own_page_methods: list[str] = Field(
        description="The refund methods that customers may ask for there.", examples=[["bank_transfer"]]
    )
    link_minutes: int = Field(description="How long a link to such a page works.", examples=[30])
    charge_first: bool = Field(description="Whether what came by card or wallet goes back there first.")
    charge_first_days: int = Field(description="For charges of so many last days.", examples=[180])


@read(router, "/settings", SettingsOut)
def get_settings(request: ApiRequest) -> SettingsOut:
    """The shop's settings: what may be chosen, and the rules that hold."""
    return _told(shop(), version())


def _told(policy: Shop, number: int) -> SettingsOut:
    return SettingsOut(
        version=number, name=policy.name, address=policy.address, email=policy.email,
        tax_number=policy.tax_number, currency=policy.currency, locale=policy.locale,
        time_zone=policy.time_zone.key,
        staff_credit_limit=Money.of(policy.staff_credit_limit_minor, policy.currency),
        self_completion_limit=Money.of(policy.self_completion_limit_minor, policy.currency),
        stale_refund_days=policy.stale_refund_days,
        policies=[_policy(source, each) for source, each in policy.policies.items()],
        give_reasons=[_reason(each, policy) for each in policy.give_reasons.values() if each.on],
        return_reasons=[
            ReturnReasonOut(code=each.code, label=each.label)
            for each in policy.return_reasons.values()
            if each.on
        ],
        refund_methods=[_method(each) for each in policy.methods.values() if each.on],
        mails=[_mail(kind, each) for kind, each in policy.mails.items()],
        expiring_days=policy.expiring_days,
        own_page=policy.own_page,
        own_page_methods=[each.code for each in policy.methods_to_ask_for()],
        link_minutes=policy.link_minutes,
        charge_first=policy.charge_first, charge_first_days=policy.charge_first_days,
    )  # fmt: skip


def _mail(kind: str, setting: MailSetting) -> MailSettingOut:
    text = text_of(kind) if kind in PLACEHOLDERS else None
    return MailSettingOut(
        kind=kind,
        on=setting.on,
        subject=None if text is None else text.subject,
        body=None if text is None else text.body,
    )


def _policy(source: str, policy: CreditPolicy) -> PolicyOut:
    told = {"source": source, "refundable": policy.refundable, "grace_days": policy.grace_days}
    return PolicyOut.model_validate({**told, "expires_after_days": policy.days})


def _reason(reason: GiveReason, policy: Shop) -> GiveReasonOut:
    days = policy.policies["manual"].days if reason.days is None else reason.days
    return GiveReasonOut(
        code=reason.code, label=reason.label, refundable=reason.may_be_paid_out, expires_after_days=days
    )


def _method(method: RefundMethod) -> MethodOut:
    asked = {name.removeprefix("payee_"): method.asks(name).value for name in PAYEE_FIELDS}
    return MethodOut(code=method.code, label=method.label, payee=PayeeFieldsOut.model_validate(asked))


def _next(number: str) -> Any:
    return Field(
        description=f"The digits of the number that comes next: 20001 is {number}.", examples=[20001]
    )


class NumberingOut(BaseModel):
    """Where each series of numbers goes on. Others may take numbers meanwhile."""

    credit: int = _next("CR-20001")
    refund: int = _next("RF-20001")
    rma: int = _next("RMA-20001, and its adjustment note AN-20001")
    payment: int = _next("PAY-20001")
    order: int = _next("SO-20001, for an order that is given no number")
    payout: int = _next("PO-20001")


class NumberingChanged(Sent):
    """Where series shall go on. Those left out stay."""

    credit: StrictInt | None = None
    refund: StrictInt | None = None
    rma: StrictInt | None = None
    payment: StrictInt | None = None
    order: StrictInt | None = None
    payout: StrictInt | None = None


@read(router, "/settings/numbering", NumberingOut, permission=Permission.MANAGE_SETTINGS)
def get_numbering(request: ApiRequest) -> NumberingOut:
    """The number that comes next in each series."""
    return NumberingOut(**next_numbers())


@update(router, "/settings/numbering", NumberingOut, NumberGiven, SeriesClash)
def change_numbering(request: ApiRequest, body: NumberingChanged) -> NumberingOut:
    """Begin series above those of the system before. Numbers only count up, and none is given twice."""
    check_version(request, NumberingOut(**next_numbers()))
    wanted = body.model_dump(exclude_none=True)
    return NumberingOut(**start(wanted, actor=request.actor, now=request.now))
