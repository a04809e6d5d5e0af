"""The shop's settings that are in effect, for programs that show what may be chosen."""

from __future__ import annotations

from typing import Literal

from ninja import Router
from pydantic import BaseModel, Field

from tillbook.api.edge import ApiRequest
from tillbook.api.endpoints import read
from tillbook.api.shapes import Money
from tillbook.shop.details import PAYEE_FIELDS, CreditPolicy, GiveReason, RefundMethod, Shop
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
    policies: list[PolicyOut]
    give_reasons: list[GiveReasonOut]
    return_reasons: list[ReturnReasonOut]
    refund_methods: list[MethodOut]


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
        policies=[_policy(source, each) for source, each in policy.policies.items()],
        give_reasons=[_reason(each, policy) for each in policy.give_reasons.values() if each.on],
        return_reasons=[
            ReturnReasonOut(code=each.code, label=each.label)
            for each in policy.return_reasons.values()
            if each.on
        ],
        refund_methods=[_method(each) for each in policy.methods.values() if each.on],
    )  # fmt: skip


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
