"""What people see and click, found by the labels they have in their hands."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from tests.conftest import PASSWORD


def log_in(page: Page, username: str) -> None:
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    click(page, "Log in")


def go_to(page: Page, entry: str) -> None:
    """Choose an entry of the panel's main navigation."""
    settled(page)
    page.get_by_role("navigation", name="Main").get_by_role("link", name=entry, exact=True).click()


def settled(page: Page | Locator) -> None:
    """The page is read to its end and its scripts have run: a click returns before that."""
    (page.page if isinstance(page, Locator) else page).wait_for_load_state("domcontentloaded")


def open_customer(page: Page, username: str) -> None:
    """Customers > View customers & prospects, then the username."""
    go_to(page, "View customers & prospects")
    page.get_by_label("Search").fill(username)
    click(page, "Search")
    page.get_by_role("link", name=username, exact=True).click()


def click(page: Page | Locator, button: str) -> None:
    settled(page)
    page.get_by_role("button", name=button, exact=True).click()


def follow(page: Page | Locator, link: str) -> None:
    settled(page)
    page.get_by_role("link", name=link, exact=True).click()


def heading(page: Page) -> Locator:
    return page.get_by_role("heading", level=1)


def part(page: Page, name: str) -> Locator:
    """A part of the page by its heading: "Account", "Credits", "Payments"."""
    return page.get_by_role("region", name=name, exact=True)


def row(page: Page | Locator, text: str) -> Locator:
    """The row of a table that has `text` in one of its cells."""
    cell = page.page if isinstance(page, Locator) else page
    return page.locator("tbody").get_by_role("row").filter(has=cell.get_by_text(text, exact=True))


def cells(page: Page | Locator, text: str) -> list[str]:
    """What stands in that row, cell by cell."""
    settled(page)
    found = row(page, text)
    expect(found).to_have_count(1)
    return [" ".join(cell.split()) for cell in found.locator("th, td").all_inner_texts()]


def figures(page: Page | Locator, *names: str) -> list[str]:
    """The amounts beside those names: "Available credit", "Held"."""
    return [_figure(page, name).inner_text() for name in names]


def _figure(page: Page | Locator, name: str) -> Locator:
    settled(page)
    owner = page.page if isinstance(page, Locator) else page
    found = page.locator("dl > div").filter(has=owner.get_by_text(name, exact=True)).locator("dd")
    expect(found).to_have_count(1)
    return found


def fact(page: Page, name: str) -> str:
    """What the page's Details say under that name."""
    return figures(page, name)[0]


def account(page: Page) -> list[str]:
    """Available credit, Held and Amount owing of the customer's page."""
    return figures(part(page, "Account"), "Available credit", "Held", "Amount owing")


def change_account(page: Page) -> None:
    """Open the form of the Account section."""
    part(page, "Account").get_by_text("Change account", exact=True).click()


def notice(page: Page) -> Locator:
    """What the panel says about what was just done."""
    return page.get_by_role("status")


def in_days(count: int) -> str:
    """The day in so many days, as a date field holds it: a payment date must be near today."""
    return (timezone.localdate() + timedelta(days=count)).isoformat()


def pay_refund(page: Page, amount: str, *, note: str = "") -> None:
    """Fill the Pay Refund form as for a bank transfer, and send it."""
    page.get_by_label("Payee's name").fill("Jo Marsh")
    page.get_by_label("Refund method").select_option("Bank transfer")
    page.get_by_label("Bank account").fill("20-00-00 55779911")
    page.get_by_label("Refund amount").fill(amount)
    page.get_by_label("Payment date").fill(in_days(3))
    page.get_by_label("Refund Note").fill(note)
    click(page, "Process Refund")
