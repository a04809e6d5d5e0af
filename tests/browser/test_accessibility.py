"""WCAG 2.2 AA, as far as a program can tell: axe-core finds nothing on any page, in light and dark."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import get_resolver
from playwright.sync_api import Page, expect

from tests.browser import pages
from tests.browser.shop import Shop
from tests.browser.test_layout import SCHEMES, too_wide
from tests.browser.windows import Windows
from tests.orders.till import line
from tillbook.common.mail_kinds import MailKind
from tillbook.delivery import mail_finding, webhooks
from tillbook.delivery.finding import Settled, find
from tillbook.delivery.links import stop_token
from tillbook.delivery.models import Delivery, Mail
from tillbook.orders.charges import Charge
from tillbook.refunds.proof import code_of
from tillbook.shop import policies
from tillbook.shop.services import save
from tillbook.staff.links import new_link
from tillbook.staff.queries import by_username

pytestmark = pytest.mark.alike

_AXE = Axe()
_COLOURS = "color-contrast"
_ONE_OF_EACH_METHOD = """() => [...new Map(
  [...document.querySelectorAll("article.operation")].map(
    (each) => [each.querySelector(".method").textContent, "#" + each.id]
  )
).values()]"""
_RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],  # to say of every element what it passes takes as long again
}

# Addresses that answer a file, or that a button posts to and which have no page of their own.
_NO_PAGES = {
    "customers_file", "customer_running_file", "orders_file", "rmas_file", "refunds_csv", "refunds_xlsx", "refunds_print",
    "refunds_approve", "refunds_complete", "refund_slip", "refund_complete", "refund_decline", "refund_send", "refund_filter_save", "refund_filter_rename", "refund_filter_remove", "report_file", "make_report",
    "account", "api_key_revoke", "webhook_switch", "webhook_remove", "delivery_resend", "rma_close", "rma_note", "rma_send", "order_rma_price", "order_rma_preview",
    "payout_file", "payout_cancel", "refund_pay", "refund_ask", "refund_end", "refunds_pay", "gateway_check",
    "gateway_remove", "refund_approve", "refund_fail", "refund_account", "refund_cancel", "refund_receive",
    "refund_cheque", "unclaimed_cancel", "unclaimed_receive", "customer_link", "ask_accept", "ask_decline",
    "user_switch", "user_link", "user_reset", "user_end_session",
    "overpayment_keep", "overpayment_pay", "logo", "settings_logo", "settings_mail_test",
    "settings_mail_sample", "mail_again", "mail_leave",
}  # fmt: skip


def violations(page: Page, *, within: list[str] | None = None, rules: Any = _RULES) -> list[str]:
    """What axe-core finds, a line for each element, on a light screen and on a dark phone.

    Looks only `within` these elements, if any are named.
    """
    found = []
    for scheme, width in zip(SCHEMES, (1280, 390), strict=True):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        results: Any = _AXE.run(page, context={"include": within} if within else None, options=rules)
        found += [
            f"{page.url} {scheme} {width}: {rule['id']} {node['target']} {node['failureSummary']}"
            for rule in results.response["violations"]
            for node in rule["nodes"]
        ]
    return found


def addresses(shop: Shop) -> dict[str, str]:
    """The page of each name in the panel, about something that is there."""
    mailing = {"mails": {kind: {"on": True} for kind in MailKind}}
    save("mails", mailing, seen=policies.version(), actor=shop.admin, now=shop.now)
    webhook = webhooks.add_endpoint(url="https://shop.example/", actor=shop.admin, now=shop.now).number
    order = shop.place(line(2_000))
    unpaid = shop.place(line(9_000))
    payment = shop.pay(order, 2_500, charge=Charge("stripe", "ch_3P8"))
    deposit, goodwill = shop.deposit(12_000), shop.goodwill(3_000)
    refund = shop.ask(4_550)
    rma = shop.open_rma(order, shop.back(order, 1, 100))
    payout, statement = shop.paid_by_the_bank()
    find(Settled(), shop.now)
    mail_finding.find(mail_finding.Watch(), shop.now)
    Mail.objects.filter(about=goodwill.number).update(
        state=Mail.State.FAILED, answer="550 5.1.1", to="jo@example.com"
    )
    jo, one = "/customers/jo/", f"/orders/{order.number}/"
    return {
        "home": "/", "activity": "/activity/?about=all", "overpayments": "/overpayments/", "credits_expiring": "/credits/expiring/", "book": "/book/", "customers": "/customers/", "customer_add": "/customers/add/",
        "customer": jo, "customer_credits": f"{jo}credits/", "customer_running": f"{jo}running-history/", "customer_edit": f"{jo}edit/", "give_credit": f"{jo}give-credit/",
        "pay_refund": f"{jo}pay-refund/?credit={deposit.number}", "credit": f"/credits/{deposit.number}/",
        "credit_reverse": f"/credits/{goodwill.number}/reverse/", "find": "/find/?q=o",
        "api_keys": "/keys/", "refunds": "/refunds/", "refund_filters": "/refunds/filters/", "unclaimed": "/refunds/unclaimed/", "refund": f"/refunds/{refund.number}/",
        "settings_approvals": "/settings/approvals/", "gateways": "/settings/gateways/", "gateway": "/settings/gateways/stripe/", "slip_check": "/slip/", "slip_told": f"/slip/{refund.number}/{code_of(refund.number)}/", "payouts": "/payouts/", "payout_new": "/payouts/new/", "source_add": "/payouts/accounts/add/",
        "payout": f"/payouts/{payout}/", "statements": "/statements/", "statement_read": "/statements/read/",
        "statement": f"/statements/{statement}/", "refund_redirect": f"/refunds/{refund.number}/redirect/",
        "reports": "/reports/", "report": "/reports/liability/", "webhooks": "/webhooks/",
        "webhook_add": "/webhooks/add/", "webhook": f"/webhooks/{webhook}/",
        "webhook_edit": f"/webhooks/{webhook}/edit/",
        "delivery": f"/webhooks/deliveries/{Delivery.objects.latest('pk').number}/",
        "orders": "/orders/", "order_new": "/orders/new/?customer=jo", "order": one,
        "order_edit": f"{one}edit/", "order_receive_payment": f"{one}receipt-payment/",
        "order_pay_with_credit": f"/orders/{unpaid.number}/pay-with-credit/", "order_cancel": f"{one}cancel/",
        "order_rma": f"{one}rma/", "payment_void": f"/payments/{payment.pk}/void/",
        "payment_paid_back": f"/payments/{payment.pk}/paid-back/", "rmas": "/rmas/",
        "rma": f"/rmas/{rma.number}/", "rma_close_without_credit": f"/rmas/{rma.number}/close-without-credit/",
        "settings": "/settings/", "settings_shop": "/settings/shop/", "settings_limits": "/settings/limits/",
        "mails": "/mails/", "customer_mails": f"{jo}mails/", "settings_mails": "/settings/mails/",
        "settings_mail_text": "/settings/mails/credit_issued/",
        "mails_stop": f"/mails/stop/{stop_token(shop.customer.pk, 'credit_issued')}/",
        "settings_refunds": "/settings/refunds/",
        "settings_mail": "/settings/mail/", "settings_policies": "/settings/policies/",
        "settings_give_reasons": "/settings/credit-reasons/", "settings_methods": "/settings/methods/",
        "settings_return_reasons": "/settings/return-reasons/", "settings_numbering": "/settings/numbering/",
        "settings_own_page": "/settings/own-page/", "asks": "/refunds/asked/?status=all", "ask": f"/refunds/asked/{shop.customer_asks(1_000).number}/",
        "rma_cancel": f"/rmas/{rma.number}/cancel/", "users": "/users/", "user_add": "/users/add/",
        "user": f"/users/{shop.staff.user_id}/", "password_choose": "/password/{}/{}/".format(*new_link(by_username("staff"))),
    }  # fmt: skip


def test_no_page_is_left_out(shop: Shop):
    names = {name for name in get_resolver("tillbook.panel.urls").reverse_dict if isinstance(name, str)}
    assert names - _NO_PAGES == set(addresses(shop))


def test_the_reference_of_the_api_is_for_everyone(windows: Windows, shop: Shop):
    page = windows.open(at="/api/v1/reference")
    expect(page.get_by_role("heading", name="Give credit", exact=True)).to_be_visible()
    # It has 30,000 elements. To look at the colours of all takes half a minute, and operations have the same ones.
    one_of_each = page.evaluate(_ONE_OF_EACH_METHOD)
    assert len(one_of_each) >= 3
    found = violations(page, rules={**_RULES, "rules": {_COLOURS: {"enabled": False}}})
    found += violations(
        page, within=["header.side", "#start", *one_of_each], rules={**_RULES, "runOnly": [_COLOURS]}
    )
    assert not found, "\n".join(found)
    assert not too_wide(page), too_wide(page)


def test_every_page_is_for_everyone(windows: Windows, shop: Shop):
    page = windows.open("admin")
    found = []
    of_the_account = ("/account/", "/account/password/")
    for address in (*addresses(shop).values(), *of_the_account):
        page.goto(address)
        expect(pages.heading(page)).to_be_visible()
        found += violations(page)
    assert not found, "\n".join(found)
