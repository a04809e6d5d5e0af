"""Reasons and refund methods are the shop's own: what is on is taken, what is off stays in history."""

from __future__ import annotations

from datetime import date, datetime
from io import BytesIO
from typing import Any

import pytest
from pypdf import PdfReader

from tests.shop.conftest import Change
from tillbook.common.actor import Actor
from tillbook.common.errors import InvalidInput, KeyReused
from tillbook.common.findings import Finding
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.credit.models import GiveReason
from tillbook.credit.services import CreditNotRefundable
from tillbook.credit.verification import findings as credit_findings
from tillbook.customers.models import Customer
from tillbook.ledger.models import House
from tillbook.refunds import services as refunds
from tillbook.refunds import slip
from tillbook.refunds.models import Refund
from tillbook.refunds.queries import by_ids
from tillbook.refunds.services import Payee
from tillbook.refunds.verification import findings as refund_findings
from tillbook.returns import services as returns
from tillbook.returns.models import Rma
from tillbook.shop import details
from tillbook.shop.policies import shop
from tillbook.shop.services import save
from tillbook.shop.values import values_of


def test_a_shop_begins_with_the_reasons_and_methods_that_the_program_names():
    assert [each.code for each in details.GIVE_REASONS] == GiveReason.values
    assert [each.label for each in details.GIVE_REASONS] == GiveReason.labels
    assert [(each.code, each.label) for each in details.RETURN_REASONS] == Rma.Reason.choices
    assert [(each.code, each.label) for each in details.REFUND_METHODS] == Refund.Method.choices
    assert set(details.GIVING_HOUSES) <= set(House)
    assert {House.GOODWILL, House.PROMOTIONS} == set(details.NEVER_PAID_OUT)


def broken() -> list[Finding]:
    """What a check of the whole book finds in credits and refunds."""
    return [*credit_findings(), *refund_findings()]


def give(jo: Customer, actor: Actor, now: datetime, reason: str, **more: Any) -> Any:
    terms = {"refundable": False, "expires_at": None, "key": f"k-{reason}", **more}
    return credit.give(
        customer_id=jo.pk, amount=Money(500, "GBP"), reason=reason, actor=actor, now=now, **terms
    )


def test_a_reason_of_the_shop_s_own_is_taken(
    jo: Customer, admin_actor: Actor, now: datetime, set_entry: Change
):
    with pytest.raises(InvalidInput, match="not given for 'birthday'. Use one of goodwill, late_delivery"):
        give(jo, admin_actor, now, "birthday")
    set_entry("give_reasons", "birthday", house="promotions", refundable=False, days=None)
    given = give(jo, admin_actor, now, "birthday")
    assert (given.reason, given.house) == ("birthday", House.PROMOTIONS)


def test_a_reason_that_is_off_is_refused_but_not_to_a_repetition(
    jo: Customer, admin_actor: Actor, now: datetime, set_entry: Change
):
    first = give(jo, admin_actor, now, "deposit", refundable=True)
    set_entry("give_reasons", "deposit", on=False, label="Paid in", house="adjustments", refundable=False)
    assert give(jo, admin_actor, now, "deposit", refundable=True).number == first.number
    with pytest.raises(KeyReused):
        give(jo, admin_actor, now, "deposit", refundable=False)
    with pytest.raises(InvalidInput, match="not given for 'deposit'"):
        give(jo, admin_actor, now, "deposit", key="another")
    assert broken() == []


@pytest.mark.parametrize("house", ["goodwill", "promotions"])
def test_goodwill_and_promotions_never_turn_into_cash(
    house: str, jo: Customer, admin_actor: Actor, now: datetime, set_entry: Change
):
    with pytest.raises(InvalidInput, match="never turn into cash") as refused:
        set_entry("give_reasons", "gift", house=house, refundable=True, days=None)
    assert refused.value.field == "give_reasons.gift.refundable"
    set_entry("give_reasons", "deposit", house=house, refundable=False)
    with pytest.raises(CreditNotRefundable):
        give(jo, admin_actor, now, "deposit", refundable=True)


@pytest.mark.parametrize("name", ["give_reasons", "return_reasons", "methods"])
def test_an_entry_is_switched_off_never_removed(name: str, admin_actor: Actor, now: datetime):
    with pytest.raises(InvalidInput, match="Switch it off instead"):
        save(name, {name: values_of(shop())[name][1:]}, seen=0, actor=admin_actor, now=now)
    off = [{**each, "on": False} for each in values_of(shop())[name]]
    with pytest.raises(InvalidInput, match="at least one"):
        save(name, {name: off}, seen=0, actor=admin_actor, now=now)


@pytest.mark.parametrize(
    ("code", "more", "field"),
    [
        ("Big", {}, "return_reasons.Big.code"),
        ("a" * 21, {}, f"return_reasons.{'a' * 21}.code"),
        ("late", {"label": " "}, "return_reasons.late.label"),
        ("late", {"label": "faulty OR damaged"}, "return_reasons.faulty.label"),
    ],
)
def test_a_wrong_entry_is_named(code: str, more: dict[str, str], field: str, set_entry: Change):
    with pytest.raises(InvalidInput) as refused:
        set_entry("return_reasons", code, **more)
    assert refused.value.field == field


def open_rma(jo: Customer, actor: Actor, now: datetime, reason: str, key: str = "rma") -> Rma:
    lines = [returns.RmaLineInput(None, "LAMP", "", 1, 700)]
    return returns.open_rma(
        customer_id=jo.pk, currency="GBP", order_id=None, lines=lines, reason=reason, key=key, actor=actor,
        now=now,
    )  # fmt: skip


def test_returns_have_reasons_of_the_shop_s_own(
    jo: Customer, admin_actor: Actor, now: datetime, set_entry: Change
):
    set_entry("return_reasons", "too_small", label="Too small")
    rma = open_rma(jo, admin_actor, now, "too_small")
    assert rma.get_reason_display() == "Too small"
    set_entry("return_reasons", "too_small", on=False, label="Did not fit")
    assert open_rma(jo, admin_actor, now, "too_small").pk == rma.pk
    assert rma.get_reason_display() == "Did not fit"
    with pytest.raises(InvalidInput, match="Nothing comes back for 'too_small'. Use one of faulty"):
        open_rma(jo, admin_actor, now, "too_small", "another")
    assert Rma(reason="of_long_ago").get_reason_display() == "Of long ago"


def ask(jo: Customer, actor: Actor, now: datetime, method: str, payee: Payee, key: str = "refund") -> Refund:
    return refunds.request(
        customer_id=jo.pk, amount=Money(100, "GBP"), method=method, payee=payee,
        payment_date=date(2026, 3, 3), key=key, actor=actor, now=now,
    )  # fmt: skip


def fields(**asked: str) -> dict[str, str]:
    return {**dict.fromkeys(details.PAYEE_FIELDS, "not_asked"), "payee_name": "required", **asked}


def test_a_method_of_the_shop_s_own_asks_for_what_it_needs(
    jo: Customer, admin_actor: Actor, now: datetime, set_entry: Change
):
    give(jo, admin_actor, now, "deposit", refundable=True)
    wanted = fields(reference="required", bank_account="optional")
    set_entry("methods", "swish", label="Swish", fields=wanted)
    for payee, field in (
        (Payee("", reference="070"), "payee_name"),
        (Payee("Jo"), "reference"),
        (Payee("Jo", bank_account="12", reference="070"), "bank_account"),
    ):
        with pytest.raises(InvalidInput) as refused:
            ask(jo, admin_actor, now, "swish", payee)
        assert refused.value.field == field
    refund = ask(jo, admin_actor, now, "swish", Payee("Jo", reference="070"))
    assert (refund.get_method_display(), refund.payee_reference) == ("Swish", "070")
    set_entry("methods", "swish", on=False)
    assert ask(jo, admin_actor, now, "swish", Payee("Jo", reference="070")).pk == refund.pk
    with pytest.raises(InvalidInput, match="No refund is paid by 'swish'. Use one of bank_transfer"):
        ask(jo, admin_actor, now, "swish", Payee("Jo", reference="070"), "another")
    assert broken() == []


def test_the_payee_s_name_is_always_asked_for(set_entry: Change):
    with pytest.raises(InvalidInput, match="always asked for"):
        set_entry("methods", "cash", fields=fields(payee_name="not_asked"))
    with pytest.raises(InvalidInput, match="Say required, optional or not_asked"):
        set_entry("methods", "cash", fields={"payee_name": "required"})


def test_a_method_may_leave_the_payee_s_name_open(
    jo: Customer, admin_actor: Actor, now: datetime, set_entry: Change
):
    give(jo, admin_actor, now, "deposit", refundable=True)
    set_entry("methods", "cash", fields=fields(payee_name="optional"))
    refund = ask(jo, admin_actor, now, "cash", Payee())
    [page] = PdfReader(BytesIO(slip.render(by_ids([refund.pk])))).pages
    assert "Payee\nJo\n" in page.extract_text()
