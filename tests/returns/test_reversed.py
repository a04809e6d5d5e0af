"""A return's credit reversed as a mistake: the goods count as sold again, once all of it is reversed."""

from __future__ import annotations

from datetime import date, timedelta
from io import BytesIO

import pytest
from pypdf import PdfReader

from tests.orders.till import Till, gbp, line
from tillbook.common.actor import Actor
from tillbook.credit import services as credit
from tillbook.credit.models import Credit, GiveReason, ReverseReason
from tillbook.credit.queries import credits_of_document
from tillbook.events.models import Event
from tillbook.orders import queries as orders
from tillbook.orders.imports import SoldLine
from tillbook.orders.lines import ReturnExceedsOrder
from tillbook.orders.models import Order, OrderLine
from tillbook.orders.services import OrderHasReturns
from tillbook.refunds import services as refunds
from tillbook.refunds.models import Refund
from tillbook.returns import imports, note, queries, verification
from tillbook.returns.models import Rma


@pytest.fixture
def order(till: Till) -> Order:
    """Three cups for 10.00 and shipping 3.00, all paid."""
    order = till.place(line(1000, quantity=3), shipping_minor=300)
    till.pay(order, 1300)
    return order


def credited(till: Till, order: Order) -> Rma:
    return till.close(till.open_rma(order, till.back(order, 3, None), shipping_minor=100))


def reverse(till: Till, admin: Actor, each: Credit) -> Refund:
    asked = refunds.request_reversal(
        customer_id=till.customer.pk, credit_id=each.id, reason=ReverseReason.DUPLICATE, **till.by
    )
    return refunds.complete(asked.pk, actor=admin, now=till.now)


def own_credits(till: Till, rma: Rma) -> list[Credit]:
    return credits_of_document(till.customer.pk, rma.number)


def returned(order: Order) -> tuple[int, int, int, int]:
    """Pieces and amount of the first line, shipping, and all of the order that is returned."""
    row, now = orders.lines_of(order)[0], orders.by_number(order.number)
    return row.returned_quantity, row.returned_minor, now.returned_shipping_minor, now.returned_minor


def outcome(rma: Rma) -> str:
    return queries.by_number(rma.number).outcome


def test_the_goods_may_be_returned_again_once_the_whole_credit_is_reversed(
    till: Till, order: Order, admin_actor: Actor
) -> None:
    rma = credited(till, order)
    assert returned(order) == (3, 1000, 100, 1100)
    till.now += timedelta(hours=1)
    [wrong] = own_credits(till, rma)
    done = reverse(till, admin_actor, wrong)
    assert (outcome(rma), returned(order)) == ("reversed", (0, 0, 0, 0))
    assert queries.by_number(rma.number).reversed_at == till.now
    assert refunds.complete(done.pk, actor=admin_actor, now=till.now).pk == done.pk
    [event] = Event.objects.filter(action="rma.credit_reversed")
    assert (event.subject, event.actor_name, event.data["amount"]) == (rma.number, "admin", "11.00 GBP")
    again = credited(till, order)
    assert [each.refundable for each in own_credits(till, again)] == [True]
    assert till.figures == (1100, 0, 0)
    assert list(verification.findings()) == []


def test_a_reversal_that_waits_or_is_declined_leaves_the_return_as_it_was(
    till: Till, order: Order, admin_actor: Actor
) -> None:
    rma = credited(till, order)
    [wrong] = own_credits(till, rma)
    asked = refunds.request_reversal(
        customer_id=till.customer.pk, credit_id=wrong.id, reason=ReverseReason.DUPLICATE, **till.by
    )
    assert (outcome(rma), returned(order)) == ("credit", (3, 1000, 100, 1100))
    refunds.decline(asked.pk, reason="No", actor=admin_actor, now=till.now)
    assert (outcome(rma), returned(order)) == ("credit", (3, 1000, 100, 1100))
    assert list(verification.findings()) == []


def test_what_was_spent_keeps_the_claim_until_it_came_back_and_is_reversed_too(
    till: Till, order: Order, admin_actor: Actor
) -> None:
    rma = credited(till, order)
    [wrong] = own_credits(till, rma)
    other = till.place(line(400))
    till.spend(other, 400)
    reverse(till, admin_actor, wrong)
    assert (outcome(rma), returned(order)) == ("credit", (3, 1000, 100, 1100))
    with till.refused(ReturnExceedsOrder, "lines"):
        till.open_rma(order, till.back(order, 1, None))
    assert list(verification.findings()) == []
    till.cancel(other)
    reverse(till, admin_actor, wrong)
    assert (outcome(rma), returned(order)) == ("reversed", (0, 0, 0, 0))
    assert till.figures == (0, 0, 0)


def test_both_credits_of_a_return_are_reversed_before_it_lets_go(till: Till, admin_actor: Actor) -> None:
    credit.give(
        customer_id=till.customer.pk, amount=gbp(400), reason=GiveReason.GOODWILL, refundable=False,
        expires_at=None, **till.by,
    )  # fmt: skip
    order = till.place(line(1000))
    till.spend(order, 400)
    till.pay(order, 600)
    rma = till.close(till.open_rma(order, till.back(order, 1, None)))
    cash, tied = own_credits(till, rma)
    reverse(till, admin_actor, tied)
    assert outcome(rma) == "credit"
    reverse(till, admin_actor, cash)
    assert (outcome(rma), returned(order)) == ("reversed", (0, 0, 0, 0))
    again = till.close(till.open_rma(order, till.back(order, 1, None)))
    assert [(each.issued_minor, each.refundable) for each in own_credits(till, again)] == [
        (600, True),
        (400, False),
    ]


def test_an_order_whose_return_was_reversed_can_be_cancelled_and_pays_back_once(
    till: Till, order: Order, admin_actor: Actor
) -> None:
    rma = credited(till, order)
    with till.refused(OrderHasReturns):
        till.cancel(order)
    [wrong] = own_credits(till, rma)
    reverse(till, admin_actor, wrong)
    till.cancel(order)
    assert till.figures == (1300, 0, 0)
    refunds.request(
        customer_id=till.customer.pk, amount=gbp(1300), method=Refund.Method.CASH, payee=refunds.Payee("Jo"),
        payment_date=date(2026, 3, 2), **till.by,
    )  # fmt: skip


def test_a_return_of_several_orders_lets_go_of_each(till: Till, order: Order, admin_actor: Actor) -> None:
    second = till.place(line(600, quantity=2))
    till.pay(second, 600)
    rma = till.close(till.open_rma(None, till.back(order, 1, None), till.back(second, 1, None)))
    [wrong] = own_credits(till, rma)
    reverse(till, admin_actor, wrong)
    assert (returned(order), returned(second)) == ((0, 0, 0, 0), (0, 0, 0, 0))


def test_a_return_taken_over_from_another_system_lets_go_as_well(
    till: Till, order: Order, admin_actor: Actor
) -> None:
    till.now += timedelta(days=1)
    past = imports.PastReturn("C-1", till.customer.pk, "GBP", till.now, [_sold(order)], "import-1")
    imports.take_over_closed([past], actor=till.staff, now=till.now)
    rma = Rma.objects.get(document="C-1")
    assert list(verification.findings()) == []
    [wrong] = own_credits(till, rma)
    reverse(till, admin_actor, wrong)
    assert (outcome(rma), returned(order)) == ("reversed", (0, 0, 0, 0))


def _sold(order: Order) -> SoldLine:
    row = orders.lines_of(order)[0]
    return SoldLine(row.sku, row.description, 1, 300)


def test_the_note_of_a_reversed_return_is_void(till: Till, order: Order, admin_actor: Actor) -> None:
    rma = credited(till, order)
    [wrong] = own_credits(till, rma)
    reverse(till, admin_actor, wrong)
    made = note.of(queries.by_number(rma.number))
    assert made.number == rma.adjustment_note
    [page] = [page.extract_text() for page in PdfReader(BytesIO(note.render(made))).pages]
    assert "VOID" in page
    assert "The credit was given by mistake and taken back: this note is void." in page


@pytest.mark.parametrize(
    ("table", "change", "problem"),
    [
        (OrderLine, {"returned_quantity": 2}, "has lines that count other returns than its RMAs"),
        (OrderLine, {"returned_minor": 999}, "has lines that count other returns than its RMAs"),
        (Order, {"returned_minor": 999}, "has a sum of returns that its RMAs do not give"),
        (Order, {"returned_shipping_minor": 99}, "has a sum of returns that its RMAs do not give"),
        (Rma, {"total_minor": 1099}, "has other credits than its outcome says"),
        (Rma, {"outcome": "no_credit"}, "has other credits than its outcome says"),
        (Rma, {"outcome": "reversed"}, "has an outcome that the reversals of its credits do not give"),
    ],
)
def test_a_return_changed_behind_the_programs_back_is_found(
    till: Till, order: Order, table: type[Order], change: dict[str, object], problem: str
) -> None:
    credited(till, order)
    assert list(verification.findings()) == []
    before = list(table.objects.values(*change))
    table.objects.update(**change)
    assert problem in [each.problem for each in verification.findings()]
    table.objects.update(**before[0])
