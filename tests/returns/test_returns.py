"""Returns: capped by what was sold and paid, credited once."""

from __future__ import annotations

from typing import Any

from tests.orders.till import Till, line
from tillbook.common.actor import Actor
from tillbook.common.errors import InvalidInput, KeyReused, WrongState
from tillbook.credit.services import CurrencyMismatch, LimitExceeded
from tillbook.customers import services as customers
from tillbook.orders import queries as orders
from tillbook.orders.lines import ReturnExceedsOrder, ReturnExceedsPaid
from tillbook.orders.models import Order
from tillbook.orders.queries import OrderNotFound
from tillbook.returns import queries, services
from tillbook.returns.models import Rma
from tillbook.returns.services import RmaLineInput

FREE = RmaLineInput(None, "CUP", "A thing", 1, 500)


def paid_order(till: Till) -> Order:
    """Three cups for 10.00, shipping 3.00, surcharge 0.20, all paid."""
    order = till.place(line(1000, quantity=3), shipping_minor=300, surcharge_minor=20)
    till.pay(order, 1320)
    return order


def returned(order: Order) -> tuple[int, int, int]:
    """Pieces and amount of the first line, and the amount of the order, that came back."""
    row = orders.lines_of(order)[0]
    return row.returned_quantity, row.returned_minor, orders.by_number(order.number).returned_minor


def test_a_closed_rma_is_credit_with_an_adjustment_note(till: Till) -> None:
    order = paid_order(till)
    rma = till.open_rma(order, till.back(order, 2, 600), shipping_minor=100, key="o")
    assert till.open_rma(order, till.back(order, 2, 600), shipping_minor=100, key="o").pk == rma.pk
    assert (rma.number, rma.outcome, rma.adjustment_note) == (f"RMA-{rma.pk + 1000}", "awaiting", None)
    assert (returned(order), till.figures) == ((2, 600, 700), (0, 0, 0))
    closed = till.close(rma, key="c")
    assert till.close(rma, key="c").credit_id == closed.credit_id
    assert (closed.status, closed.outcome, closed.closed_at) == ("closed", "credit", till.now)
    assert closed.adjustment_note == f"AN-{rma.pk + 1000}"
    assert till.credits == [(rma.number, 700, 700)]
    with till.refused(WrongState):
        till.close(rma)
    with till.refused(KeyReused, "key"):
        till.close(rma, key="o")


def test_an_amount_left_out_is_the_share_of_the_line_to_the_cent(till: Till) -> None:
    order = paid_order(till)
    totals = [till.open_rma(order, till.back(order, 1, None)).total_minor for _ in range(3)]
    assert totals == [333, 334, 333]


def test_a_line_returns_at_most_what_was_sold_open_rmas_counted(till: Till) -> None:
    order = paid_order(till)
    till.open_rma(order, till.back(order, 2, 667))
    with till.refused(ReturnExceedsOrder, "lines"):
        till.open_rma(order, till.back(order, 2, 100))
    with till.refused(ReturnExceedsOrder, "lines"):
        till.open_rma(order, till.back(order, 0, 334))
    with till.refused(ReturnExceedsOrder, "lines"):
        till.open_rma(order, till.back(order, 0, 200), till.back(order, 0, 134))
    with till.refused(ReturnExceedsOrder, "shipping"):
        till.open_rma(order, shipping_minor=301)
    with till.refused(ReturnExceedsOrder, "surcharge"):
        till.open_rma(order, surcharge_minor=21)


def test_pieces_are_credited_their_share_of_the_line_or_less(till: Till) -> None:
    order = paid_order(till)
    with till.refused(InvalidInput, "lines"):
        till.open_rma(order, till.back(order, 1, 334))
    assert till.open_rma(order, till.back(order, 1, 333)).total_minor == 333
    assert till.open_rma(order, till.back(order, 1, 1)).total_minor == 1


def test_an_order_returns_at_most_what_was_paid(till: Till) -> None:
    order = till.place(line(1000, quantity=2))
    till.pay(order, 600)
    till.open_rma(order, till.back(order, 1, 500))
    with till.refused(ReturnExceedsPaid, "amount"):
        till.open_rma(order, till.back(order, 1, 101))
    assert till.open_rma(order, till.back(order, 1, 100)).total_minor == 100


def test_what_an_order_overpaid_is_not_returned_a_second_time(till: Till) -> None:
    order = till.place(line(1000))
    till.pay(order, 1500)
    till.close(till.open_rma(order, till.back(order, 1, 1000)))
    assert till.figures == (1500, 0, 0)
    with till.refused(ReturnExceedsOrder, "lines"):
        till.open_rma(order, till.back(order, 0, 1))


def test_money_comes_back_without_goods_and_shipping_without_lines(till: Till) -> None:
    order = paid_order(till)
    till.close(till.open_rma(order, till.back(order, 0, 250)))
    assert returned(order) == (0, 250, 250)
    till.close(till.open_rma(order, shipping_minor=300, reason=Rma.Reason.SHIPPING_ONLY))
    assert (returned(order), till.figures) == ((0, 250, 550), (550, 0, 0))


def test_a_return_that_can_not_be_is_refused(till: Till) -> None:
    order, other = paid_order(till), paid_order(till)
    wrong: list[tuple[str, list[Any], dict[str, Any]]] = [
        ("amount", [], {}),
        ("amount", [till.back(order, 1, 0)], {}),
        ("lines", [till.back(order, 1, -1)], {}),
        ("lines", [till.back(order, -1, 1)], {}),
        ("lines", [till.back(order, 1, 10**30)], {}),
        ("lines", [till.back(other, 1, 1)], {}),
        ("lines", [FREE], {}),
        ("shipping", [till.back(order, 1, 1)], {"shipping_minor": -1}),
        ("surcharge", [till.back(order, 1, 1)], {"surcharge_minor": -1}),
        ("reason", [till.back(order, 1, 1)], {"reason": "whim"}),
    ]
    for field, lines, more in wrong:
        with till.refused(InvalidInput, field):
            till.open_rma(order, *lines, **more)
    with till.refused(CurrencyMismatch, "currency"):
        till.open_rma(order, till.back(order, 1, 1), currency="EUR")
    with till.refused(OrderNotFound, "order"):
        till.open_rma(None, order_id=0, shipping_minor=1)


def test_nobody_returns_what_another_customer_bought(till: Till) -> None:
    order = paid_order(till)
    other = customers.add(username="al", currency="GBP", actor=till.staff, now=till.now)
    with till.refused(OrderNotFound, "order"):
        till.open_rma(order, customer_id=other.pk, shipping_minor=1)
    with till.refused(InvalidInput, "lines"):
        till.open_rma(None, till.back(order, 1, 1), customer_id=other.pk)


def test_a_cancelled_order_returns_nothing(till: Till) -> None:
    order = paid_order(till)
    till.cancel(order)
    with till.refused(WrongState):
        till.open_rma(order, till.back(order, 1, 1))


def test_one_return_may_take_from_several_orders(till: Till) -> None:
    first, second = paid_order(till), paid_order(till)
    rma = till.open_rma(None, till.back(first, 1, 300), till.back(second, 2, 600), FREE, document="C1")
    assert (returned(first), returned(second)) == ((1, 300, 300), (2, 600, 600))
    assert [each.pk for each in queries.of_order(first.pk)] == [rma.pk]
    till.close(rma)
    assert till.credits == [(rma.number, 1400, 1400)]
    with till.refused(services.DocumentTaken, "document"):
        till.open_rma(None, FREE, document="C1")


def test_staff_close_without_an_order_up_to_their_limit(till: Till, admin_actor: Actor) -> None:
    much = till.open_rma(None, RmaLineInput(None, "CUP", "", 1, 10_001))
    with till.refused(LimitExceeded):
        till.close(much)
    till.close(much, actor=admin_actor)
    till.close(till.open_rma(None, RmaLineInput(None, "CUP", "", 1, 10_000)))
    assert till.figures == (20_001, 0, 0)


def test_a_cancelled_rma_and_one_without_credit_leave_the_lines_free(till: Till) -> None:
    order = paid_order(till)
    rma = till.open_rma(order, till.back(order, 3, 1000), shipping_minor=300, surcharge_minor=20)
    with till.refused(InvalidInput, "reason"):
        services.cancel(rma.pk, reason="", actor=till.staff, now=till.now)
    for _ in range(2):
        services.cancel(rma.pk, reason="Kept it", actor=till.staff, now=till.now)
    assert returned(order) == (0, 0, 0)
    with till.refused(WrongState):
        till.close(rma)
    rma = till.open_rma(order, till.back(order, 3, 1000), shipping_minor=300, surcharge_minor=20)
    for _ in range(2):
        ended = services.close_without_credit(rma.pk, note="Worn", actor=till.staff, now=till.now)
    assert (ended.status, ended.outcome, ended.credit_id) == ("closed", "no_credit", None)
    assert (returned(order), till.figures) == ((0, 0, 0), (0, 0, 0))
    with till.refused(WrongState):
        services.cancel(rma.pk, reason="Late", actor=till.staff, now=till.now)


def test_a_return_is_not_credited_once_its_payment_is_voided(till: Till) -> None:
    order = till.place(line(1000))
    payment = till.pay(order, 1000)
    rma = till.open_rma(order, till.back(order, 1, 1000))
    till.void(payment)
    with till.refused(ReturnExceedsPaid):
        till.close(rma)
    assert till.figures == (0, 0, 1000)


def test_lists_show_the_newest_first_page_by_page(till: Till) -> None:
    order = paid_order(till)
    numbers = [till.open_rma(order, till.back(order, 0, 10)).number for _ in range(3)]
    till.close(queries.by_number(numbers[0]))
    assert [each.number for each in queries.page(limit=2)] == numbers[:0:-1]
    assert [each.number for each in queries.page(before=numbers[1])] == numbers[:1]
    assert [each.number for each in queries.page(status="closed")] == numbers[:1]
    assert len(queries.of_customer(till.customer.pk)) == 3
