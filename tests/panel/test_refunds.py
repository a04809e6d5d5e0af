"""Pay Refund, the refund's page, the queue and its selection, reversal."""

from __future__ import annotations

import csv
from collections.abc import Callable

import pytest
from django.test import Client

from tillbook.credit.models import Credit
from tillbook.credit.queries import balance_of
from tillbook.customers.models import Customer
from tillbook.refunds.models import Refund


def figures(customer: Customer) -> tuple[int, int]:
    """Available and held, in pence."""
    balance = balance_of(customer.pk, "GBP")
    return balance.available_minor, balance.held_minor


def pay(client: Client, query: str = "", **changes: str):
    sent = {
        "key": "k1", "payee_name": "Maria Holt", "method": "bank_transfer", "bank_account": "20-00-00 55779911",
        "amount": "45.50", "payment_date": "2026-03-05", "note": "Rang on Monday", **changes,
    }  # fmt: skip
    return client.post(f"/customers/maria/pay-refund/{query}", sent)


def test_the_form_bears_the_fixed_labels_and_offers_what_is_available(as_staff: Client, deposit: Credit):
    shown = as_staff.get(f"/customers/maria/pay-refund/?credit={deposit.number}").content.decode()
    for label in ("Refund method", "Refund amount", "Refund Note", "Process Refund"):
        assert label in shown
    assert 'value="120.00"' in shown


def test_process_refund_holds_the_amount_and_leads_to_the_refund(
    as_staff: Client, maria: Customer, deposit: Credit
):
    answer = pay(as_staff, f"?credit={deposit.number}")
    assert answer.url == "/refunds/RF-1001/"
    assert figures(maria) == (7_450, 4_550)
    shown = as_staff.get("/refunds/RF-1001/").content.decode()
    for label in ("Print refund slip", "Send refund slip", "Recording a refund moves no money"):
        assert label in shown


def test_processing_the_same_form_twice_makes_one_refund(as_staff: Client, maria: Customer, deposit: Credit):
    assert pay(as_staff).url == pay(as_staff).url == "/refunds/RF-1001/"
    assert Refund.objects.count() == 1
    assert figures(maria) == (7_450, 4_550)


def test_without_a_credit_it_pays_from_all_refundable_ones(
    as_staff: Client, maria: Customer, deposit: Credit, goodwill: Credit
):
    assert 'value="120.00"' in as_staff.get("/customers/maria/pay-refund/").content.decode()
    assert pay(as_staff, amount="120.01").status_code == 422
    assert pay(as_staff, amount="120.00").status_code == 302
    assert figures(maria) == (3_000, 12_000)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"amount": "120.01"}, "120.00"),
        ({"amount": "0"}, "more than zero"),
        ({"amount": "-1"}, "more than zero"),
        ({"amount": "1e30"}, "is not an amount"),
        ({"amount": "a lot"}, "is not an amount"),
        ({"amount": "1.999"}, "2 decimal places"),
        ({"amount": ""}, "This field is required"),
        ({"method": "pigeon"}, "Select a valid choice"),
        ({"payee_name": " "}, "Enter the payee&#x27;s name"),
        ({"bank_account": ""}, "bank account"),
        ({"method": "paypal"}, "PayPal e-mail"),
        ({"method": "cheque"}, "address the cheque goes to"),
        ({"payment_date": "soon"}, "Enter a valid date"),
        ({"key": ""}, "sent without its key"),
    ],
)
def test_a_refund_against_the_rules_is_refused_and_nothing_is_held(
    as_staff: Client, maria: Customer, deposit: Credit, changes: dict[str, str], message: str
):
    answer = pay(as_staff, f"?credit={deposit.number}", **changes)
    assert answer.status_code == 422
    assert message in answer.content.decode()
    assert Refund.objects.count() == 0
    assert figures(maria) == (12_000, 0)


def test_credit_that_is_not_refundable_is_never_paid_out(as_staff: Client, maria: Customer, goodwill: Credit):
    answer = pay(as_staff, f"?credit={goodwill.number}", amount="10")
    assert answer.status_code == 422
    assert "paid out" in answer.content.decode()
    assert figures(maria) == (3_000, 0)


def test_another_currency_than_the_customer_has_is_refused(
    as_staff: Client, maria: Customer, deposit: Credit
):
    for currency in ("EUR", "pounds"):
        answer = pay(as_staff, f"?currency={currency}", amount="10")
        assert answer.status_code == 404
        assert f"maria has nothing in {currency}" in answer.content.decode()
    assert Refund.objects.count() == 0
    assert figures(maria) == (12_000, 0)


def test_an_admin_completes_a_refund_and_the_credit_is_gone(
    as_admin: Client, maria: Customer, request_refund: Callable[..., Refund]
):
    request_refund(5_000)
    answer = as_admin.post("/refunds/RF-1001/complete/", follow=True)
    assert "marked as paid and complete" in answer.content.decode()
    assert figures(maria) == (7_000, 0)


def test_an_admin_declines_with_a_reason_and_the_amount_is_available_again(
    as_admin: Client, maria: Customer, request_refund: Callable[..., Refund]
):
    request_refund(5_000)
    answer = as_admin.post("/refunds/RF-1001/decline/", {"reason": " "})
    assert answer.status_code == 422
    assert figures(maria) == (7_000, 5_000)
    answer = as_admin.post("/refunds/RF-1001/decline/", {"reason": "Wrong payee"}, follow=True)
    assert "Wrong payee" in answer.content.decode()
    assert figures(maria) == (12_000, 0)


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


def test_slips_are_printed_as_pdf(as_staff: Client, request_refund: Callable[..., Refund]):
    chosen = request_refund(5_000)
    for answer in (
        as_staff.get("/refunds/RF-1001/slip.pdf"),
        as_staff.post("/refunds/slips.pdf", {"selected": chosen.pk}),
    ):
        assert answer["Content-Type"] == "application/pdf"
        assert answer.content.startswith(b"%PDF-")


@pytest.mark.parametrize("payee", ['=HYPERLINK("http://x")', "+1", "-1", "@SUM(A1)", "\t=1"])
def test_the_export_never_holds_a_formula(
    as_staff: Client, request_refund: Callable[..., Refund], payee: str
):
    request_refund(5_000, payee=payee)
    rows = list(csv.DictReader(as_staff.post("/refunds/refunds.csv").content.decode().splitlines()))
    assert [(row["number"], row["amount"], row["payee"]) for row in rows] == [
        ("RF-1001", "50.00", f"'{payee.strip()}")
    ]


def test_a_reversal_holds_what_is_left_and_pays_nobody(as_staff: Client, maria: Customer, goodwill: Credit):
    sent = {"key": "k1", "reason": "given_by_mistake", "note": "Meant for Mario"}
    for _ in range(2):
        answer = as_staff.post(f"/credits/{goodwill.number}/reverse/", sent)
        assert answer.url == "/refunds/RF-1001/"
    assert figures(maria) == (0, 3_000)
    shown = as_staff.get("/refunds/RF-1001/").content.decode()
    assert "No money is to be paid to anyone." in shown
    assert goodwill.number in shown
    assert "Print refund slip" not in shown


def test_a_reversal_needs_a_reason_from_the_list(as_staff: Client, maria: Customer, goodwill: Credit):
    for reason in ("", "because"):
        answer = as_staff.post(f"/credits/{goodwill.number}/reverse/", {"key": "k1", "reason": reason})
        assert answer.status_code == 422
    assert figures(maria) == (3_000, 0)


def test_a_credit_s_page_shows_its_transfers_with_the_running_balance(
    as_admin: Client, deposit: Credit, request_refund: Callable[..., Refund]
):
    request_refund(5_000)
    as_admin.post("/refunds/RF-1001/complete/")
    shown = as_admin.get(f"/credits/{deposit.number}/").content.decode()
    for each in ("£120.00", "−£50.00", "£70.00", "RF-1001"):
        assert each in shown
