"""What a checkout does with credit, for orders of the shop and for other references."""

from __future__ import annotations

import pytest

from tillbook.common.errors import InvalidInput, KeyReused, WrongState
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.credit.models import GiveReason
from tillbook.credit.queries import balance_of
from tillbook.customers import services as customers
from tillbook.events.models import Event
from tillbook.ledger.book import HoldAlreadyResolved
from tillbook.ledger.verification import verify
from tillbook.orders import checkout, services
from tillbook.orders.recalculation import recalculate

pytestmark = pytest.mark.django_db


@pytest.fixture
def by(admin_actor, now):
    return {"actor": admin_actor, "now": now}


@pytest.fixture
def jo(by):
    """Jo has 50.00 of credit."""
    jo = customers.add(username="jo", currency="GBP", **by)
    credit.give(
        customer_id=jo.pk, amount=gbp(50_00), reason=GiveReason.DEPOSIT, refundable=True, expires_at=None,
        key="g", **by,
    )  # fmt: skip
    return jo


def gbp(minor: int) -> Money:
    return Money(minor, "GBP")


def order_of(customer, minor, by, number="WEB-1"):
    line = services.LineInput("A", "", 1, minor)
    return services.place(
        customer_id=customer.pk, currency="GBP", lines=[line], number=number, key=f"o-{number}", **by
    )


def held(customer, minor, by, key="h"):
    return checkout.hold(customer_id=customer.pk, amount=gbp(minor), reference="WEB-1", key=key, **by)


def sums(order):
    order.refresh_from_db()
    return order.credit_used_minor, order.owing_minor


def agrees(customer, by) -> bool:
    """Whether the stored figures are those of the history, and the book is sound."""
    result = recalculate(customer.pk, repair=False, **by)
    return not result.differences and not result.broken and not verify().broken


def test_what_an_order_no_longer_owes_at_the_capture_goes_back(jo, by):
    order = order_of(jo, 30_00, by)
    held(jo, 30_00, by)
    services.receive_payment(order.pk, amount=gbp(20_00), method="card", received_at=by["now"], key="p", **by)
    checkout.capture(customer_id=jo.pk, hold_key="h", key="c", **by)
    assert sums(order) == (10_00, 0)
    assert balance_of(jo.pk, "GBP").available_minor == 40_00
    assert agrees(jo, by)


def test_a_capture_sent_again_pays_once(jo, by):
    order = order_of(jo, 30_00, by)
    held(jo, 30_00, by)
    first = checkout.capture(customer_id=jo.pk, hold_key="h", amount=gbp(25_00), key="c", **by)
    assert checkout.capture(customer_id=jo.pk, hold_key="h", amount=gbp(25_00), key="c", **by) == first
    assert sums(order) == (25_00, 5_00)
    assert agrees(jo, by)


def balances(customer):
    row = balance_of(customer.pk, "GBP")
    return row.available_minor, row.held_minor, row.owing_minor


def test_cancelling_an_order_releases_every_hold_for_it_and_no_other(jo, by):
    order = order_of(jo, 30_00, by)
    held(jo, 10_00, by)
    held(jo, 12_00, by, key="h2")
    held(jo, 5_00, by, key="captured")
    checkout.capture(customer_id=jo.pk, hold_key="captured", key="c", **by)
    checkout.hold(customer_id=jo.pk, amount=gbp(3_00), reference="WEB-2", key="other", **by)
    assert balances(jo) == (20_00, 25_00, 25_00)
    services.cancel(order.pk, reason="gone", key="x", **by)
    services.cancel(order.pk, reason="gone", key="x", **by)
    assert balances(jo) == (47_00, 3_00, 0)
    event = Event.objects.get(action="order.cancelled")
    assert (event.data["credit_released"], event.data["credit_given_back"]) == ("22.00 GBP", "5.00 GBP")
    assert agrees(jo, by)


def test_a_hold_that_ended_with_its_order_can_be_neither_captured_nor_released(jo, by):
    order = order_of(jo, 30_00, by)
    first = held(jo, 30_00, by)
    services.cancel(order.pk, reason="gone", key="x", **by)
    with pytest.raises(WrongState):
        checkout.capture(customer_id=jo.pk, hold_key="h", key="c", **by)
    with pytest.raises(HoldAlreadyResolved):
        checkout.release(customer_id=jo.pk, hold_key="h", key="r", **by)
    with pytest.raises(WrongState):
        held(jo, 1_00, by, key="h2")
    assert held(jo, 30_00, by) == first
    assert balances(jo) == (50_00, 0, 0)
    assert agrees(jo, by)


def test_a_hold_of_several_credits_is_released_as_a_whole(jo, by):
    credit.give(
        customer_id=jo.pk, amount=gbp(20_00), reason=GiveReason.DEPOSIT, refundable=True, expires_at=None,
        key="g2", **by,
    )  # fmt: skip
    order = order_of(jo, 70_00, by)
    assert len(held(jo, 60_00, by)) == 2
    services.cancel(order.pk, reason="gone", key="x", **by)
    assert balances(jo) == (70_00, 0, 0)
    assert Event.objects.get(action="order.cancelled").data["credit_released"] == "60.00 GBP"
    assert agrees(jo, by)


def test_released_credit_whose_payment_was_voided_is_taken_back(jo, by):
    paid = order_of(jo, 10_00, by, "WEB-2")
    pay = {"amount": gbp(40_00), "method": "card", "received_at": by["now"]}
    payment = services.receive_payment(paid.pk, key="p", **pay, **by)
    order = order_of(jo, 80_00, by)
    held(jo, 80_00, by)
    assert services.void_payment(payment.pk, reason="bounced", key="v", **by).missing_minor == 30_00
    assert balances(jo) == (0, 80_00, 120_00)
    services.cancel(order.pk, reason="gone", key="x", **by)
    assert balances(jo) == (50_00, 0, 10_00)
    assert agrees(jo, by)


def test_a_hold_in_another_currency_than_the_order_pays_nothing_of_it(jo, by):
    euros = Money(9_00, "EUR")
    credit.give(
        customer_id=jo.pk, amount=euros, reason=GiveReason.DEPOSIT, refundable=True, expires_at=None,
        key="e", **by,
    )  # fmt: skip
    checkout.hold(customer_id=jo.pk, amount=euros, reference="WEB-1", key="h", **by)
    order = order_of(jo, 30_00, by)
    with pytest.raises(credit.CurrencyMismatch):
        checkout.capture(customer_id=jo.pk, hold_key="h", key="c", **by)
    assert sums(order) == (0, 30_00)
    services.cancel(order.pk, reason="gone", key="x", **by)
    assert balance_of(jo.pk, "EUR").held_minor == 9_00
    checkout.release(customer_id=jo.pk, hold_key="h", key="r", **by)
    assert balance_of(jo.pk, "EUR").available_minor == 9_00
    assert agrees(jo, by)


def test_credit_spent_before_its_order_came_pays_it(jo, by):
    checkout.spend(customer_id=jo.pk, amount=gbp(12_00), reference="WEB-1", key="s", **by)
    order = order_of(jo, 30_00, by)
    assert sums(order) == (12_00, 18_00)
    assert agrees(jo, by)


def test_what_was_done_before_its_order_came_is_answered_again(jo, by):
    spent = {"customer_id": jo.pk, "amount": gbp(12_00), "reference": "WEB-1", "key": "s", **by}
    first = checkout.spend(**spent)
    held(jo, 5_00, by)
    ended = {"customer_id": jo.pk, "hold_key": "h", "key": "c", **by}
    captured = checkout.capture(**ended)
    back = {"customer_id": jo.pk, "currency": "GBP", "reference": "WEB-1", "amount": gbp(2_00), "key": "r"}
    restored = checkout.restore(**back, **by)
    order = order_of(jo, 30_00, by)
    assert (checkout.spend(**spent), checkout.capture(**ended), checkout.restore(**back, **by)) == (
        first, captured, restored,
    )  # fmt: skip
    taking = credit.Taking(jo.pk, gbp(12_00), "WEB-1", "s")
    assert checkout.spend_many([taking], **by) == [first]
    with pytest.raises(KeyReused):
        checkout.spend(**(spent | {"amount": gbp(11_00)}))
    assert sums(order) == (15_00, 15_00)
    assert agrees(jo, by)


def test_what_was_spent_before_beyond_the_orders_total_goes_back(jo, by):
    checkout.spend(customer_id=jo.pk, amount=gbp(42_00), reference="WEB-1", key="s", **by)
    order = order_of(jo, 30_00, by)
    assert sums(order) == (30_00, 0)
    assert balance_of(jo.pk, "GBP").available_minor == 20_00
    assert agrees(jo, by)


def test_an_order_in_another_currency_than_the_credit_that_paid_it_is_refused(jo, by):
    checkout.spend(customer_id=jo.pk, amount=gbp(1_00), reference="WEB-1", key="s", **by)
    line = services.LineInput("A", "", 1, 30_00)
    with pytest.raises(credit.CurrencyMismatch):
        services.place(customer_id=jo.pk, currency="EUR", lines=[line], number="WEB-1", key="o", **by)


def test_another_customers_order_takes_no_credit(jo, by):
    order_of(customers.add(username="al", currency="GBP", **by), 30_00, by)
    for take in (checkout.spend, checkout.hold):
        with pytest.raises(InvalidInput):
            take(customer_id=jo.pk, amount=gbp(1_00), reference="WEB-1", key="s", **by)
    assert balance_of(jo.pk, "GBP").available_minor == 50_00


def test_a_document_that_later_bears_another_customers_number_is_ended_all_the_same(jo, by):
    """Jo's checkout calls its cart WEB-1; Ann's order WEB-1 comes later."""
    checkout.spend(customer_id=jo.pk, amount=gbp(10_00), reference="WEB-1", key="s", **by)
    held(jo, 5_00, by)
    held(jo, 4_00, by, key="h2")
    captured = checkout.capture(customer_id=jo.pk, hold_key="h2", key="c2", **by)
    ann = customers.add(username="ann", currency="GBP", **by)
    order = order_of(ann, 10_00, by)
    assert checkout.capture(customer_id=jo.pk, hold_key="h2", key="c2", **by) == captured
    checkout.capture(customer_id=jo.pk, hold_key="h", key="c", **by)
    restored = {"customer_id": jo.pk, "currency": "GBP", "reference": "WEB-1"}
    first = checkout.restore(**restored, amount=gbp(10_00), key="r", **by)
    assert checkout.restore(**restored, amount=gbp(10_00), key="r", **by) == first
    assert balance_of(jo.pk, "GBP").available_minor == 41_00
    assert sums(order) == (0, 10_00)
    with pytest.raises(InvalidInput, match="another customer's"):
        checkout.spend(customer_id=jo.pk, amount=gbp(1_00), reference="WEB-1", key="s2", **by)
    assert agrees(jo, by) and agrees(ann, by)


def test_a_hold_sent_again_after_the_order_was_paid_gets_its_first_answer(jo, by):
    order = order_of(jo, 30_00, by)
    first = held(jo, 30_00, by)
    services.receive_payment(order.pk, amount=gbp(30_00), method="card", received_at=by["now"], key="p", **by)
    assert held(jo, 30_00, by) == first


def test_the_key_of_one_order_s_restoring_stands_for_no_other(jo, by):
    for number in ("WEB-1", "WEB-2"):
        order_of(jo, 10_00, by, number=number)
        checkout.spend(customer_id=jo.pk, amount=gbp(10_00), reference=number, key=f"s{number}", **by)
    first = checkout.restore(customer_id=jo.pk, currency="GBP", reference="WEB-1", key="r", **by)
    assert checkout.restore(customer_id=jo.pk, currency="GBP", reference="WEB-1", key="r", **by) == first
    with pytest.raises(KeyReused):
        checkout.restore(customer_id=jo.pk, currency="GBP", reference="WEB-2", key="r", **by)
    assert agrees(jo, by)


def test_all_of_what_credit_paid_is_restored(jo, by):
    order = order_of(jo, 30_00, by)
    checkout.spend(customer_id=jo.pk, amount=gbp(30_00), reference="WEB-1", key="s", **by)
    parts = checkout.restore(customer_id=jo.pk, currency="GBP", reference="WEB-1", key="r", **by)
    assert [part.amount_minor for part in parts] == [30_00]
    assert sums(order) == (0, 30_00)
    with pytest.raises(credit.MoreThanSpent):
        checkout.restore(customer_id=jo.pk, currency="GBP", reference="WEB-1", key="r2", **by)
    assert agrees(jo, by)
