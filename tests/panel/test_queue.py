"""Sales Orders > Refunds: the queue's filters, its selection, print and export."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import datetime
from io import BytesIO

import pytest
from django.test import Client
from pypdf import PdfReader

from tillbook.common.actor import Actor
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.credit.models import Credit, GiveReason, ReverseReason
from tillbook.credit.queries import balance_of
from tillbook.customers.models import Customer
from tillbook.panel import files
from tillbook.refunds import services as refunds
from tillbook.refunds.models import Refund


def figures(customer: Customer) -> tuple[int, int]:
    """Available and held, in pence."""
    balance = balance_of(customer.pk, "GBP")
    return balance.available_minor, balance.held_minor


def test_completing_a_selection_gives_each_refund_its_own_outcome(
    as_admin: Client, maria: Customer, request_refund: Callable[..., Refund]
):
    chosen = [request_refund(1_000, key=f"r{each}").pk for each in range(3)]
    as_admin.post("/refunds/RF-1002/decline/", {"reason": "Wrong payee"})
    shown = as_admin.post("/refunds/complete/", {"selected": [*chosen, "nonsense"]}).content.decode()
    assert "2 of 3 marked as paid and complete" in shown
    assert "RF-1002 is already declined" in shown
    assert [refund.status for refund in Refund.objects.order_by("pk")] == [
        "completed",
        "declined",
        "completed",
    ]
    assert figures(maria) == (10_000, 0)


def test_an_empty_selection_says_so(as_admin: Client, db: None):
    for path in ("/refunds/complete/", "/refunds/slips.pdf"):
        assert "Select at least one refund" in as_admin.post(path, follow=True).content.decode()


def test_the_queue_shows_what_waits_unless_asked_otherwise(
    as_admin: Client, request_refund: Callable[..., Refund]
):
    request_refund(1_000, key="a")
    request_refund(2_000, key="b")
    as_admin.post("/refunds/RF-1001/complete/", follow=True)
    assert numbers(as_admin, "") == {"RF-1002"}
    assert numbers(as_admin, "?status=completed") == {"RF-1001"}
    assert numbers(as_admin, "?status=all&max_amount=10") == {"RF-1001"}
    assert numbers(as_admin, "?status=all&method=paypal") == set()
    assert numbers(as_admin, "?status=all&to_date=2026-03-01") == set()


def numbers(client: Client, query: str) -> set[str]:
    shown = client.get(f"/refunds/{query}").content.decode()
    return {number for number in ("RF-1001", "RF-1002") if number in shown}


def test_a_filter_that_can_t_be_read_says_so(as_staff: Client, db: None):
    assert "is not an amount" in as_staff.get("/refunds/?min_amount=much").content.decode()


@pytest.mark.parametrize(
    "payee", ['=HYPERLINK("http://x")', "+1", "-1", "@SUM(A1)", "\t=1", "＝1", "＋1", "－1", "＠SUM(A1)"]
)
def test_the_export_never_holds_a_formula(
    as_staff: Client, request_refund: Callable[..., Refund], payee: str
):
    request_refund(5_000, payee=payee)
    assert [(row["number"], row["amount"], row["payee"]) for row in exported(as_staff)] == [
        ("RF-1001", "50.00", f"'{payee.strip()}")
    ]


def exported(client: Client, query: str = "") -> list[dict[str, str]]:
    answer = client.post(f"/refunds/refunds.csv{query}")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()))


def test_the_export_is_utf_8_that_says_so_with_every_cell_quoted(
    as_staff: Client, request_refund: Callable[..., Refund]
):
    request_refund(5_000, payee="Amélie")
    answer = as_staff.post("/refunds/refunds.csv")
    lines = b"".join(answer.streaming_content).decode().splitlines()
    assert lines[0].startswith('\N{BYTE ORDER MARK}"number","kind","state",')
    assert lines[1].startswith(
        '"RF-1001","refund","requested","maria","Maria Holt","50.00","GBP","cash","Amélie",'
    )


def test_an_export_of_more_than_fits_is_refused(
    as_staff: Client, request_refund: Callable[..., Refund], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(files, "MOST", 2)
    for each in range(3):
        request_refund(1_000, key=f"r{each}")
    answer = as_staff.post("/refunds/refunds.csv?status=requested&method=cash")
    assert answer.url == "/refunds/?status=requested&method=cash"
    assert "more than 2 match" in as_staff.get(answer.url).content.decode()
    monkeypatch.setattr(files, "MOST", 3)
    assert len(exported(as_staff)) == 3


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("?min_amount=much", "is not an amount"),
        ("?status=zz", "zz is not one of the available choices"),
        ("?from_date=soon", "Enter a date as year-month-day"),
    ],
)
def test_an_export_with_a_filter_that_can_t_be_read_is_refused(
    as_staff: Client, request_refund: Callable[..., Refund], query: str, message: str
):
    request_refund(5_000)
    answer = as_staff.post(f"/refunds/refunds.csv{query}", follow=True)
    assert answer["Content-Type"] == "text/html; charset=utf-8"
    shown = answer.content.decode()
    assert "Nothing was exported: correct the filters first." in shown
    assert message in shown


def test_a_filter_by_amount_leaves_other_currencies_out(
    as_staff: Client,
    maria: Customer,
    admin_actor: Actor,
    request_refund: Callable[..., Refund],
    now: datetime,
):
    """10,000 yen are about 50 pounds, and 10000 minor units: a filter from 90 pounds shows none of them."""
    request_refund(9_500)
    credit.give(
        customer_id=maria.pk, amount=Money(10_000, "JPY"), reason=GiveReason.DEPOSIT, refundable=True,
        expires_at=None, key="yen", actor=admin_actor, now=now,
    )  # fmt: skip
    refunds.request(
        customer_id=maria.pk, amount=Money(10_000, "JPY"), method=Refund.Method.CASH,
        payee=refunds.Payee("Maria Holt"), payment_date=now.date(), key="in-yen", actor=admin_actor, now=now,
    )  # fmt: skip
    assert numbers(as_staff, "") == {"RF-1001", "RF-1002"}
    assert numbers(as_staff, "?min_amount=90") == {"RF-1001"}
    assert numbers(as_staff, "?max_amount=200") == {"RF-1001"}
    assert [row["number"] for row in exported(as_staff, "?min_amount=90")] == ["RF-1001"]


def test_the_queue_filters_by_username(as_staff: Client, request_refund: Callable[..., Refund]):
    request_refund(5_000)
    assert numbers(as_staff, "?username=maria") == {"RF-1001"}
    assert numbers(as_staff, "?username=mario") == set()


@pytest.fixture
def reversal(maria: Customer, goodwill: Credit, staff_actor: Actor, now: datetime) -> Refund:
    return refunds.request_reversal(
        customer_id=maria.pk, credit_id=goodwill.id, reason=ReverseReason.DUPLICATE, note="", key="reverse",
        actor=staff_actor, now=now,
    )  # fmt: skip


def test_printing_a_selection_names_the_reversals_it_leaves_out(
    as_staff: Client, reversal: Refund, request_refund: Callable[..., Refund]
):
    chosen = request_refund(5_000)
    answer = as_staff.post("/refunds/slips.pdf", {"selected": [chosen.pk, reversal.pk]})
    slip, note = [page.extract_text() for page in PdfReader(BytesIO(answer.content)).pages]
    assert chosen.number in slip
    assert reversal.number not in slip
    assert f"Without a slip, because nobody is paid: {reversal.number}." in note


def test_printing_nothing_but_reversals_is_refused_by_their_names(as_staff: Client, reversal: Refund):
    answer = as_staff.post("/refunds/slips.pdf", {"selected": reversal.pk}, follow=True)
    assert "A reversal has no slip: nobody is paid. Selected: RF-1001." in answer.content.decode()
