"""Where the shop says so, what came by card or wallet goes back there before it goes elsewhere."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.orders.till import Till, gbp, line
from tests.refunds.charged import ONE, TWO, back, credits, in_cash
from tillbook.common.actor import Actor, Role
from tillbook.credit import services as credit
from tillbook.credit.models import GiveReason
from tillbook.orders.charges import charge_of
from tillbook.orders.models import Payment
from tillbook.refunds import payees
from tillbook.refunds import services as refunds
from tillbook.refunds.charges import ChargeFirst
from tillbook.refunds.models import Refund
from tillbook.refunds.payees import Payee
from tillbook.refunds.unclaimed import cancel
from tillbook.refunds.verification import findings
from tillbook.shop.policies import shop

pytestmark = pytest.mark.django_db
ADMIN = Actor("boss", Role.ADMIN, "test", 99)


@pytest.fixture(autouse=True)
def first(settings, nothing_saved_in_settings):
    """Money goes back to its charge first."""
    from tillbook.shop import policies

    settings.TILLBOOK_SHOP = replace(settings.TILLBOOK_SHOP, charge_first=True)
    policies.forget()
    assert shop().charge_first


@pytest.fixture
def till(staff_actor, now):
    till = Till(staff_actor, now)
    yield till
    till.check_book()
    assert list(findings()) == []


def mixed(till: Till) -> None:
    """A credit of 1,000 of which 300 came by a charge."""
    order = till.place(line(1_000))
    till.pay(order, 700)
    till.pay(order, 300, charge=ONE)
    till.cancel(order)


@pytest.mark.parametrize("method", ["cash", "cheque"])
def test_another_method_is_refused_and_the_charge_and_amount_are_named(till, method):
    till.pay(till.place(line(1_000)), 1_500, charge=ONE)
    payee = Payee("Jo", postal_address="1 Quay Street")
    for actor in (till.staff, ADMIN):
        with till.refused(ChargeFirst, "method"):
            back(till, 500, method=method, payee=payee, actor=actor)
    with pytest.raises(ChargeFirst, match="5.00 GBP of this credit must first go back to the charge ch_1"):
        in_cash(till, 1)
    back(till, 500)


def test_what_did_not_come_by_the_charge_is_free_once_that_has_its_own(till):
    mixed(till)
    with till.refused(ChargeFirst, "method"):
        in_cash(till, 700)
    back(till, 200)
    with pytest.raises(ChargeFirst, match="1.00 GBP"):
        in_cash(till, 700)
    back(till, 100)
    in_cash(till, 700)
    assert till.figures == (0, 1_000, 0)


def test_a_credit_that_came_by_no_charge_is_free(till, admin_actor):
    till.pay(till.place(line(1_000)), 1_500, charge=ONE)
    gift = credit.give(
        customer_id=till.customer.pk, amount=gbp(400), reason=GiveReason.DEPOSIT, refundable=True,
        expires_at=None, key="gift", actor=admin_actor, now=till.now,
    )  # fmt: skip
    in_cash(till, 400, credit_id=gift.id)
    with till.refused(ChargeFirst, "method"):
        in_cash(till, 400)


def test_of_two_charges_each_goes_first(till):
    order = till.place(line(1_000))
    till.pay(order, 600, charge=ONE)
    till.pay(order, 400, charge=TWO)
    till.cancel(order)
    back(till, 600, ONE)
    with pytest.raises(ChargeFirst, match="4.00 GBP of this credit must first go back to the charge CAP2"):
        in_cash(till, 400)
    back(till, 400)


@pytest.mark.parametrize(("days", "refused"), [(179, True), (180, True), (181, False)])
def test_an_old_charge_is_left_alone(till, days, refused):
    received = till.now - timedelta(days=days)
    till.pay(till.place(line(1_000)), 1_500, charge=ONE, received_at=received)
    if refused:
        with till.refused(ChargeFirst, "method"):
            in_cash(till, 500)
    else:
        in_cash(till, 500)


def test_where_it_goes_is_not_changed_away_from_the_charge(till):
    till.pay(till.place(line(1_000)), 1_500, charge=ONE)
    refund = back(till, 500)
    where = {"payee": Payee("Jo"), "payment_date": till.now.date(), "actor": till.staff, "now": till.now}
    with till.refused(ChargeFirst, "method"):
        payees.change(refund.pk, method="cash", note="", **where)
    assert Refund.objects.get().charge == "ch_1"


def test_where_the_gateway_could_not_pay_another_method_may(till):
    till.pay(till.place(line(1_000)), 1_500, charge=ONE)
    refunds.fail(back(till, 500).pk, reason="Card closed", actor=ADMIN, now=till.now)
    in_cash(till, 500)


def test_a_refund_that_an_admin_declined_frees_nothing(till):
    till.pay(till.place(line(1_000)), 1_500, charge=ONE)
    refunds.decline(back(till, 500).pk, reason="Wrong", actor=ADMIN, now=till.now)
    with till.refused(ChargeFirst, "method"):
        in_cash(till, 500)


def test_a_refund_that_nobody_sent_and_was_cancelled_as_unclaimed_frees_nothing(till):
    till.pay(till.place(line(1_000)), 1_500, charge=ONE)
    late = till.now + timedelta(days=shop().stale_refund_days + 1)
    cancel(back(till, 500).pk, actor=ADMIN, now=late)
    with till.refused(ChargeFirst, "method"):
        in_cash(till, 500)
    back(till, 500)


def test_a_voided_payment_asks_for_nothing(till):
    order = till.place(line(1_000))
    payment = till.pay(order, 1_500, charge=ONE)
    till.void(payment)
    till.pay(order, 1_500)
    assert not charge_of(Payment.objects.get(voided_at=None))
    in_cash(till, 500)


def test_a_reversal_pays_nobody_and_asks_for_nothing(till):
    from tillbook.credit.models import ReverseReason

    till.pay(till.place(line(1_000)), 1_500, charge=ONE)
    (overpaid,) = credits(till)
    refunds.request_reversal(
        customer_id=till.customer.pk, credit_id=overpaid.id, reason=ReverseReason.DUPLICATE, **till.by
    )
    assert till.figures == (0, 500, 0)


def test_with_the_gateway_switched_off_it_asks_for_nothing(till, settings):
    from tillbook.shop import policies

    methods = dict(shop().methods)
    methods["gateway"] = replace(methods["gateway"], on=False)
    settings.TILLBOOK_SHOP = replace(shop(), methods=methods)
    policies.forget()
    till.pay(till.place(line(1_000)), 1_500, charge=ONE)
    in_cash(till, 500)
