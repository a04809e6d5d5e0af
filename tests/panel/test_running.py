"""The running history of a customer: what moved their credit, from where, by whom, and what was there after."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.test import Client

from tests.panel.test_customers import text, words_of
from tests.panel.test_files import table
from tests.panel.test_ways import pay, place, spend
from tillbook.common.actor import Actor
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.credit.models import Credit, GiveReason
from tillbook.customers.models import Customer
from tillbook.ledger.models import Balance
from tillbook.orders import services as orders
from tillbook.refunds import services as refunds
from tillbook.refunds.payees import Payee
from tillbook.refunds.unclaimed import cancel


@pytest.fixture
def moved(maria: Customer, deposit: Credit, staff_actor: Actor, now: datetime) -> Customer:
    """120.00 given, 15.00 spent on N100, that given back, 10.00 overpaid on N101."""
    for number, minor in (("N100", 4_000), ("N101", 2_000)):
        place(maria, number, minor, staff_actor, now)
    spend(maria, "N100", 1_500, staff_actor, now + timedelta(hours=1))
    order = orders.Order.objects.get(number="N100")
    later = now + timedelta(hours=2)
    orders.cancel(order.pk, reason="No stock", key="cancel", actor=staff_actor, now=later)
    pay("N101", 3_000, staff_actor, now + timedelta(hours=3))
    return maria


def rows(client: Client, path: str) -> str:
    return words_of(
        text(client, path).split('id="running-title"')[-1].split("<tbody>")[-1].split("</tbody>")[0]
    )


def test_each_line_says_what_and_from_where_and_by_whom_and_the_balance_after(
    as_staff: Client, moved: Customer
):
    day = "2 Mar 2026"
    assert rows(as_staff, "/customers/maria/running-history/") == (
        f"{day} Overpayment of order N101 CR-1002 staff £10.00 £130.00 "
        f"{day} Given back from N100 CR-1001 staff £15.00 £120.00 "
        f"{day} Paid N100 CR-1001 staff −£15.00 £105.00 "
        f"{day} Given by hand Deposit or money received without an order CR-1001 admin £120.00 £120.00"
    )
    assert rows(as_staff, "/customers/maria/running-history/") in words_of(
        text(as_staff, "/customers/maria/")
    )


@pytest.mark.parametrize("is_unclaimed", [True, False])
def test_what_a_refund_had_paid_out_is_credit_again_and_not_given_by_hand(
    as_staff: Client,
    deposit: Credit,
    staff_actor: Actor,
    admin_actor: Actor,
    now: datetime,
    is_unclaimed: bool,
):
    refund = refunds.request(
        customer_id=deposit.customer_id, amount=Money(2_000, "GBP"), method="cash", payee=Payee("Maria Holt"),
        payment_date=now.date(), key="r", actor=staff_actor, now=now,
    )  # fmt: skip
    refunds.complete(refund.pk, actor=admin_actor, now=now)
    if is_unclaimed:
        cancel(refund.pk, actor=admin_actor, now=now + timedelta(days=91))
    else:
        refunds.fail(refund.pk, reason="Wrong", actor=admin_actor, now=now + timedelta(days=91))
    shown = rows(as_staff, "/customers/maria/running-history/")
    assert shown.startswith(
        f"1 Jun 2026 Credit again from refund {refund.number} CR-1001 admin £20.00 £120.00"
    )
    assert "came back" not in shown
    page = text(as_staff, f"/credits/{deposit.number}/")
    assert "Refund is credit again" in page and "Payment came back" not in page
    page = text(as_staff, "/customers/maria/")
    assert "Credit of a refund given back" in page and "paid out came back" not in page


def test_a_page_in_the_middle_goes_on_with_its_own_balance(
    as_staff: Client, moved: Customer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("tillbook.panel.running_views._PAGE_SIZE", 2)
    path = "/customers/maria/running-history/"
    following = as_staff.get(path).context["page"].next_key
    assert following == "CR-1001/3"
    shown = rows(as_staff, f"{path}?after={following}")
    assert shown.startswith("2 Mar 2026 Paid N100 CR-1001 staff −£15.00 £105.00 ")
    assert "Next page" not in text(as_staff, f"{path}?after={following}")


@pytest.mark.parametrize("key", ["CR-1001/99", "CR-9/1", "x", "CR-1001/" + "9" * 30])
def test_a_key_that_names_no_line_is_not_found(as_staff: Client, moved: Customer, key: str):
    assert as_staff.get(f"/customers/maria/running-history/?after={key}").status_code == 404


def test_a_balance_that_does_not_begin_at_nothing_is_said_so(as_staff: Client, moved: Customer):
    path = "/customers/maria/running-history/"
    assert "does not begin at nothing" not in text(as_staff, path)
    Balance.objects.filter(customer_id=moved.pk).update(available_minor=13_001)
    assert "does not begin at nothing" in text(as_staff, path)


def test_other_currencies_have_their_own(
    as_staff: Client, moved: Customer, admin_actor: Actor, now: datetime
):
    credit.give(
        customer_id=moved.pk, amount=Money(700, "EUR"), reason=GiveReason.GOODWILL, refundable=False,
        expires_at=None, key="e", actor=admin_actor, now=now,
    )  # fmt: skip
    path = "/customers/maria/running-history/?currency="
    assert rows(as_staff, f"{path}EUR").endswith("€7.00 €7.00")
    assert "€" not in rows(as_staff, f"{path}GBP")
    assert as_staff.get(f"{path}USD").status_code == 404


def test_it_is_there_as_a_file(as_staff: Client, moved: Customer):
    found = table(as_staff, "/customers/maria/running-history.csv?currency=GBP")
    assert [(row["document"], row["amount"], row["balance"]) for row in found] == [
        ("N101", "10.00", "130.00"), ("N100", "15.00", "120.00"), ("N100", "-15.00", "105.00"),
        ("", "120.00", "120.00"),
    ]  # fmt: skip
