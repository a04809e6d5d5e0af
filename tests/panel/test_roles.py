"""Every page against every role: who is let in, who is sent away, and what stays as it was."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client

from tests.orders.till import everything
from tillbook.credit.models import Credit
from tillbook.credit.queries import balance_of
from tillbook.customers.models import Customer
from tillbook.events.models import Event
from tillbook.panel import account_urls, urls
from tillbook.refunds.models import Refund

PAGES = [
    "/",
    "/customers/",
    "/customers/?q=holt&kind=customer&with_credit=on",
    "/customers/maria/",
    "/credits/expiring/",
    "/credits/CR-1001/",
    "/refunds/",
    "/refunds/?status=all&method=cash&min_amount=0&max_amount=500&from_date=2026-01-01",
    "/refunds/asked/",
    "/refunds/asked/?status=all",
    "/refunds/RF-1001/",
    "/refunds/RF-1001/slip.pdf",
    "/orders/",
    "/overpayments/",
    "/rmas/",
    "/book/",
    "/mails/",
    "/mails/?state=wrong",
    "/customers/maria/mails/",
]

FORMS = [
    "/customers/add/",
    "/customers/maria/edit/",
    "/customers/maria/give-credit/",
    "/customers/maria/pay-refund/",
    "/customers/maria/pay-refund/?credit=CR-1001",
    "/credits/CR-1001/reverse/",
    "/orders/new/",
]

REPORTS = [
    "/reports/liability/",
    "/reports/liability/file.pdf",
    "/reports/roll-forward/?from_at=2026-03-01&as_of=2026-03-31&view=recorded&currency=GBP",
    "/reports/roll-forward/file.xlsx",
    "/reports/balances/",
    "/reports/balances/file.csv",
    "/reports/unclaimed/",
    "/reports/unclaimed/file.pdf",
    "/refunds/unclaimed/",
]

FOR_ADMINS_TO_SEE = ["/keys/"]
SETTINGS = [
    "/webhooks/", "/webhooks/add/", "/settings/mails/", "/settings/mails/refund_paid/", "/settings/gateways/",
    "/settings/gateways/stripe/",
]  # fmt: skip

FOR_ADMINS = [
    ("/refunds/RF-1001/complete/", {}),
    ("/refunds/RF-1001/decline/", {"reason": "No such payee"}),
    ("/refunds/complete/", {"selected": "1"}),
    ("/refunds/RF-1001/cancel/", {}),
    ("/refunds/RF-1001/receive/", {"received_on": "2026-03-02"}),
    ("/refunds/RF-1001/cheque/", {"cheque_number": "1"}),
    ("/refunds/unclaimed/cancel/", {"selected": "1"}),
    ("/refunds/unclaimed/receive/", {"selected": "1"}),
    ("/refunds/RF-1001/pay/", {}),
    ("/refunds/RF-1001/ask/", {}),
    ("/refunds/RF-1001/end/", {"paid": "no", "reason": "x"}),
    ("/refunds/pay/", {"selected": "1"}),
]

BUTTONS = [
    *FOR_ADMINS,
    ("/keys/revoke/", {"key": "1"}),
    ("/reports/liability/make/", {}),
    ("/mails/send-again/", {"mail": "ML-1001"}),
    ("/mails/leave/", {"mail": "ML-1001"}),
    ("/settings/mails/refund_paid/sample/", {}),
    ("/settings/gateways/stripe/check/", {}),
    ("/settings/gateways/stripe/remove/", {}),
    ("/refunds/RF-1001/send-slip/", {}),
    ("/refunds/slips.pdf", {}),
    ("/refunds/refunds.csv", {}),
    ("/refunds/refunds.xlsx", {}),
    ("/customers/maria/account/", {}),
    ("/overpayments/keep/", {"credit": "CR-1001", "key": "k"}),
    ("/overpayments/pay/", {"credit": "CR-1001", "key": "k", "order": "A1", "minor": "1"}),
]

PARENTS = {
    "/refunds/RF-1001/complete/": "/refunds/RF-1001/",
    "/refunds/RF-1001/decline/": "/refunds/RF-1001/",
    "/refunds/RF-1001/send-slip/": "/refunds/RF-1001/",
    "/refunds/complete/": "/refunds/",
    "/refunds/approve/": "/refunds/",
    "/refunds/RF-1001/cancel/": "/refunds/RF-1001/",
    "/refunds/RF-1001/receive/": "/refunds/RF-1001/",
    "/refunds/RF-1001/cheque/": "/refunds/RF-1001/",
    "/refunds/unclaimed/cancel/": "/refunds/unclaimed/",
    "/refunds/unclaimed/receive/": "/refunds/unclaimed/",
    "/refunds/RF-1001/pay/": "/refunds/RF-1001/",
    "/refunds/RF-1001/ask/": "/refunds/RF-1001/",
    "/refunds/RF-1001/end/": "/refunds/RF-1001/",
    "/refunds/pay/": "/refunds/",
    "/settings/gateways/stripe/check/": "/settings/gateways/stripe/",
    "/settings/gateways/stripe/remove/": "/settings/gateways/stripe/",
    "/refunds/slips.pdf": "/refunds/",
    "/refunds/refunds.csv": "/refunds/",
    "/refunds/refunds.xlsx": "/refunds/",
    "/customers/maria/account/": "/customers/maria/",
    "/keys/revoke/": "/keys/",
    "/reports/liability/make/": "/reports/liability/",
    "/mails/send-again/": "/mails/",
    "/mails/leave/": "/mails/",
    "/settings/mails/refund_paid/sample/": "/settings/mails/refund_paid/",
    "/overpayments/keep/": "/overpayments/",
    "/overpayments/pay/": "/overpayments/",
}

#: into what strangers are let: links that were mailed, papers that are checked, the logo of both,
#: and what only leads on to the first report
PUBLIC = {"logo", "mails_stop", "password_choose", "slip_check", "slip_told", "reports"}

NUL = [
    "/customers/%00/",
    "/customers/a%00b/edit/",
    "/orders/%00/",
    "/credits/%00/",
    "/refunds/%00/complete/",
    "/rmas/%00/",
    "/customers/?after=%00",
    "/customers/?q=%00",
    "/orders/?after=%00",
    "/overpayments/?after=%00",
    "/orders/new/?customer=%00",
    "/customers/maria/?%00=1",
    "/mails/?after=%00",
    "/customers/maria/pay-refund/?credit=%00",
    "/reports/%00/",
    "/reports/liability/?currency=%00",
]

MISSING = [
    "/customers/nobody/",
    "/customers/nobody/pay-refund/",
    "/customers/nobody/mails/",
    "/customers/maria/pay-refund/?credit=CR-9999",
    "/credits/CR-9999/",
    "/credits/nonsense/",
    "/refunds/asked/ASK-9999/",
    "/refunds/RF-9999/",
    "/refunds/RF-9999/slip.pdf",
    "/no-such-page/",
]


@pytest.fixture(autouse=True)
def pending(request_refund: Callable[..., Refund]) -> Refund:
    """RF-1001, 50.00 of CR-1001."""
    first = request_refund(5_000)
    assert (first.number, first.pk) == ("RF-1001", 1)
    return first


@pytest.mark.parametrize("path", PAGES + FORMS + REPORTS + SETTINGS)
def test_a_stranger_is_sent_to_log_in(client: Client, path: str):
    answer = client.get(path)
    assert answer.status_code == 302
    assert answer.url.startswith("/login/?next=")


def addresses() -> dict[str, str]:
    """name -> address of everything in the panel, with something in the place of each parameter."""
    patterns = [("/", each) for each in urls.urlpatterns]
    patterns += [("/account/", each) for each in account_urls.urlpatterns]
    return {
        str(each.name): begin + re.sub(r"<(\w+):\w+>", "1", str(each.pattern)) for begin, each in patterns
    }


def test_a_stranger_is_sent_to_log_in_from_every_address_but_the_public_ones(client: Client):
    before = everything()
    known = addresses()
    assert len(known) > 140
    for name in known.keys() - PUBLIC:
        read, sent = client.get(known[name]), client.post(known[name])
        assert (read.status_code, read["Location"].partition("?")[0]) == (302, "/login/"), name
        if sent.status_code != 405:  # of a page that is only read
            assert (sent.status_code, sent["Location"].partition("?")[0]) == (302, "/login/"), name
    for name in PUBLIC:
        assert "/login/" not in client.get(known[name]).headers.get("Location", ""), name
    assert everything() == before


@pytest.mark.parametrize("path", PAGES)
def test_everybody_who_works_here_sees_every_page(
    as_viewer: Client, as_staff: Client, as_admin: Client, path: str
):
    assert as_viewer.get(path).status_code == 200
    assert as_staff.get(path).status_code == 200
    assert as_admin.get(path).status_code == 200


@pytest.mark.parametrize("path", FORMS)
def test_viewers_are_refused_the_forms_that_staff_and_admins_fill_in(
    as_viewer: Client, as_staff: Client, as_admin: Client, path: str
):
    assert as_viewer.get(path).status_code == 403
    assert as_staff.get(path).status_code == 200
    assert as_admin.get(path).status_code == 200


@pytest.mark.parametrize("path", REPORTS + SETTINGS)
def test_only_admins_see_reports_and_settings(
    as_viewer: Client, as_staff: Client, as_admin: Client, path: str
):
    assert as_viewer.get(path).status_code == 403
    assert as_staff.get(path).status_code == 403
    seen = as_admin.get(path)
    assert (seen.status_code, "no-store" in seen["Cache-Control"]) == (200, True)
    assert len(seen.getvalue()) > 100  # a file is read to its end, and closed


@pytest.mark.parametrize("path", FOR_ADMINS_TO_SEE)
def test_only_admins_see_what_manages_programs(as_staff: Client, as_admin: Client, path: str):
    assert as_staff.get(path).status_code == 403
    assert as_staff.post(path, {"name": "x", "owner": "staff", "scopes": "read"}).status_code == 403
    assert as_admin.get(path).status_code == 200


@pytest.mark.parametrize("path", MISSING)
def test_what_does_not_exist_is_a_404_page(as_staff: Client, path: str):
    answer = as_staff.get(path)
    assert answer.status_code == 404
    assert "There is no such page" in answer.content.decode()


@pytest.mark.parametrize("path", NUL)
def test_an_address_with_a_nul_is_a_404_page(as_staff: Client, path: str):
    answer = as_staff.get(path)
    assert answer.status_code == 404
    assert "There is no such page" in answer.content.decode()


@pytest.mark.parametrize("path", PAGES + FORMS)
def test_no_page_is_kept_by_the_browser(as_staff: Client, path: str):
    assert "no-store" in as_staff.get(path)["Cache-Control"]


@pytest.mark.parametrize(("path", "data"), FOR_ADMINS)
def test_staff_are_refused_by_the_server_and_nothing_changes(
    as_staff: Client, maria: Customer, pending: Refund, path: str, data: dict[str, str]
):
    answer = as_staff.post(path, data)
    assert answer.status_code == 403
    assert "may not complete and decline refunds" in answer.content.decode()
    pending.refresh_from_db()
    assert pending.status == Refund.Status.REQUESTED
    balance = balance_of(maria.pk, "GBP")
    assert (balance.available_minor, balance.held_minor) == (7_000, 5_000)


@pytest.mark.parametrize(("path", "data"), BUTTONS)
def test_opening_a_button_s_address_leads_to_its_page_and_does_nothing(
    as_admin: Client, pending: Refund, path: str, data: dict[str, str]
):
    before = Event.objects.count()
    answer = as_admin.get(path, data)
    assert (answer.status_code, answer.url) == (302, PARENTS[path])
    assert as_admin.get(answer.url).status_code == 200
    pending.refresh_from_db()
    assert pending.status == Refund.Status.REQUESTED
    assert Event.objects.count() == before


@pytest.mark.parametrize(("path", "data"), BUTTONS)
def test_a_post_without_the_csrf_token_is_refused(
    admin_actor: object, as_admin: Client, pending: Refund, path: str, data: dict[str, str]
):
    as_admin.handler.enforce_csrf_checks = True
    answer = as_admin.post(path, data)
    assert answer.status_code == 403
    assert "The form could not be checked" in answer.content.decode()
    pending.refresh_from_db()
    assert pending.status == Refund.Status.REQUESTED


def test_only_admins_see_the_completing_buttons(as_staff: Client, as_admin: Client):
    for path in ("/refunds/RF-1001/", "/refunds/"):
        assert "Mark as Paid and Complete" not in as_staff.get(path).content.decode()
        assert "Mark as Paid and Complete" in as_admin.get(path).content.decode()


def test_every_page_carries_a_strict_content_security_policy(as_staff: Client, deposit: Credit):
    for path in PAGES + FORMS:
        policy = as_staff.get(path)["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
