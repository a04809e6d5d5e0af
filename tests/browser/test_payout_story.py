"""In the browser: ten customers ask, two admins agree, two banks pay eight, return one and leave one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from tests.browser import pages
from tests.browser.shop import Shop
from tests.browser.windows import Windows
from tests.conftest import PASSWORD
from tests.stories import ten_customers
from tests.stories.ten_customers import Asking
from tillbook.common.actor import Actor, Role
from tillbook.common.money import Money
from tillbook.credit import services as credits
from tillbook.credit.models import Credit, GiveReason
from tillbook.credit.queries import balance_of
from tillbook.customers import services as customers
from tillbook.refunds.models import Refund
from tillbook.refunds.provenance import of_credit, of_refund
from tillbook.shop.details import ApprovalRule
from tillbook.staff import services as people

pytestmark = pytest.mark.alike


def with_credit(shop: Shop, who: Asking) -> None:
    currency = who.amount.currency
    customer = customers.add(username=who.username, currency=currency, actor=shop.admin, now=shop.now)
    credits.give(
        customer_id=customer.pk, amount=Money(who.amount.minor + ten_customers.LEFT_OVER, currency),
        reason=GiveReason.DEPOSIT, refundable=True, expires_at=None, key="g", actor=shop.admin, now=shop.now,
    )  # fmt: skip


def ask(staff: Page, who: Asking) -> str:
    """Pay Refund from the customer's page; the number of the refund."""
    staff.goto(f"/customers/{who.username}/")
    pages.follow(pages.part(staff, "Account"), "Pay Refund")
    staff.get_by_label("Payee's name").fill(who.name)
    staff.get_by_label("Refund method").select_option("Bank transfer")
    staff.get_by_label("Bank account").fill(who.account)
    staff.get_by_label("Refund amount").fill(who.amount.decimal())
    staff.get_by_label("Payment date").fill(pages.in_days(1))
    pages.click(staff, "Process Refund")
    expect(pages.heading(staff)).to_contain_text("Requested")
    return staff.url.rstrip("/").rpartition("/")[2]


def approve(admin: Page, number: str, state: str) -> None:
    admin.goto(f"/refunds/{number}/")
    for box in admin.get_by_role("checkbox").all():
        box.check()
    pages.click(admin, "Approve")
    expect(pages.notice(admin)).to_have_text(f"You have approved {number} as it stands.")
    expect(pages.heading(admin)).to_have_text(f"Refund {number} {state}")


def add_source(admin: Page, source: Mapping[str, str]) -> None:
    admin.goto("/payouts/")
    pages.follow(admin, "Add an account to pay from")
    for name, value in source.items():
        admin.locator(f"[name={name}]").fill(value)
    pages.click(admin, "Add")


def pay(admin: Page, source: str, file: str, on: date) -> bytes:
    """Make a payout of all that waits; its file, as the browser gets it."""
    admin.goto("/payouts/")
    pages.follow(admin, "Make a payout")
    admin.get_by_label("Pay from").select_option(source)
    admin.get_by_label("File").select_option(file)
    admin.get_by_label("Pay on").fill(on.isoformat())
    pages.click(admin, "Make the file")
    expect(pages.heading(admin)).to_contain_text("Payout PO-")
    with admin.expect_download() as taken:
        pages.click(admin, "Take the file")
    return Path(taken.value.path()).read_bytes()


def read_statement(admin: Page, name: str, text: str, format: str, **columns: str) -> None:
    admin.goto("/statements/")
    pages.follow(admin, "Read a bank statement")
    file: Any = {"name": name, "mimeType": "application/octet-stream", "buffer": text.encode()}
    admin.get_by_label("Statement", exact=True).set_input_files(file)
    admin.get_by_label("Format").select_option(format)
    for label, value in columns.items():
        admin.get_by_label(label.replace("_", " ")).fill(value)
    pages.click(admin, "Read it")
    expect(pages.heading(admin)).to_contain_text("Statement ST-")


def test_eight_are_paid_one_comes_back_and_one_is_left(
    windows: Windows, shop: Shop, system_actor: Actor, settings: Any
):
    rules = (ApprovalRule(2),)
    settings.TILLBOOK_SHOP = replace(settings.TILLBOOK_SHOP, currency="AUD", approval_rules=rules)
    people.add_user(username="bob", role=Role.ADMIN, password=PASSWORD, actor=system_actor, now=shop.now)
    for who in ten_customers.EVERYONE:
        with_credit(shop, who)
    pay_on = timezone.localdate() + timedelta(days=2)

    staff, ann, bob = windows.open("staff"), windows.open("admin"), windows.open("bob")
    numbers = {who.username: ask(staff, who) for who in ten_customers.EVERYONE}
    expect(staff.get_by_role("button", name="Approve", exact=True)).to_have_count(0)
    for admin, state in ((ann, "Requested"), (bob, "Approved")):
        for number in numbers.values():
            approve(admin, number, state)

    for source in (ten_customers.SYDNEY, ten_customers.BERLIN):
        add_source(ann, source)
    was = ten_customers.tamper(numbers["eu0"], ten_customers.STRANGERS_ACCOUNT)
    pay(bob, "Berlin", "CSV", pay_on)
    expect(pages.row(bob, numbers["eu0"])).to_have_count(0)
    expect(pages.row(bob, numbers["eu1"])).to_have_count(1)
    bob.get_by_text("Cancel the payout", exact=True).click()
    bob.get_by_label("Reason").fill("To be sent as pain.001")
    pages.click(bob, "Cancel this payout")
    bob.goto(f"/refunds/{numbers['eu0']}/")
    pages.click(bob, "Mark as Paid and Complete")
    expect(bob.get_by_text("was changed after it was approved")).to_be_visible()
    ten_customers.tamper(numbers["eu0"], was)

    ten_customers.check_aba(pay(bob, "Sydney", "ABA (Australia)", pay_on), numbers, pay_on)
    ten_customers.check_pain(pay(bob, "Berlin", "SEPA pain.001", pay_on), numbers, pay_on)

    table = ten_customers.table_that_pays(numbers)
    layout = {
        "Column_of_the_date": "date",
        "Column_of_the_amount": "amount",
        "Columns_of_the_reference": "text",
    }
    read_statement(ann, "sydney.csv", table, "CSV", Currency="AUD", **layout)
    expect(ann.locator("tbody").get_by_text("Paid", exact=True)).to_have_count(5)
    read_statement(ann, "berlin.xml", ten_customers.camt_that_pays_and_returns(numbers), "camt.053")
    expect(ann.locator("tbody").get_by_text("Paid", exact=True)).to_have_count(4)
    expect(ann.locator("tbody").get_by_text("Came back", exact=True)).to_have_count(1)

    states = [*["Completed"] * 8, "Failed", "Approved"]
    for number, state in zip(numbers.values(), states, strict=True):
        ann.goto(f"/refunds/{number}/")
        expect(pages.heading(ann)).to_have_text(f"Refund {number} {state}")
    ann.goto("/customers/eu3/")
    assert pages.account(ann) == ["€21.03", "€0.00", "€0.00"]
    ann.goto("/customers/eu4/")
    assert pages.account(ann) == ["€1.00", "€20.04", "€0.00"]
    figures = [balance_of(refund.customer_id, refund.currency) for refund in Refund.objects.order_by("pk")]
    assert [row.available_minor for row in figures] == [*[1_00] * 8, 21_03, 1_00]
    assert [row.held_minor for row in figures] == [*[0] * 9, 20_04]
    for credit in Credit.objects.select_related("account"):
        assert of_credit(credit).whereabouts.adds_up
    for refund in Refund.objects.all():
        assert sum(part.amount_minor for part in of_refund(refund).parts) == refund.amount_minor
