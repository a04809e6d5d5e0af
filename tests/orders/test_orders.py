"""Orders: exact sums after each change, and nothing after a refusal."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.orders.till import Till, gbp, line
from tillbook.common.errors import InvalidInput, KeyReused, WrongState
from tillbook.common.money import Money
from tillbook.credit.services import CurrencyMismatch, InsufficientCredit
from tillbook.customers.queries import CustomerNotFound
from tillbook.events.models import Event
from tillbook.orders import checkout, queries, services
from tillbook.orders.lines import BelowReturned, version_of
from tillbook.orders.models import Order, OrderLine, Payment
from tillbook.orders.queries import OrderNotFound
from tillbook.returns import services as returns


def test_a_placed_order_is_owed(till: Till) -> None:
    order = till.place(line(1000), line(550, quantity=3), shipping_minor=400, surcharge_minor=50)
    assert order.total_minor == 2000
    assert order.number == f"SO-{order.pk + 1000}"
    assert till.status(order) == Order.PaidStatus.PENDING
    assert till.figures == (0, 0, 2000)
    assert [row.position for row in queries.lines_of(order)] == [1, 2]


def test_the_same_order_sent_twice_is_one_order(till: Till) -> None:
    first = till.place(line(1000), number="N1", key="k")
    assert till.place(line(1000), number="N1", key="k").pk == first.pk
    assert till.figures == (0, 0, 1000)
    with till.refused(KeyReused, "key"):
        till.place(line(1001), number="N1", key="k")


def test_a_number_is_taken_once(till: Till) -> None:
    till.place(line(1000), number="N1")
    with till.refused(services.NumberTaken, "number"):
        till.place(line(1000), number="N1")


def test_an_order_that_could_not_be_sold_is_refused(till: Till) -> None:
    wrong: list[tuple[str, list[Any], dict[str, Any]]] = [
        ("lines", [], {}),
        ("lines", [line(-1)], {}),
        ("lines", [line(1, quantity=0)], {}),
        ("lines", [line(10**30)], {}),
        ("lines", [line(1, sku=" ")], {}),
        ("lines", [line(1, line_id=1)], {}),
        ("shipping", [line(1)], {"shipping_minor": -1}),
        ("number", [line(1)], {"number": "SO-1001"}),
        ("number", [line(1)], {"number": ""}),
        ("currency", [line(1)], {"currency": "XYZ"}),
        ("placed_at", [line(1)], {"placed_at": till.now + timedelta(seconds=1)}),
    ]
    for field, lines, more in wrong:
        with till.refused(InvalidInput, field):
            till.place(*lines, **more)
    with till.refused(CustomerNotFound, "customer"):
        till.place(line(1), customer_id=0)


def test_payments_move_an_order_through_its_paid_statuses(till: Till) -> None:
    order = till.place(line(1000))
    till.pay(order, 400)
    assert (till.status(order), till.figures) == (Order.PaidStatus.PART_PAID, (0, 0, 600))
    till.pay(order, 600)
    assert (till.status(order), till.figures) == (Order.PaidStatus.FULLY_PAID, (0, 0, 0))
    till.pay(order, 1)
    assert (till.status(order), till.figures) == (Order.PaidStatus.OVER_PAID, (1, 0, 0))
    assert till.sums(order) == (1001, 0, 1, 0)


def test_a_payment_sent_twice_is_one_payment(till: Till) -> None:
    order = till.place(line(1000))
    assert till.pay(order, 1500, key="k").pk == till.pay(order, 1500, key="k").pk
    assert till.credits == [(order.number, 500, 500)]
    with till.refused(KeyReused, "key"):
        till.pay(order, 1501, key="k")


def test_a_key_of_the_longest_length_serves_the_steps_inside_too(till: Till) -> None:
    order = till.place(line(1000), key="p" * 200)
    till.pay(order, 1500, key="k" * 200)
    till.pay(order, 1500, key="k" * 200)
    assert till.figures == (500, 0, 0)


def test_a_payment_that_can_not_be_is_refused(till: Till) -> None:
    order = till.place(line(1000))
    with till.refused(CurrencyMismatch, "amount"):
        till.pay(order, 1, amount=Money(1, "EUR"))
    for minor in (0, -1, 10**30):
        with till.refused(InvalidInput, "amount"):
            till.pay(order, minor)
    with till.refused(InvalidInput, "received_at"):
        till.pay(order, 1, received_at=till.now + timedelta(seconds=1))
    with till.refused(InvalidInput, "method"):
        till.pay(order, 1, method="barter")
    with till.refused(OrderNotFound, "order"):
        till.pay(Order(pk=0), 1)


def test_what_a_return_gave_back_is_not_given_back_again(till: Till) -> None:
    till.pay(till.place(line(1_000)), 3_000)  # 20.00 of credit
    order = till.place(line(1_000), line(1_000))
    till.spend(order, 2_000)
    till.close(till.open_rma(order, till.back(order, 1, 1_000)))
    asked = {"customer_id": till.customer.pk, "currency": "GBP", "reference": order.number}
    with pytest.raises(services.OrderHasReturns):
        checkout.restore(**asked, **till.by)
    with pytest.raises(services.OrderHasReturns):
        checkout.restore(**asked, amount=gbp(1_001), **till.by)
    assert till.figures[0] == 1_000
    checkout.restore(**asked, amount=gbp(1_000), **till.by)
    assert till.figures[0] == 2_000


def test_an_edit_below_what_was_paid_makes_credit_at_once(till: Till) -> None:
    order = till.place(line(1000), line(500, sku="POT"), shipping_minor=300)
    till.pay(order, 1800)
    first = queries.lines_of(order)[0]
    till.edit(order, line(700, line_id=first.pk), line(200, sku="LID"), shipping_minor=100, key="e")
    till.edit(order, line(700, line_id=first.pk), line(200, sku="LID"), shipping_minor=100, key="e")
    assert till.sums(order) == (1800, 0, 800, 0)
    assert till.credits == [(order.number, 800, 800)]
    assert [(row.sku, row.amount_minor) for row in queries.lines_of(order)] == [("CUP", 700), ("LID", 200)]


def test_an_edit_above_what_was_paid_is_owed(till: Till) -> None:
    order = till.place(line(1000))
    till.pay(order, 1000)
    till.edit(order, line(1250))
    assert (till.status(order), till.figures) == (Order.PaidStatus.PART_PAID, (0, 0, 250))


def test_an_order_made_smaller_by_mistake_and_larger_again_is_paid_as_before(till: Till) -> None:
    order = till.place(line(10_000))
    till.pay(order, 10_000)
    till.edit(order, line(6_000))
    assert till.credits == [(order.number, 4_000, 4_000)]
    till.edit(order, line(10_000))
    assert till.credits == [(order.number, 4_000, 0)]
    assert (till.sums(order), till.figures) == ((10_000, 0, 0, 0), (0, 0, 0))
    edited = Event.objects.filter(action="order.edited").order_by("pk").last()
    assert edited is not None
    assert edited.data["overpayment_taken_back"] == "40.00 GBP"


def test_an_order_made_larger_owes_what_its_overpayment_paid_elsewhere(till: Till) -> None:
    order, other = till.place(line(10_000)), till.place(line(3_000))
    till.pay(order, 10_000)
    till.edit(order, line(6_000))
    till.spend(other, 3_000)
    till.edit(order, line(10_000))
    assert till.sums(order) == (10_000, 0, 3_000, 3_000)
    assert till.sums(other) == (0, 3_000, 0, 0)
    assert till.figures == (0, 0, 3_000)


def test_an_edit_can_not_go_below_what_was_returned(till: Till) -> None:
    order = till.place(line(1000, quantity=2), line(100, sku="POT"), shipping_minor=300, surcharge_minor=20)
    till.pay(order, 1420)
    till.open_rma(order, till.back(order, 1, 500), shipping_minor=200, surcharge_minor=10)
    cup, pot = (row.pk for row in queries.lines_of(order))
    extras = {"shipping_minor": 300, "surcharge_minor": 20}
    with till.refused(BelowReturned, "lines"):
        till.edit(order, line(499, quantity=2, line_id=cup), **extras)
    with till.refused(BelowReturned, "lines"):
        till.edit(order, line(100, line_id=pot), **extras)
    with till.refused(BelowReturned, "shipping"):
        till.edit(order, line(1000, quantity=2, line_id=cup), shipping_minor=199, surcharge_minor=20)
    with till.refused(BelowReturned, "surcharge"):
        till.edit(order, line(1000, quantity=2, line_id=cup), shipping_minor=200, surcharge_minor=9)
    till.edit(order, line(500, quantity=1, line_id=cup), shipping_minor=200, surcharge_minor=10)
    assert till.figures == (710, 0, 0)


def test_an_edit_naming_lines_wrongly_is_refused(till: Till) -> None:
    order, other = till.place(line(1000)), till.place(line(1000))
    mine, theirs = (OrderLine.objects.get(order=each).pk for each in (order, other))
    for lines in ([line(1, line_id=theirs)], [line(1, line_id=mine), line(2, line_id=mine)], []):
        with till.refused(InvalidInput, "lines"):
            till.edit(order, *lines)


def test_a_line_named_by_a_cancelled_return_stays(till: Till) -> None:
    order = till.place(line(1000), line(100, sku="POT"))
    till.pay(order, 1100)
    rma = till.open_rma(order, till.back(order, 1, 1000))
    returns.cancel(rma.pk, reason="Kept it", actor=till.staff, now=till.now)
    pot = queries.lines_of(order)[1].pk
    with till.refused(BelowReturned, "lines"):
        till.edit(order, line(100, sku="POT", line_id=pot))


def test_credit_pays_at_most_what_is_owing(till: Till) -> None:
    till.pay(till.place(line(100)), 1100)
    order = till.place(line(600))
    with till.refused(services.MoreThanOwing, "amount"):
        till.spend(order, 601)
    till.spend(order, 250, key="s")
    till.spend(order, 250, key="s")
    assert till.sums(order) == (0, 250, 0, 350)
    assert till.figures == (750, 0, 350)
    assert [(part.amount_minor) for part in queries.credit_paid(order)] == [250]


def test_credit_that_is_not_there_pays_nothing(till: Till) -> None:
    till.pay(till.place(line(100)), 150)
    order = till.place(line(600))
    with till.refused(InsufficientCredit, "amount"):
        till.spend(order, 51)
    with till.refused(CurrencyMismatch, "amount"):
        till.spend(order, 1, amount=Money(1, "EUR"))
    with till.refused(InvalidInput, "amount"):
        till.spend(order, 0)


def test_staff_may_choose_which_credits_pay(till: Till) -> None:
    till.pay(till.place(line(100)), 400)
    till.pay(till.place(line(100)), 600)
    order = till.place(line(600))
    old, new = sorted(queries.overpayment_credits(each)[0].id for each in queries.of_customer(till.customer.pk)
                      if each.overpaid_minor)  # fmt: skip
    till.spend(order, 450, credits={new: 400, old: 50})
    assert [issued_left[1:] for issued_left in till.credits] == [(300, 250), (500, 100)]


def test_a_cancelled_order_takes_no_credit_and_stays_as_it_is(till: Till) -> None:
    order = till.place(line(1000))
    payment = till.pay(order, 100)
    till.cancel(order, key="c")
    till.cancel(order, key="c")
    assert till.sums(order) == (100, 0, 100, 0)
    assert till.figures == (100, 0, 0)
    with till.refused(WrongState):
        till.cancel(order)
    with till.refused(WrongState):
        till.spend(order, 1)
    with till.refused(WrongState):
        till.edit(order, line(1))
    voided = till.void(payment)
    assert (voided.taken_back_minor, voided.missing_minor) == (100, 0)
    assert till.figures == (0, 0, 0)


def test_cancelling_needs_a_reason(till: Till) -> None:
    order = till.place(line(1000))
    with till.refused(InvalidInput, "reason"):
        till.cancel(order, reason=" ")


def test_an_overpaid_order_cancelled_gives_only_the_rest(till: Till) -> None:
    order = till.place(line(1000))
    till.pay(order, 1300)
    till.cancel(order)
    assert till.credits == [(order.number, 300, 300), (order.number, 1000, 1000)]
    assert till.sums(order) == (1300, 0, 1300, 0)


def test_an_order_made_smaller_larger_and_smaller_again_gives_each_amount_once(till: Till) -> None:
    order = till.place(line(10_000))
    till.pay(order, 10_000)
    for total in (6_000, 10_000, 6_000):
        till.edit(order, line(total))
    till.spend(till.place(line(1_000)), 1_000)
    till.cancel(order)
    assert [available for _, _, available in till.credits] == [0, 3_000, 6_000]


def test_an_order_with_a_return_can_not_be_cancelled(till: Till) -> None:
    order = till.place(line(1000))
    till.pay(order, 1000)
    till.open_rma(order, till.back(order, 1, 400))
    with till.refused(services.OrderHasReturns):
        till.cancel(order)


def test_a_payment_is_voided_once(till: Till) -> None:
    order = till.place(line(1000))
    payment = till.pay(order, 1000)
    first, again = till.void(payment, key="v"), till.void(payment, key="v")
    assert (first.taken_back_minor, first.missing_minor) == (0, 0)
    assert (again.payment.pk, again.taken_back_minor, again.missing_minor) == (payment.pk, 0, 0)
    assert (till.status(order), till.figures) == (Order.PaidStatus.PENDING, (0, 0, 1000))
    with till.refused(WrongState, "payment"):
        till.void(payment)
    with till.refused(queries.PaymentNotFound, "payment"):
        till.void(Payment(pk=0))


def test_voiding_takes_back_no_more_than_the_excess_that_went(till: Till) -> None:
    order = till.place(line(1000))
    till.pay(order, 1200)
    second = till.pay(order, 500)
    voided = till.void(second)
    assert (voided.taken_back_minor, voided.missing_minor) == (500, 0)
    assert till.sums(order) == (1200, 0, 200, 0)
    assert till.figures == (200, 0, 0)


def test_a_cancelled_order_still_owes_spent_credit_whose_payment_was_voided(till: Till) -> None:
    order, other = till.place(line(1000)), till.place(line(700))
    payment = till.pay(order, 1000)
    till.cancel(order)
    till.spend(other, 700)
    voided = till.void(payment)
    assert (voided.taken_back_minor, voided.missing_minor) == (300, 700)
    assert till.figures == (0, 0, 700)
    till.pay(order, 700)
    assert till.figures == (0, 0, 0)
    assert till.sums(order) == (700, 0, 700, 0)


def test_lists_find_orders_by_number_username_and_paid_status(till: Till) -> None:
    orders = [till.place(line(100), number=f"N{each}") for each in range(5)]
    till.pay(orders[0], 100)
    till.cancel(orders[4])
    assert [each.number for each in queries.page(limit=2)] == ["N4", "N3"]
    assert [each.number for each in queries.page(before="N3")] == ["N2", "N1", "N0"]
    assert [each.number for each in queries.page(q="n0")] == ["N0"]
    assert len(queries.page(q="JO")) == 5
    assert [each.number for each in queries.page(paid_status="pending")] == ["N3", "N2", "N1"]


def test_an_edit_from_a_page_that_somebody_overtook_is_refused(till: Till) -> None:
    order = till.place(line(1000))
    [first] = queries.lines_of(order)
    seen = version_of(order)
    till.edit(order, line(1000, line_id=first.pk), line(5000), seen=seen)
    with till.refused(services.StaleEdit):
        till.edit(order, line(900, line_id=first.pk), seen=seen)
    event = Event.objects.filter(action="order.edited").get()
    assert event.data["lines"] == [
        [["CUP", 1, "10.00 GBP"]],
        [["CUP", 1, "10.00 GBP"], ["CUP", 1, "50.00 GBP"]],
    ]


@pytest.mark.parametrize("number", ["RF-1002", "CR-1001", "RMA-1001", "AN-1001", "SO-1001", "rf-1002"])
def test_numbers_of_the_programs_own_series_are_refused(till: Till, number: str) -> None:
    with till.refused(InvalidInput, "number"):
        till.place(line(100), number=number)


def test_values_of_the_wrong_kind_are_refused_by_name(till: Till) -> None:
    order = till.place(line(100))
    with till.refused(InvalidInput, "lines"):
        till.place(line(10.5))
    with till.refused(InvalidInput, "shipping"):
        till.place(line(100), shipping_minor=1.5)
    with till.refused(InvalidInput, "placed_at"):
        till.place(line(100), placed_at=till.now.replace(tzinfo=None))
    with till.refused(InvalidInput, "received_at"):
        till.pay(order, 100, received_at=till.now.replace(year=1))
    with till.refused(InvalidInput, "reference"):
        till.pay(order, 100, reference="a\0b")


def test_the_credits_of_an_order_are_read_by_the_order_not_by_the_customer(
    till: Till, django_assert_num_queries: Any
) -> None:
    """However many credits the customer has had."""
    own = till.place(line(1000))
    till.pay(own, 1000)
    till.pay(own, 300)
    for _ in range(30):
        till.pay(till.place(line(100)), 150)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    till.pay(own, 200)
    with django_assert_num_queries(2) as asked:
        found = queries.overpayment_credits(own)
    assert [(each.issued_minor, each.account.available_minor) for each in found] == [(300, 300), (200, 200)]
    assert [each.id for each in found] == sorted(each.id for each in found)
    which, looked_up = (query["sql"] for query in asked.captured_queries)
    assert "ORDER BY" not in which, "an order may lead the database through all there are"
    assert "ledger_account" not in which
    assert all(str(each.id) in looked_up for each in found)
    assert queries.overpayment_credits(till.place(line(100))) == []


def test_changed_lines_are_written_without_comparing_each_with_all(till: Till) -> None:
    order = till.place(*(line(100, sku=f"S{place}") for place in range(200)))
    till.pay(order, 20_000)
    rows = queries.lines_of(order)
    with CaptureQueriesContext(connection) as asked:
        till.edit(order, *(line(90, sku=f"T{each.position}", line_id=each.pk) for each in rows))
        back = [returns.RmaLineInput(each.pk, each.sku, "", 1, 7) for each in rows]
        till.open_rma(order, *back)
    assert not any("CASE" in query["sql"] for query in asked.captured_queries)
    changed = queries.lines_of(order)
    assert [(each.sku, each.amount_minor) for each in changed] == [(f"T{n}", 90) for n in range(1, 201)]
    assert [(each.returned_quantity, each.returned_minor) for each in changed] == [(1, 7)] * 200


def test_money_that_comes_after_an_order_was_cancelled_is_credit(till: Till) -> None:
    order = till.place(line(1000))
    till.cancel(order)
    late = till.pay(order, 1000)
    assert till.sums(order) == (1000, 0, 1000, 0)
    assert till.figures == (1000, 0, 0)
    assert till.pay(order, 1000, key="again") != late
    till.void(late)
    assert till.sums(order) == (1000, 0, 1000, 0)
    assert till.figures == (1000, 0, 0)
    till.check_book()


def test_a_note_that_no_page_could_show_is_refused(till: Till) -> None:
    order = till.place(line(1_000))
    for note in ("a\0b", "x" * 10_001):
        with till.refused(InvalidInput, "note"):
            till.place(line(1_000), note=note)
        with till.refused(InvalidInput, "note"):
            till.edit(order, line(1_000), note=note)
