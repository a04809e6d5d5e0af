"""Payouts and bank statements in the panel, and what a refund's page offers besides completing it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from tests.payouts.conftest import Till, make_till, state
from tillbook.common.actor import Actor
from tillbook.events.models import Event
from tillbook.payouts.models import Payout, Source, Statement
from tillbook.refunds import services as refunds
from tillbook.refunds.models import Refund
from tillbook.refunds.payees import Payee
from tillbook.shop.details import ApprovalRule
from tillbook.staff.models import User

pytestmark = pytest.mark.django_db

ACCOUNT = "062-000 12345678"


@pytest.fixture
def till(staff_actor: Actor, admin_actor: Actor, settings: Any) -> Till:
    settings.TILLBOOK_SHOP = replace(settings.TILLBOOK_SHOP, currency="AUD")
    return make_till(staff_actor, admin_actor, timezone.now())


def client_of(actor: Actor) -> Client:
    client = Client()
    client.force_login(User.objects.get(pk=actor.user_id))
    return client


@pytest.fixture
def admin(till: Till) -> Client:
    return client_of(till.admin)


@pytest.fixture
def staff(till: Till) -> Client:
    return client_of(till.staff)


def make(admin: Client, till: Till, **more: str) -> Any:
    today = timezone.localdate(till.now).isoformat()
    form = {"source": "Main", "format": "aba", "pay_on": today, "key": "k1"} | more
    return admin.post("/payouts/new/", form)


def test_a_payout_is_made_taken_and_shown(admin: Client, till: Till) -> None:
    refund = till.refund("jo")
    assert "1 refund" in admin.get("/payouts/").text
    made = make(admin, till)
    payout = Payout.objects.get()
    assert (made.status_code, made["Location"]) == (302, f"/payouts/{payout.number}/")
    page = admin.get(made["Location"]).text
    assert refund.number in page
    assert payout.digest in page
    file = admin.post(f"/payouts/{payout.number}/file/")
    assert file["Content-Disposition"] == f'attachment; filename="{payout.number}.aba"'
    assert file.content.startswith(b"0")
    assert admin.get(f"/payouts/{payout.number}/file/").status_code == 302  # a link would leave no trace
    assert payout.number in admin.get("/payouts/").text
    assert payout.number in admin.get(f"/refunds/{refund.number}/").text


def test_two_clicks_make_one_payout(admin: Client, till: Till) -> None:
    till.refund("jo")
    assert make(admin, till)["Location"] == make(admin, till)["Location"]
    assert Payout.objects.count() == 1


def test_what_cannot_be_made_says_why_at_its_field(admin: Client, till: Till) -> None:
    answer = make(admin, till)
    assert answer.status_code == 422
    assert "No refund in AUD is ready" in answer.text
    till.refund("jo")
    assert "pays in GBP, not in AUD" in make(admin, till, format="bacs18").text
    assert "from today" in make(admin, till, pay_on="2020-01-01").text
    assert not Payout.objects.exists()


def test_a_payout_is_cancelled_with_a_reason(admin: Client, till: Till) -> None:
    till.refund("jo")
    make(admin, till)
    address = f"/payouts/{Payout.objects.get().number}/cancel/"
    refused = admin.post(address, {"reason": ""})
    assert (refused.status_code, "Say why" in refused.text) == (422, True)
    assert admin.post(address, {"reason": "Bank refused it"}).status_code == 302
    assert Payout.objects.get().status == "cancelled"


def test_an_account_to_pay_from_is_added(admin: Client, till: Till) -> None:
    form = {"name": "Second", "currency": "AUD", "holder": "Mill", "bank_account": "062-000 12223123"}
    assert admin.post("/payouts/accounts/add/", form).status_code == 302
    wrong = admin.post("/payouts/accounts/add/", form | {"name": "Third", "bank_account": "12"})
    assert (wrong.status_code, "BSB" in wrong.text) == (422, True)
    assert set(Source.objects.values_list("name", flat=True)) == {"Main", "Second"}


def read(admin: Client, text: str, **more: str) -> Any:
    file = SimpleUploadedFile("bank.csv", text.encode())
    form = {
        "file": file, "format": "csv", "currency": "AUD", "date": "day", "amount": "sum", "reference": "text",
        "decimal": ".",
    }  # fmt: skip
    return admin.post("/statements/read/", form | more)


def test_a_statement_says_what_each_entry_did(admin: Client, till: Till) -> None:
    refund = till.refund("jo")
    make(admin, till)
    answer = read(admin, f"day,text,sum\n2026-12-04,{refund.number},-12.34\n2026-12-04,Coffee,-2.00\n")
    statement = Statement.objects.get()
    assert answer["Location"] == f"/statements/{statement.number}/"
    page = admin.get(answer["Location"]).text
    assert "Coffee" in page
    assert "Unmatched" in page
    assert state(refund) == "completed"
    assert statement.number in admin.get("/statements/").text


@pytest.mark.parametrize(
    ("text", "more", "says"),
    [
        ("day,text,sum\nyesterday,x,1\n", {}, "Line 2"),
        ("a,b\n", {}, "no column"),
        ("", {}, "The file is empty."),
        ("day,text,sum\n", {"currency": ""}, "Enter the currency"),
        ("day,text,sum\n", {"date": ""}, "Enter the column of the date."),
        ("day,text,sum\n", {"date_format": "%Q"}, "Select a valid choice"),
        ("hello", {"format": "camt053"}, "not XML"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(
    admin: Client, till: Till, text: str, more: dict[str, str], says: str
) -> None:
    answer = read(admin, text, **more)
    assert (answer.status_code, says in answer.text) == (422, True)
    assert not Statement.objects.exists()


def test_each_column_that_a_table_needs_is_asked_for_at_its_field(admin: Client, till: Till) -> None:
    nothing = {"format": "csv", "currency": "", "date": "", "amount": "", "reference": "", "decimal": "."}
    answer = admin.post("/statements/read/", nothing)
    assert answer.status_code == 422
    assert {name: said[0] for name, said in answer.context["form"].errors.items()} == {
        "file": "Choose a file.",
        "date": "Enter the column of the date.",
        "amount": "Enter the column of the amount, or those of what left and of what came in.",
        "reference": "Enter the columns of the reference.",
        "currency": "Enter the currency.",
    }
    other = admin.post("/statements/read/", nothing | {"format": "mt940"})
    assert list(other.context["form"].errors) == ["file"]


def test_what_left_and_what_came_in_may_stand_in_two_columns(admin: Client, till: Till) -> None:
    table = "day,text,out,in\n2026-12-04,Coffee,2.00,\n2026-12-04,Milk back,,3.00\n"
    both = read(admin, table, debit="out", credit="in")
    assert (both.status_code, "or those of what left" in both.text) == (422, True)
    assert read(admin, table, amount="", debit="out", credit="in").status_code == 302
    assert list(Statement.objects.get().bookings.order_by("pk").values_list("minor", flat=True)) == [
        -200,
        300,
    ]


@pytest.mark.parametrize(
    ("shape", "day"), [("%d.%m.%Y", "04.12.2026"), ("%m/%d/%y", "12/04/26"), ("%d %b %Y", "04 Dec 2026")]
)
def test_days_are_read_as_the_example_chosen_writes_them(
    admin: Client, till: Till, shape: str, day: str
) -> None:
    assert f'<option value="{shape}">' in admin.get("/statements/read/").text
    assert read(admin, f"day,text,sum\n{day},Coffee,-2.00\n", date_format=shape).status_code == 302
    assert Statement.objects.get().bookings.get().booked_on.isoformat() == "2026-12-04"


PAGES = ["/payouts/", "/payouts/new/", "/payouts/accounts/add/", "/statements/", "/statements/read/"]


@pytest.mark.parametrize("address", PAGES)
def test_staff_see_no_payouts(staff: Client, till: Till, address: str) -> None:
    assert staff.get(address).status_code == 403
    assert staff.post(address).status_code in (403, 405)


def test_a_refund_is_approved_on_its_page_with_what_was_seen(
    admin: Client, staff: Client, till: Till, settings: Any
) -> None:
    settings.TILLBOOK_SHOP = replace(settings.TILLBOOK_SHOP, approval_rules=(ApprovalRule(1),))
    till.refund("al", 5_00)
    refund = till.refund("jo")  # to the same account
    address = f"/refunds/{refund.number}/"
    assert "0 of 1 approval" in admin.get(address).text
    assert "Approve" not in staff.get(address).text
    assert "needs 1 approvals and has 0" in admin.post(f"{address}complete/", follow=True).text
    missed = admin.post(f"{address}approve/", follow=True).text
    assert "refunds of other customers went to the same account" in missed
    done = admin.post(f"{address}approve/", {"shared_account": "on"}, follow=True).text
    assert "You have approved" in done
    assert staff.post(f"{address}approve/", {"shared_account": "on"}).status_code == 403
    admin.post(f"{address}complete/")
    assert state(refund) == "completed"


def test_the_green_button_is_what_can_be_done(admin: Client, till: Till, settings: Any) -> None:
    rules = (ApprovalRule(approvals=1),)
    settings.TILLBOOK_SHOP = replace(settings.TILLBOOK_SHOP, approval_rules=rules)
    address = f"/refunds/{till.refund('jo').number}/"
    assert green(admin.get(address).text) == ["Approve"]
    admin.post(f"{address}approve/")
    assert green(admin.get(address).text) == ["Mark as Paid and Complete"]


def green(page: str) -> list[str]:
    """The words of the page's primary buttons."""
    found = re.findall(r'class="button primary[^"]*"[^>]*>(?:<svg.*?</svg>)?([^<]+)', page, re.DOTALL)
    return [each.strip() for each in found]


def test_who_asked_for_a_large_refund_is_told_that_somebody_else_approves_it(
    admin: Client, till: Till, settings: Any
) -> None:
    settings.TILLBOOK_SHOP = replace(settings.TILLBOOK_SHOP, approval_rules=(ApprovalRule(1),))
    till.customer("jo", 5_000_00)
    own = till.refund("jo", 2_000_00, actor=till.admin)
    page = admin.get(f"/refunds/{own.number}/").text
    assert "You asked for it, or said where it goes: somebody else approves it." in page
    assert f"/refunds/{own.number}/approve/" not in page


def test_a_long_payout_and_a_long_statement_are_shown_in_pages(admin: Client, till: Till) -> None:
    till.customer("jo", 100_000_00)
    asked = [till.refund("jo", 1_00 + each) for each in range(60)]
    make(admin, till)
    payout = Payout.objects.get()
    address = f"/payouts/{payout.number}/"
    first = admin.get(address).text
    (later,) = re.findall(r'rel="next" href="([^"]+)"', first)
    second = admin.get(address + later).text
    shown = [[each.number in page for each in asked] for page in (first, second)]
    assert shown == [[True] * 50 + [False] * 10, [False] * 50 + [True] * 10]
    assert "Cancel the payout" in first
    rows = [f"2026-03-04,{each.number},-{each.amount_minor / 100:.2f}," for each in asked]
    statement = till.read(*rows)
    address = f"/statements/{statement.number}/"
    first = admin.get(address).text
    assert re.search(r"Paid</span>\s*60", first)
    (later,) = re.findall(r'rel="next" href="([^"]+)"', first)
    second = admin.get(address + later).text
    assert [page.count("/refunds/RF-") for page in (first, second)] == [50, 10]
    assert "Cancel the payout" not in admin.get(f"/payouts/{payout.number}/").text


def test_where_it_goes_is_corrected_without_showing_the_account(staff: Client, till: Till) -> None:
    refund = till.refund("jo")
    address = f"/refunds/{refund.number}/redirect/"
    assert "12345678" not in staff.get(address).text
    form = {
        "payee_name": "Jo", "method": "bank_transfer", "bank_account": "012-345 99887766", "note": "",
        "payment_date": till.now.date().isoformat(), "key": "k",
    }  # fmt: skip
    assert "•••678. Left empty, it stays." in staff.get(address).text
    assert staff.post(address, form | {"bank_account": "", "payee_name": "Jo Holt"}).status_code == 302
    kept = Refund.objects.get()
    assert (kept.payee_name, kept.bank_account, kept.account_mark) == (
        "Jo Holt", refund.bank_account, refund.account_mark,
    )  # fmt: skip
    assert staff.post(address, form).status_code == 302
    assert Refund.objects.get().bank_account == "012-345 99887766"
    other_way = form | {"method": "paypal", "bank_account": "", "paypal_email": "jo@example.com"}
    assert staff.post(address, other_way).status_code == 302
    assert Refund.objects.get().bank_account == ""
    back_again = staff.post(address, form | {"bank_account": ""})
    assert (back_again.status_code, Refund.objects.get().method) == (422, "paypal")


def test_an_account_is_shown_whole_to_who_may_and_that_is_kept(
    admin: Client, staff: Client, till: Till
) -> None:
    refund = till.refund("jo")
    address = f"/refunds/{refund.number}/"
    assert "12345678" not in admin.get(address).text
    assert ACCOUNT in admin.post(f"{address}account/").text
    assert Event.objects.filter(action="refund.account_revealed", subject=refund.number).count() == 1
    assert staff.post(f"{address}account/").status_code == 403


def test_a_list_holds_whole_accounts_for_who_may_alone(admin: Client, staff: Client, till: Till) -> None:
    till.refund("jo")

    def exported(client: Client) -> str:
        return b"".join(client.post("/refunds/refunds.csv").streaming_content).decode()

    assert ACCOUNT in exported(admin)
    assert "12345678" not in exported(staff)
    assert Event.objects.filter(action="refund.accounts_taken").count() == 1


def test_what_came_back_is_credit_again(admin: Client, staff: Client, till: Till) -> None:
    refund = till.refund("jo")
    address = f"/refunds/{refund.number}/"
    admin.post(f"{address}complete/")
    assert staff.post(f"{address}fail/", {"fail_reason": "x"}).status_code == 403
    assert "Say why" in admin.post(f"{address}fail/", {"fail_reason": ""}, follow=True).text
    failed = admin.post(f"{address}fail/", {"fail_reason": "Account closed"}, follow=True).text
    assert "Account closed" in failed
    assert till.balance("jo") == (100_00, 0)


def test_the_queue_shows_what_is_approved_as_well(admin: Client, till: Till, settings: Any) -> None:
    settings.TILLBOOK_SHOP = replace(settings.TILLBOOK_SHOP, approval_rules=(ApprovalRule(1),))
    refund = till.refund("jo")
    admin.post(f"/refunds/{refund.number}/approve/")
    assert state(refund) == "approved"
    assert refund.number in admin.get("/refunds/").text
    assert refund.number not in admin.get("/refunds/?status=requested").text


def test_a_statement_may_have_a_column_of_cheques(admin: Client, till: Till) -> None:
    asked = till.refund("jo", method="cheque", payee=Payee("Jo", postal_address="1 Mill Lane"))
    paid = refunds.complete(asked.pk, cheque_number="123", actor=till.admin, now=till.now)
    answer = read(admin, "day,text,sum,no\n2026-12-04,Presented,-12.34,000123\n", cheque="no")
    page = admin.get(answer["Location"]).text
    assert "Received" in page
    assert paid.number in page
    assert Refund.objects.get().received_on is not None
