"""Recalculate explains itself: over a book that was tampered with, behind the program's back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.orders.till import Till, gbp, line
from tillbook.common.actor import Actor, Role
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.credit.explaining import Explanation, Step
from tillbook.credit.models import Credit
from tillbook.customers import services as customers
from tillbook.customers.models import Customer
from tillbook.events.models import Event
from tillbook.ledger.models import Account, Balance, Verification
from tillbook.ledger.verification import verify
from tillbook.orders.models import Order
from tillbook.orders.recalculation import recalculate
from tillbook.refunds import services as refunds
from tillbook.staff.models import User


def place(till: Till, minor: int) -> Order:
    """An order with a number that is the same on every database: N1, N2, ..."""
    return till.place(line(minor), number=f"N{Order.objects.count() + 1}")


def later(till: Till, days: int = 1) -> None:
    till.now += timedelta(days=days)


def explained(till: Till, *, repair: bool = True) -> dict[tuple[str, str], Explanation]:
    """(entry, figure) -> why it differs."""
    found = recalculate(till.customer.pk, repair=repair, actor=till.staff, now=till.now)
    pairs = zip(found.differences, found.explanations, strict=True)
    return {(each.entry, each.figure): why for each, why in pairs}


def short(step: Step | None) -> tuple[str, int | None, str, int, str, str] | None:
    return step and (step.entry, step.seq, step.what, step.amount.minor, step.reference, step.who)


def credit_of(till: Till, minor: int = 1000) -> Credit:
    """A credit from an order overpaid by that much."""
    order = place(till, 500)
    till.pay(order, 500 + minor)
    return Credit.objects.get(customer_id=till.customer.pk, source_reference=order.number)


def tamper(statement: str) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ALTER TABLE ledger_transfer DISABLE TRIGGER USER")
        else:
            cursor.execute("DROP TRIGGER IF EXISTS ledger_transfer_no_update")
            cursor.execute("DROP TRIGGER IF EXISTS ledger_transfer_no_delete")
        cursor.execute(statement)


def test_a_projection_put_back_names_the_first_transfer_that_is_missing_in_it(till: Till) -> None:
    made = credit_of(till)
    order = place(till, 900)
    stood = Balance.objects.values_list("available_minor", "held_minor").get()
    began = till.now
    later(till)
    till.spend(order, 300)
    spent_at = till.now
    later(till)
    till.spend(order, 200)
    later(till)
    Balance.objects.update(available_minor=stood[0], held_minor=stood[1])
    why = explained(till)["", "available"]
    assert short(why.agrees) == (made.number, 1, "issued", 1000, "N1", "staff")
    assert short(why.parting) == (made.number, 2, "spent", 300, "N2", "staff")
    assert (why.agrees and why.agrees.at, why.parting and why.parting.at) == (began, spent_at)
    assert (why.missed, why.since and why.since.at, why.until) == (2, spent_at, till.now)
    assert explained(till) == {}


def test_counters_put_back_are_wrong_since_the_newest_transfer(till: Till) -> None:
    made = credit_of(till)
    order = place(till, 900)
    later(till)
    till.spend(order, 300)
    till.spend(order, 200)
    Account.objects.update(posted_minor=1000)
    why = explained(till)[made.number, "remaining"]
    assert (why.verdict, short(why.parting)) == (
        "misses",
        (made.number, 2, "spent", 300, "N2", "staff"),
    )
    assert why.since and (why.since.at, why.since.by) == (till.now, "newest")


def test_a_hold_that_came_back_does_not_hide_the_last_moment_that_agrees(till: Till) -> None:
    made = credit_of(till)
    book = {"customer_id": till.customer.pk, "amount": gbp(400), "reference": "W1"}
    held = till.by
    credit.hold(**book, **held)
    later(till)
    credit.release(customer_id=till.customer.pk, hold_key=held["key"], **till.by)
    later(till)
    credit.spend(**book, **till.by)
    Balance.objects.update(available_minor=1000)
    why = explained(till)["", "available"]
    assert short(why.agrees) == (made.number, 3, "released", 400, "W1", "staff")
    assert short(why.parting) == (made.number, 4, "spent", 400, "W1", "staff")


def test_a_figure_that_never_was_names_the_newest_transfer_of_all_credits(till: Till) -> None:
    credit_of(till)
    later(till)
    other = credit_of(till, 700)
    Balance.objects.update(available_minor=123)
    why = explained(till)["", "available"]
    assert (why.verdict, why.parting) == ("outside", None)
    assert short(why.newest) == (other.number, 1, "issued", 700, "N2", "staff")


def test_a_projection_without_one_credit_names_that_credit(till: Till) -> None:
    credit_of(till)
    lost = credit_of(till, 700)
    credit_of(till, 50)
    Balance.objects.update(available_minor=1050)
    why = explained(till)["", "available"]
    assert (why.verdict, short(why.parting)) == (
        "left_out",
        (lost.number, 1, "issued", 700, "N2", "staff"),
    )


def test_who_is_the_person_of_the_key_s_event_by_the_name_they_had_then(till: Till) -> None:
    made = credit_of(till)
    user_id = User.objects.create(username="renamed", role="staff").pk
    clerk = Actor("clerk", Role.STAFF, "test", user_id)
    later(till)
    till.spend(place(till, 900), 300, actor=clerk)
    Balance.objects.update(available_minor=1000)
    why = explained(till)["", "available"]
    assert short(why.parting) == (made.number, 2, "spent", 300, "N2", "clerk")
    assert why.parting and why.parting.actor == f"user:{user_id}"


def test_a_repair_and_then_a_check_narrow_the_time(till: Till) -> None:
    credit_of(till)
    later(till)
    Balance.objects.update(available_minor=1)
    explained(till)
    repaired_at = till.now
    later(till)
    Balance.objects.update(available_minor=2)
    why = explained(till, repair=False)["", "available"]
    assert why.since and (why.since.at, why.since.by) == (repaired_at, "repair")
    check = {"depth": "sums", "started_by": "cli", "ranges": [], "started_at": till.now}
    Verification.objects.create(**check, finished_at=till.now, broken=1)
    Verification.objects.create(**check)
    why = explained(till, repair=False)["", "available"]
    assert why.since and (why.since.at, why.since.by) == (repaired_at, "repair")
    checked(till)
    why = explained(till)["", "available"]
    assert why.since and (why.since.at, why.since.by) == (till.now, "check")


def checked(till: Till, depth: str = "sums") -> None:
    """A check of the book that found nothing, now."""
    Verification.objects.create(
        depth=depth, started_by="cli", ranges=[], started_at=till.now, finished_at=till.now
    )


def test_a_check_of_sums_says_nothing_of_digests(till: Till) -> None:
    credit_of(till)
    for depth in ("full", "sums"):
        later(till)
        checked(till, depth)
    kept = list(connection_rows())
    tamper("UPDATE ledger_transfer SET reference = 'X'")
    [told] = recalculate(till.customer.pk, repair=True, actor=till.staff, now=till.now).breaks
    assert told.since and (told.since.at, told.since.by) == (till.now - timedelta(days=1), "check")
    put_back(kept)


def test_a_check_says_nothing_of_what_was_overpaid(till: Till) -> None:
    credit_of(till)
    paid_at = till.now
    later(till)
    checked(till)
    Order.objects.update(overpaid_minor=0, received_minor=0)
    why = explained(till)
    assert (since := why["N1", "overpaid"].since) and (since.at, since.by) == (paid_at, "parting")
    assert (since := why["N1", "received"].since) and (since.at, since.by) == (till.now, "check")


def test_currencies_are_explained_each_by_its_own_credits(till: Till) -> None:
    made = credit_of(till)
    later(till)
    euros = till.place(line(500), number="E1", currency="EUR")
    till.pay(euros, 700, amount=Money(700, "EUR"))
    Balance.objects.filter(currency="GBP").update(available_minor=999)
    why = explained(till)["", "available"]
    assert short(why.newest) == (made.number, 1, "issued", 1000, "N1", "staff")


def test_a_credit_not_marked_usable_is_available_since_a_transfer(till: Till) -> None:
    made = credit_of(till)
    order = place(till, 1000)
    till.spend(order, 1000)
    later(till)
    till.cancel(order)
    Credit.objects.update(usable=False)
    why = explained(till)[made.number, "usable"]
    assert (why.verdict, short(why.parting)) == (
        "unmarked",
        (made.number, 3, "restored", 1000, "N2", "staff"),
    )


def test_what_is_owing_names_the_orders_and_who_changed_each_last(till: Till) -> None:
    first, second = place(till, 500), place(till, 300)
    till.pay(place(till, 40), 40)
    later(till)
    till.pay(first, 100)
    Balance.objects.update(owing_minor=1)
    why = explained(till)["", "owing"]
    assert (why.verdict, why.parts) == ("documents", 2)
    assert [short(step) for step in why.made_of] == [
        (second.number, None, "order placed, owing", 300, "", "staff"),
        (first.number, None, "payment received, owing", 400, "", "staff"),
    ]
    Balance.objects.update(owing_minor=400)
    why = explained(till)["", "owing"]
    assert (why.verdict, why.parting and why.parting.entry) == ("left_out", second.number)


def test_a_username_that_is_also_an_order_s_number_has_no_part_in_it(till: Till) -> None:
    place(till, 500)
    Customer.objects.update(username="N1")
    later(till)
    customers.update_account(
        till.customer.pk, credit_limit_minor=5, on_credit_hold=True, actor=till.staff, now=till.now
    )
    Balance.objects.update(owing_minor=7)
    [step] = explained(till)["", "owing"].made_of
    assert short(step) == ("N1", None, "order placed, owing", 500, "", "staff")


def test_the_longest_username_stands_in_the_repair_s_event_as_far_as_it_fits(till: Till) -> None:
    Customer.objects.update(username="W" * 150)
    place(till, 500)
    Balance.objects.update(owing_minor=7)
    assert list(explained(till)) == [("", "owing")]
    assert Event.objects.get(action="customer.recalculated").subject == "W" * 60


def test_an_order_s_money_is_explained_by_its_payments_and_voids(till: Till) -> None:
    order = place(till, 1000)
    first = till.pay(order, 400, reference="A1")
    later(till)
    till.pay(order, 250)
    later(till)
    boss = Actor("boss", Role.ADMIN, "test", 99)
    till.void(first, actor=boss)
    Order.objects.update(received_minor=650)
    why = explained(till)[order.number, "received"]
    assert short(why.agrees) == (order.number, None, "payment received", 250, "", "staff")
    assert short(why.parting) == (order.number, None, "payment voided", 400, "A1", "boss")
    assert [step.what for step in why.made_of] == ["payment received", "payment received", "payment voided"]


def test_an_order_s_credit_is_explained_by_its_transfers(till: Till) -> None:
    made = credit_of(till)
    order = place(till, 900)
    till.spend(order, 300)
    later(till)
    till.spend(order, 200)
    Order.objects.filter(pk=order.pk).update(credit_used_minor=300)
    why = explained(till)[order.number, "paid with credit"]
    assert (why.verdict, short(why.parting)) == (
        "misses",
        (made.number, 3, "spent", 200, order.number, "staff"),
    )


def test_an_order_s_overpayment_is_explained_by_the_credit_it_became(till: Till) -> None:
    made = credit_of(till)
    Order.objects.update(overpaid_minor=0)
    why = explained(till)["N1", "overpaid"]
    assert (why.verdict, short(why.parting)) == (
        "misses",
        (made.number, 1, "issued", 1000, "N1", "staff"),
    )


def test_an_order_s_reversed_credit_is_explained_by_its_capture(till: Till) -> None:
    made = credit_of(till)
    boss = Actor("boss", Role.ADMIN, "test", 99)
    paid_out = refunds.request(
        customer_id=till.customer.pk, amount=gbp(200), method="cash", payee=refunds.Payee("Jo"),
        payment_date=till.now.date(), **till.by,
    )  # fmt: skip
    refunds.complete(paid_out.pk, actor=boss, now=till.now)
    asked = refunds.request_reversal(
        customer_id=till.customer.pk, credit_id=made.id, reason="duplicate", note="", **till.by
    )
    later(till)
    refunds.complete(asked.pk, actor=boss, now=till.now)
    Order.objects.update(reversed_minor=400)
    why = explained(till)["N1", "reversed"]
    assert why.parts == 1
    assert (why.verdict, short(why.newest)) == (
        "outside",
        (made.number, 5, "captured", 800, asked.number, "boss"),
    )


@pytest.mark.parametrize(
    ("statement", "around"),
    [
        ("UPDATE ledger_transfer SET amount_minor = 301 WHERE seq = 2", (1, 2, 3)),
        ("DELETE FROM ledger_transfer WHERE seq = 2", (1, None, 3)),
        ("DELETE FROM ledger_transfer WHERE seq = 3", (2, None, None)),
        ("UPDATE ledger_account SET transfers = 2", (3, None, None)),
    ],
)
def test_a_broken_history_shows_what_stands_around_it(till: Till, statement: str, around) -> None:
    made = credit_of(till)
    order = place(till, 900)
    later(till)
    till.spend(order, 300)
    later(till)
    till.spend(order, 200)
    stood = Balance.objects.values().get()
    kept = list(connection_rows())
    tamper(statement)
    found = recalculate(till.customer.pk, repair=True, actor=till.staff, now=till.now)
    [told] = found.breaks
    assert told.entry == made.number
    assert tuple(each and each.seq for each in (told.sound, told.row, told.following)) == around
    assert told.sound and told.sound.who == "staff"
    assert not found.repaired
    assert {why.verdict for why in found.explanations} <= {"broken"}
    assert Balance.objects.values().get() == stood
    put_back(kept)


def test_transfers_whose_account_is_gone_are_a_broken_history(till: Till) -> None:
    made = credit_of(till)
    kept = Account.objects.values().get()
    stood = Balance.objects.values().get()
    tamper("DELETE FROM ledger_account")
    found = recalculate(till.customer.pk, repair=True, actor=till.staff, now=till.now)
    assert [(each.entry, each.seq, each.problem) for each in found.breaks] == [
        (made.number, 1, "belongs to no account")
    ]
    assert not found.repaired
    assert Balance.objects.values().get() == stood
    Account.objects.create(**kept)
    assert verify().broken == []


def connection_rows() -> list[tuple[str, list[tuple[object, ...]]]]:
    with connection.cursor() as cursor:
        tables = []
        for table in ("ledger_transfer", "ledger_account"):
            cursor.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3")
            tables.append((table, cursor.fetchall()))
        return tables


def put_back(tables: list[tuple[str, list[tuple[object, ...]]]]) -> None:
    """The till looks at the book once more when the test is over."""
    with connection.cursor() as cursor:
        for table, rows in tables:
            cursor.execute(f"DELETE FROM {table}")
            for row in rows:
                cursor.execute(f"INSERT INTO {table} VALUES ({', '.join(['%s'] * len(row))})", row)


def test_explaining_reads_nothing_where_nothing_differs(till: Till) -> None:
    credit_of(till)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert explained(till) == {}
    read = " ".join(query["sql"] for query in queries)
    assert "ledger_transfer" in read
    for table in ("events_event", "staff_user", "ledger_verification"):
        assert table not in read
