"""Pay Refund, the refund's page, its slip, reversal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from tillbook.credit.models import Credit
from tillbook.credit.queries import balance_of
from tillbook.customers.models import Customer
from tillbook.refunds.models import Refund


def figures(customer: Customer) -> tuple[int, int]:
    """Available and held, in pence."""
    balance = balance_of(customer.pk, "GBP")
    return balance.available_minor, balance.held_minor


def day(distance: int) -> str:
    """A day that many days from today, as a date field sends it."""
    return (timezone.localdate() + timedelta(days=distance)).isoformat()


def pay(client: Client, query: str = "", **changes: str):
    sent = {
        "key": "k1", "payee_name": "Maria Holt", "method": "bank_transfer", "bank_account": "20-00-00 55779911",
        "amount": "45.50", "payment_date": day(3), "note": "Rang on Monday", **changes,
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
        ({"amount": ""}, "Enter the refund amount."),
        ({"method": "pigeon"}, "Select a valid choice"),
        ({"payee_name": " "}, "Enter the payee&#x27;s name"),
        ({"bank_account": ""}, "bank account"),
        ({"method": "paypal"}, "PayPal e-mail"),
        ({"method": "cheque"}, "address that the money goes to"),
        ({"payment_date": "soon"}, "Enter a date as year-month-day, like 2026-12-31."),
        ({"payment_date": ""}, "Enter the payment date."),
        ({"payment_date": "0001-01-01"}, "Enter a date at most one year from today."),
        ({"payment_date": "9999-12-31"}, "Enter a date at most one year from today."),
        ({"payment_date": day(-367)}, "Enter a date at most one year from today."),
        ({"payment_date": day(368)}, "Enter a date at most one year from today."),
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


def test_the_form_of_a_credit_that_is_not_refundable_says_what_it_is_for(
    as_staff: Client, maria: Customer, goodwill: Credit
):
    answer = as_staff.get(f"/customers/maria/pay-refund/?credit={goodwill.number}")
    shown = answer.content.decode()
    assert answer.status_code == 409
    assert "Goodwill and promotional credit pays orders only." in shown
    assert f'href="/credits/{goodwill.number}/"' in shown
    assert "Process Refund" not in shown
    assert "at most" not in shown


@pytest.mark.parametrize("distance", [-365, 365])
def test_a_refund_may_be_paid_up_to_a_year_from_today(as_staff: Client, deposit: Credit, distance: int):
    assert pay(as_staff, payment_date=day(distance)).status_code == 302


@pytest.mark.parametrize(
    ("method", "kept"),
    [
        ("bank_transfer", ("20-00-00 55779911", "", "")),
        ("paypal", ("", "m@example.com", "")),
        ("cheque", ("", "", "1 Quay Street")),
        ("cash", ("", "", "")),
    ],
)
def test_a_refund_keeps_only_what_its_method_needs(
    as_staff: Client, deposit: Credit, method: str, kept: tuple[str, str, str]
):
    pay(as_staff, method=method, paypal_email="m@example.com", postal_address="1 Quay Street")
    refund = Refund.objects.get()
    assert (refund.bank_account, refund.paypal_email, refund.postal_address) == kept


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


def test_who_declines_what_was_completed_meanwhile_is_told_so(
    as_admin: Client, maria: Customer, request_refund: Callable[..., Refund]
):
    request_refund(5_000)
    as_admin.post("/refunds/RF-1001/complete/")
    late = as_admin.post("/refunds/RF-1001/decline/", {"reason": "Wrong payee"})
    assert late.status_code == 422
    assert "RF-1001 is already completed" in late.content.decode()
    assert figures(maria) == (7_000, 0)


def test_slips_are_printed_as_pdf(as_staff: Client, request_refund: Callable[..., Refund]):
    chosen = request_refund(5_000)
    for answer in (
        as_staff.get("/refunds/RF-1001/slip.pdf"),
        as_staff.post("/refunds/slips.pdf", {"selected": chosen.pk}),
    ):
        assert answer["Content-Type"] == "application/pdf"
        assert answer.content.startswith(b"%PDF-")


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
    for answer in (
        as_staff.get("/refunds/RF-1001/slip.pdf"),
        as_staff.post("/refunds/RF-1001/send-slip/", {"key": "k2"}),
    ):
        assert answer.status_code == 404
        assert "RF-1001 is a reversal: nobody is paid, so it has no slip." in answer.content.decode()


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
