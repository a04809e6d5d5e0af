"""What is suggested about an overpayment, keeping one as credit, and who may."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.orders.till import Till, everything, gbp, line
from tillbook.common.actor import Actor, Role, Scope
from tillbook.common.errors import KeyReused, PermissionDenied
from tillbook.common.money import Money
from tillbook.credit.models import Credit, GiveReason
from tillbook.credit.overpaid import DealtWith, count_open, keep
from tillbook.credit.queries import credits_of
from tillbook.credit.services import CreditNotFound, give
from tillbook.customers import services as customers
from tillbook.events.models import Event
from tillbook.orders.models import Order
from tillbook.orders.overpayments import Choice, Overpayment, Why, page

pytestmark = pytest.mark.django_db


@pytest.fixture
def till(staff_actor: Actor, now) -> Till:
    return Till(staff_actor, now)


def overpaid(till: Till, minor: int, total: int = 5_000) -> Order:
    order = till.place(line(total))
    till.pay(order, total + minor)
    return order


def only() -> Overpayment:
    (found,) = page()
    return found


def the_credit(till: Till) -> Credit:
    return credits_of(till.customer.pk)[-1]


def test_nothing_is_known_of_it_so_the_customer_is_asked(till: Till) -> None:
    order = overpaid(till, 700)
    found = only()
    assert (found.why, found.choice, found.order) == (Why.UNCLEAR, Choice.ASK, order)
    assert found.credit.account.available_minor == 700


def test_an_unpaid_order_of_the_same_customer_is_paid(till: Till) -> None:
    overpaid(till, 700)
    oldest = till.place(line(9_000), placed_at=till.now - timedelta(days=2))
    till.place(line(1_000))
    found = only()
    assert (found.why, found.choice) == (Why.UNPAID_ORDER, Choice.PAY)
    assert (found.unpaid, found.pay_minor, found.pays_exactly) == (oldest, 700, False)


def test_the_order_that_owes_exactly_as_much_goes_first(till: Till) -> None:
    overpaid(till, 700)
    till.place(line(9_000), placed_at=till.now - timedelta(days=2))
    exact = till.place(line(700))
    found = only()
    assert (found.unpaid, found.pay_minor, found.pays_exactly) == (exact, 700, True)


def test_no_more_is_suggested_than_the_order_owes(till: Till) -> None:
    overpaid(till, 700)
    till.place(line(300))
    assert only().pay_minor == 300


def test_orders_of_others_and_cancelled_ones_are_not_paid(till: Till) -> None:
    overpaid(till, 700)
    other = customers.add(username="other", currency="GBP", actor=till.staff, now=till.now)
    till.place(line(700), customer_id=other.pk)
    till.cancel(till.place(line(700)))
    till.place(line(700), currency="EUR")
    assert only().why == Why.UNCLEAR


@pytest.mark.parametrize(
    ("again", "days", "why"),
    [
        ({"method": "card"}, 7, Why.PAID_TWICE),
        ({"method": "paypal", "reference": "INV-1"}, 2, Why.PAID_TWICE),
        ({"method": "paypal"}, 2, Why.UNCLEAR),
        ({"method": "card"}, 8, Why.UNCLEAR),
    ],
)
def test_the_same_amount_within_days_is_a_second_payment(till: Till, again, days: int, why: Why) -> None:
    order = till.place(line(5_000), placed_at=till.now - timedelta(days=20))
    first = till.pay(order, 5_000, reference="INV-1", received_at=till.now - timedelta(days=days))
    second = till.pay(order, 5_000, **again)
    found = only()
    assert found.why == why
    assert found.twice == ((first, second) if why == Why.PAID_TWICE else None)


def test_two_equal_instalments_are_no_second_payment(till: Till) -> None:
    order = till.place(line(5_000))
    till.pay(order, 3_000)
    till.pay(order, 3_000)
    assert only().why == Why.UNCLEAR


def test_a_voided_payment_is_no_first_one(till: Till) -> None:
    order = till.place(line(5_000))
    till.void(till.pay(order, 5_000))
    till.pay(order, 10_000)
    assert only().why == Why.UNCLEAR


@pytest.mark.parametrize(("minor", "why"), [(99, Why.ROUNDING), (100, Why.UNCLEAR)])
def test_less_than_a_unit_is_a_rounding_difference(till: Till, minor: int, why: Why) -> None:
    overpaid(till, minor)
    assert only().why == why


def test_a_yen_has_no_smaller_unit_and_nine_are_little_enough(till: Till) -> None:
    order = till.place(line(5_000), currency="JPY")
    till.pay(order, 5_009, amount=Money(5_009, "JPY"))
    assert only().why == Why.ROUNDING


def test_a_cancelled_order_s_money_is_refunded(till: Till) -> None:
    order = till.place(line(5_000))
    till.pay(order, 5_000)
    till.cancel(order)
    assert (only().why, only().choice) == (Why.CANCELLED, Choice.REFUND)


def test_only_what_was_paid_too_much_and_is_available_is_listed(till: Till) -> None:
    give(
        customer_id=till.customer.pk, amount=gbp(300), reason=GiveReason.DEPOSIT, refundable=True,
        expires_at=None, **till.by,
    )  # fmt: skip
    overpaid(till, 700)
    assert count_open(10) == 1
    till.spend(till.place(line(1_000)), 1_000)
    assert (page(), count_open(10)) == ([], 0)


def test_pages_follow_each_other_by_age(till: Till) -> None:
    orders = []
    for days in (1, 3, 2):
        order = till.place(line(5_000), placed_at=till.now - timedelta(days=9))
        till.pay(order, 5_700, received_at=till.now - timedelta(days=days))
        orders.append(order.number)
    first = page(limit=2)
    rest = page(after=first[-1].credit, limit=2)
    assert [each.credit.source_reference for each in first + rest] == [orders[1], orders[2], orders[0]]
    assert count_open(2) == 2


def test_what_is_kept_leaves_the_list_and_moves_no_money(till: Till) -> None:
    overpaid(till, 700)
    credit = the_credit(till)
    before = till.figures
    kept = keep(customer_id=credit.customer_id, credit_id=credit.id, **till.by)
    assert (page(), count_open(10), till.figures) == ([], 0, before)
    assert kept.kept_at == till.now
    event = Event.objects.get(action="credit.kept")
    assert (event.subject, event.data, event.actor_name) == (credit.number, {"amount": "7.00 GBP"}, "staff")


def test_a_second_click_does_nothing_and_a_second_person_is_told(till: Till) -> None:
    overpaid(till, 700)
    credit = the_credit(till)
    by = till.by
    asked = {"customer_id": credit.customer_id, "credit_id": credit.id}
    keep(**asked, **by)
    after = everything()
    assert keep(**asked, **by).kept_at == till.now
    assert everything() == after
    with till.refused(DealtWith):
        keep(**asked, **till.by)


def test_a_key_stands_for_one_overpayment(till: Till) -> None:
    overpaid(till, 700)
    overpaid(till, 800)
    first, second = (each.credit for each in page())
    by = till.by
    keep(customer_id=first.customer_id, credit_id=first.id, **by)
    with till.refused(KeyReused, "key"):
        keep(customer_id=second.customer_id, credit_id=second.id, **by)


def test_what_somebody_spent_meanwhile_can_t_be_kept(till: Till) -> None:
    overpaid(till, 700)
    credit = the_credit(till)
    till.spend(till.place(line(700)), 700)
    with till.refused(DealtWith):
        keep(customer_id=credit.customer_id, credit_id=credit.id, **till.by)


def test_only_an_overpayment_of_that_customer_can_be_kept(till: Till) -> None:
    gift = give(
        customer_id=till.customer.pk, amount=gbp(300), reason=GiveReason.DEPOSIT, refundable=True,
        expires_at=None, **till.by,
    )  # fmt: skip
    with till.refused(CreditNotFound, "credit"):
        keep(customer_id=till.customer.pk, credit_id=gift.id, **till.by)


def test_a_key_that_may_only_read_keeps_nothing(till: Till) -> None:
    overpaid(till, 700)
    credit = the_credit(till)
    reader = Actor("erp", Role.ADMIN, "api", user_id=1, key_id=1, scopes=frozenset({Scope.READ}))
    with till.refused(PermissionDenied):
        keep(customer_id=credit.customer_id, credit_id=credit.id, key="k", actor=reader, now=till.now)
