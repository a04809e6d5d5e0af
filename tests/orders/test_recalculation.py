"""Recalculate: every stored figure against payments and transfers, entry by entry."""

from __future__ import annotations

from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.orders.till import Till, gbp, line
from tests.plans import plan_of
from tillbook.credit.models import Credit
from tillbook.credit.verification import findings as credit_findings
from tillbook.events.models import Event
from tillbook.ledger.models import Account, Balance
from tillbook.ledger.verification import verify
from tillbook.orders.models import Order
from tillbook.orders.recalculation import recalculate


def recalculated(till: Till, *, repair: bool = True):
    return recalculate(till.customer.pk, repair=repair, actor=till.staff, now=till.now)


def told(till: Till, *, repair: bool = True) -> list[tuple[str, str, int, int]]:
    found = recalculated(till, repair=repair)
    return [(each.entry, each.figure, each.stored.minor, each.derived.minor) for each in found.differences]


def test_nothing_differs_after_a_busy_day(till: Till) -> None:
    first, second = till.place(line(1000)), till.place(line(700))
    payment = till.pay(first, 1500)
    till.spend(second, 300)
    till.void(payment)
    till.cancel(second)
    found = recalculated(till)
    # 3 of the customer, 4 of each order, remaining, held and usable of the one credit
    assert (found.compared, found.differences, found.broken, found.repaired) == (14, [], [], False)
    assert not Event.objects.filter(action="customer.recalculated").exists()


def test_a_wrong_owing_is_shown_and_repaired_with_an_event(till: Till) -> None:
    order = till.place(line(100))
    Balance.objects.update(owing_minor=7)
    assert told(till) == [("", "owing", 7, 100)]
    assert till.figures == (0, 0, 100)
    event = Event.objects.get(action="customer.recalculated")
    assert (event.subject, event.customer_id) == ("jo", till.customer.pk)
    assert event.data["differences"] == [["owing", str(gbp(7)), str(gbp(100))]]
    [why] = event.data["explanations"]
    assert (why["verdict"], [each["entry"] for each in why["made_of"]]) == ("documents", [order.number])
    assert told(till) == []


def test_comparing_alone_repairs_nothing(till: Till) -> None:
    till.place(line(100))
    Balance.objects.update(owing_minor=7)
    assert told(till, repair=False) == [("", "owing", 7, 100)]
    assert till.figures == (0, 0, 7)
    assert not Event.objects.filter(action="customer.recalculated").exists()
    recalculated(till)  # the till looks at the book once more when the test is over


def test_a_credit_s_counters_are_repaired_from_its_transfers(till: Till) -> None:
    order = till.place(line(1000))
    till.pay(order, 1600)
    Account.objects.update(posted_minor=999, held_minor=5)
    [credit] = Account.objects.all()
    number = f"CR-{credit.id + 1000}"
    assert told(till) == [(number, "remaining", 999, 600), (number, "held", 5, 0)]
    assert verify().broken == []


def test_an_order_s_sums_are_repaired_from_payments_and_transfers(till: Till) -> None:
    order, other = till.place(line(1000)), till.place(line(500))
    till.pay(order, 1600)
    till.spend(other, 200)
    Order.objects.filter(pk=other.pk).update(credit_used_minor=500, paid_status="fully_paid")
    Order.objects.filter(pk=order.pk).update(received_minor=1700, overpaid_minor=700)
    Balance.objects.update(owing_minor=0)
    assert told(till) == [
        (order.number, "received", 1700, 1600),
        (order.number, "overpaid", 700, 600),
        (other.number, "paid with credit", 500, 200),
        ("", "owing", 0, 300),
    ]
    assert (till.sums(order), till.sums(other)) == ((1600, 0, 600, 0), (0, 200, 0, 300))
    assert till.status(other) == "part_paid"


def test_a_broken_history_is_named_and_nothing_is_repaired(till: Till) -> None:
    order = till.place(line(1000))
    till.pay(order, 1600)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("DROP TRIGGER ledger_transfer_no_change ON ledger_transfer")
        else:
            cursor.execute("DROP TRIGGER ledger_transfer_no_update")
        cursor.execute("UPDATE ledger_transfer SET amount_minor = 700")
    found = recalculated(till)
    assert [(row.seq, row.problem) for row in found.broken] == [
        (1, "was changed: its digest does not follow")
    ]
    assert not found.repaired
    assert till.figures == (600, 0, 0)
    assert not Event.objects.filter(action="customer.recalculated").exists()
    with connection.cursor() as cursor:  # the till looks at the book once more when the test is over
        cursor.execute("UPDATE ledger_transfer SET amount_minor = 600")


def test_a_missing_projection_row_is_made_anew(till: Till) -> None:
    order = till.place(line(1000))
    till.pay(order, 1600)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM ledger_balance")
    assert told(till) == [("", "available", 0, 600)]
    assert till.figures == (600, 0, 0)


def test_comparing_alone_makes_no_missing_row(till: Till) -> None:
    till.place(line(100))
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM ledger_balance")
    assert told(till, repair=False) == [("", "owing", 0, 100)]
    assert Balance.objects.count() == 0
    recalculated(till)  # the till looks at the book once more when the test is over
    assert till.figures == (0, 0, 100)


def test_a_credit_that_is_not_found_when_credit_is_used_is_shown_and_found_again(till: Till) -> None:
    till.pay(till.place(line(1000)), 1500)
    credit = Credit.objects.get()
    Credit.objects.update(usable=False)
    assert [each.problem for each in credit_findings()] == [
        "has something available but is not marked usable"
    ]
    assert told(till) == [(credit.number, "usable", 0, 500)]
    assert Credit.objects.get().usable
    assert (told(till), list(credit_findings())) == ([], [])


def test_other_customers_payments_are_not_read(till: Till) -> None:
    till.pay(till.place(line(100)), 100)
    with CaptureQueriesContext(connection) as asked:
        recalculated(till)
    (statement,) = [each["sql"] for each in asked if "orders_payment" in each["sql"]]
    assert '"orders_payment"."customer_id"' not in statement  # which no index has
    if connection.vendor == "sqlite":  # PostgreSQL chooses by what the tests before left in its statistics
        plan = plan_of(statement)
        assert "orders_payment_order_id" in plan
        assert "SCAN orders_payment" not in plan
