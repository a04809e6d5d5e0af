"""Settings: each section's page, the logo, and the test mail."""

from __future__ import annotations

import smtplib
from datetime import datetime
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tests.orders.till import Till, line
from tests.shop.test_settings import png
from tillbook.common.actor import Actor
from tillbook.credit.models import Credit
from tillbook.credit.overpaid import keep
from tillbook.customers.models import Customer
from tillbook.panel.settings_lists import code_of
from tillbook.refunds.models import Refund
from tillbook.shop.details import ApprovalRule
from tillbook.shop.logos import logo
from tillbook.shop.policies import shop
from tillbook.staff.models import User

PAGES = [
    "/settings/", "/settings/shop/", "/settings/limits/", "/settings/refunds/", "/settings/mail/", "/settings/policies/",
    "/settings/credit-reasons/", "/settings/return-reasons/", "/settings/methods/", "/settings/approvals/", "/settings/numbering/",
]  # fmt: skip


@pytest.mark.parametrize("page", [*PAGES, "/settings/shop/logo/", "/settings/mail/test/"])
def test_only_admins_come_in(page: str, as_staff: Client, as_viewer: Client):
    for client in (as_staff, as_viewer):
        assert client.post(page).status_code == 403
        assert "/settings/" not in client.get("/").content.decode()


def test_money_goes_back_to_its_charge_first_where_the_shop_says_so(as_admin: Client):
    address = "/settings/refunds/"
    sent = {"seen": 0, "charge_first": "on", "charge_first_days": "90"}
    assert "Saved. It holds from now on." in as_admin.post(address, sent, follow=True).text
    assert (shop().charge_first, shop().charge_first_days) == (True, 90)
    as_admin.post(address, {"seen": 1, "charge_first_days": "90"})
    assert (shop().charge_first, shop().charge_first_days) == (False, 90)


@pytest.mark.parametrize("days", ["", "0", "-1", "3651", "soon"])
def test_days_that_are_none_are_refused_at_their_field(as_admin: Client, days: str):
    answer = as_admin.post("/settings/refunds/", {"seen": 0, "charge_first": "on", "charge_first_days": days})
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == ["charge_first_days"]
    assert not shop().charge_first


@pytest.mark.parametrize("page", PAGES)
def test_an_admin_sees_each_page(page: str, as_admin: Client):
    assert as_admin.get(page).status_code == 200


def test_the_shop_is_saved_and_its_name_stands_on_every_page(as_admin: Client):
    sent = {"seen": 0, "name": "Mill Lane", "address": "1 Mill Lane", "email": "", "tax_number": "GB 1"}
    shown = as_admin.post("/settings/shop/", sent, follow=True).content.decode()
    assert "Saved. It holds from now on." in shown
    assert "Shop · Mill Lane</title>" in shown
    again = as_admin.post("/settings/shop/", {**sent, "seen": 1}, follow=True).content.decode()
    assert "Nothing was changed." in again
    history = as_admin.get("/settings/").content.decode()
    assert history.count("Set here") == 1
    assert "Settings changed" in history and "Mill Lane" in history


def test_a_page_that_is_too_old_says_so_and_keeps_what_was_typed(as_admin: Client):
    limits = {
        "seen": 0,
        "staff_credit_limit": "50",
        "self_completion_limit": "500",
        "stale_refund_days": "90",
    }
    as_admin.post("/settings/limits/", limits)
    answer = as_admin.post("/settings/limits/", {**limits, "staff_credit_limit": "60"})
    assert answer.status_code == 422
    assert "admin changed these settings meanwhile" in answer.content.decode()
    assert 'value="60"' in answer.content.decode()
    assert shop().staff_credit_limit_minor == 5_000


def test_an_error_stands_at_its_field(as_admin: Client):
    sent = {
        "seen": 0,
        "staff_credit_limit": "a lot",
        "self_completion_limit": "500",
        "stale_refund_days": "90",
    }
    answer = as_admin.post("/settings/limits/", sent)
    assert answer.status_code == 422
    assert "is not an amount" in str(answer.context["form"].errors["staff_credit_limit"])


def test_a_logo_is_uploaded_shown_to_everybody_and_removed(as_admin: Client):
    upload = SimpleUploadedFile("logo.png", png(), "image/png")
    shown = as_admin.post("/settings/shop/logo/", {"seen": 0, "logo": upload}, follow=True)
    assert "The logo is saved." in shown.content.decode()
    found = logo()
    assert found is not None
    address = f"/logo/{found.digest}"
    login = Client().get("/account/login/", follow=True).content.decode()
    assert address in login
    answer = Client().get(address)
    assert (answer["Content-Type"], answer.content[:4]) == ("image/png", b"\x89PNG")
    as_admin.post("/settings/shop/logo/", {"seen": 1, "remove": ""})
    assert Client().get(address).status_code == 404


def test_a_wrong_logo_says_what_would_be_right(as_admin: Client):
    upload = SimpleUploadedFile("logo.svg", b"<svg/>", "image/svg+xml")
    answer = as_admin.post("/settings/shop/logo/", {"seen": 0, "logo": upload})
    assert answer.status_code == 422 and "no PNG or JPEG" in answer.content.decode()
    assert "Choose a picture." in as_admin.post("/settings/shop/logo/", {"seen": 0}).content.decode()


def test_what_the_environment_sets_is_shown_without_secrets(as_admin: Client, settings: Any):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "mail.example.com", 587
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "jo", "a secret word"
    for page in ("/settings/", "/settings/mail/"):
        shown = as_admin.get(page).content.decode()
        assert "mail.example.com:587" in shown
        assert "a secret word" not in shown and settings.SECRET_KEY not in shown
    assert "TILLBOOK_TIME_ZONE" in as_admin.get("/settings/").content.decode()


def _with_address(actor: Actor) -> None:
    User.objects.filter(pk=actor.user_id).update(email="ann@example.com")


def test_a_test_mail_needs_an_address(as_admin: Client):
    assert "You have no e-mail address" in as_admin.post("/settings/mail/test/", follow=True).content.decode()


def test_a_test_mail_is_from_whom_the_settings_say(
    as_admin: Client, admin_actor: Actor, settings: Any, mailoutbox: Any
):
    _with_address(admin_actor)
    as_admin.post("/settings/mail/", {"seen": 0, "mail_name": "Wick & Co", "mail_reply_to": "us@example.com"})
    shown = as_admin.post("/settings/mail/test/", follow=True).content.decode()
    assert "The mail server took the message to ann@example.com" in shown
    (message,) = mailoutbox
    assert message.from_email == "Wick & Co <tillbook@localhost>"
    assert (message.to, message.reply_to) == (["ann@example.com"], ["us@example.com"])
    assert message.extra_headers["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (smtplib.SMTPAuthenticationError(535, b"no"), "did not accept the user name and password"),
        (ConnectionRefusedError(111, "refused"), "Nothing takes mail at mail.example.com:587"),
        (TimeoutError("timed out"), "did not answer within 20 seconds"),
        (smtplib.SMTPException("odd"), "did not take the message to ann@example.com: odd"),
    ],
)
def test_a_test_mail_that_fails_says_why_in_words(
    error: Exception, said: str, as_admin: Client, admin_actor: Actor, settings: Any, monkeypatch: Any
):
    def fail(*_args: Any, **_more: Any) -> None:
        raise error

    _with_address(admin_actor)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "mail.example.com", 587
    monkeypatch.setattr("django.core.mail.backends.smtp.EmailBackend.open", fail)
    assert said in as_admin.post("/settings/mail/test/", follow=True).content.decode()


def as_sent(client: Client, page: str) -> dict[str, Any]:
    """What the page's form sends if nothing is changed."""
    form = client.get(page).context["form"]
    values = {field.html_name: field.value() for field in form}
    return {name: value for name, value in values.items() if value is not None and value is not False}


@pytest.mark.parametrize(
    "page", ["policies", "credit-reasons", "return-reasons", "methods", "shop", "limits", "mail"]
)
def test_a_page_that_is_saved_as_it_stands_changes_nothing(page: str, as_admin: Client):
    address = f"/settings/{page}/"
    shown = as_admin.post(address, as_sent(as_admin, address), follow=True).content.decode()
    assert "Nothing was changed." in shown


def test_a_reason_is_added_renamed_and_switched_off(as_admin: Client, maria: Customer):
    page = "/settings/credit-reasons/"
    sent = as_sent(as_admin, page)
    new = {"label": "Première commande", "house": "promotions", "days": "30"}
    sent |= {f"give_reasons.new.{name}": value for name, value in new.items()}
    sent["give_reasons.deposit.label"] = "Paid in"
    del sent["give_reasons.late_delivery.on"]
    as_admin.post(page, sent)
    reasons = shop().give_reasons
    assert reasons["premiere_command"].days == 30
    assert (reasons["deposit"].label, reasons["late_delivery"].on) == ("Paid in", False)
    offered = dict(as_admin.get("/customers/maria/give-credit/").context["form"].fields["reason"].choices)
    assert "Première commande" in offered.values() and "Late delivery" not in offered.values()


def test_an_error_in_the_row_of_a_new_entry_stands_there(as_admin: Client):
    page = "/settings/credit-reasons/"
    sent = as_sent(as_admin, page) | {
        "give_reasons.new.label": "Birthday", "give_reasons.new.refundable": "on",
    }  # fmt: skip
    answer = as_admin.post(page, sent)
    assert answer.status_code == 422
    assert "never turn into cash" in str(answer.context["form"].errors["give_reasons.new.refundable"])


def test_a_list_that_is_sent_twice_or_too_late_is_not_saved_over(as_admin: Client):
    page = "/settings/return-reasons/"
    sent = as_sent(as_admin, page)
    first = sent | {"return_reasons.new.label": "Too small"}
    for _click in (1, 2):
        assert as_admin.post(page, first).status_code == 302
    late = as_admin.post(page, sent | {"return_reasons.new.label": "Too large"})
    assert late.status_code == 422 and "changed these settings meanwhile" in late.content.decode()
    assert list(shop().return_reasons)[-2:] == ["other", "too_small"]


def test_the_form_of_a_refund_asks_for_what_the_methods_need(as_admin: Client, deposit: Credit):
    page = "/settings/methods/"
    sent = as_sent(as_admin, page)
    sent |= {"methods.new.label": "Swish", "methods.new.reference": "required"}
    del sent["methods.cheque.on"]
    as_admin.post(page, sent)
    address = "/customers/maria/pay-refund/"
    shown = as_admin.get(address).content.decode()
    assert 'data-method="swish"' in shown and "Cheque" not in shown and "Postal address" not in shown
    form = as_sent(as_admin, address) | {"method": "swish", "amount": "5", "bank_account": "12"}
    refused = as_admin.post(address, form)
    assert "Enter the payee" in str(refused.context["form"].errors["reference"])
    done = as_admin.post(address, form | {"reference": "070-1"}, follow=True).content.decode()
    assert "Swish" in done and "070-1" in done
    assert Refund.objects.get().bank_account == ""


def test_policies_fill_the_form_to_give_credit(as_admin: Client, maria: Customer):
    page = "/settings/policies/"
    as_admin.post(page, as_sent(as_admin, page) | {"manual_refundable": "on", "manual_days": "30"})
    address = "/customers/maria/give-credit/"
    form = as_sent(as_admin, address) | {"amount": "5", "reason": "goodwill"}
    assert form["refundable"]
    as_admin.post(address, form)
    goodwill = Credit.objects.get()
    assert not goodwill.refundable and goodwill.expires_at is not None
    form = as_sent(as_admin, address) | {"amount": "5", "reason": "deposit", "never": "on"}
    as_admin.post(address, form)
    deposit = Credit.objects.latest("id")
    assert deposit.refundable and deposit.expires_at is None


def test_an_overpayment_that_may_not_be_paid_out_is_not_offered_as_a_refund(
    as_admin: Client, admin_actor: Actor, now: datetime
):
    till = Till(admin_actor, now)
    order = till.place(line(1000))
    till.pay(order, 1500)
    assert ">Refund</a>" in as_admin.get("/overpayments/").content.decode()
    page = "/settings/policies/"
    sent = as_sent(as_admin, page)
    del sent["overpayment_refundable"]
    as_admin.post(page, sent)
    assert ">Refund</a>" in as_admin.get("/overpayments/").content.decode()  # it keeps its terms
    kept = Credit.objects.get()
    keep(customer_id=kept.customer_id, credit_id=kept.id, **till.by)
    till.pay(till.place(line(1000)), 1500)
    shown = as_admin.get("/overpayments/").content.decode()
    assert ">Refund</a>" not in shown and "it only pays orders" in shown


@pytest.mark.parametrize("days", ["0", "-1", "3651", "soon"])
def test_a_policy_s_days_must_be_some(days: str, as_admin: Client):
    page = "/settings/policies/"
    answer = as_admin.post(page, as_sent(as_admin, page) | {"return_days": days})
    assert answer.status_code == 422 and answer.context["form"].errors["return_days"]


@pytest.mark.parametrize(
    ("label", "taken", "code"),
    [
        ("Too small", [], "too_small"),
        ("Too small", ["too_small"], "too_small_2"),
        ("名前", [], "own"),
        ("new", [], "new_2"),
        ("24 hours late", [], "hours_late"),
        ("A reason that is very long", [], "a_reason_that_is"),
    ],
)
def test_a_code_is_made_of_the_label(label: str, taken: list[str], code: str):
    assert code_of(label, taken) == code


def rule(place: int, **more: str) -> dict[str, str]:
    row = {"approvals": "1", "above": "", "older_than_days": "", "methods": ""} | more
    return {f"approval_rules.{place}.{name}": value for name, value in row.items()}


def test_rules_of_approval_are_added_changed_and_removed(as_admin: Client):
    address = "/settings/approvals/"
    as_admin.post(address, {"seen": 0, **rule(1, above="500")})
    as_admin.post(
        address, {"seen": 1, **rule(1, above="500"), **rule(2, approvals="2", above="0", methods="cash")}
    )
    assert shop().approval_rules == (
        ApprovalRule(1, above_minor=500_00),
        ApprovalRule(2, methods=frozenset({"cash"})),
    )
    shown = as_admin.get(address).content.decode()
    assert 'value="500.00"' in shown
    removed = {"seen": 2, **rule(1), **rule(2, approvals="2", above="0", methods="cash"), **rule(3)}
    as_admin.post(address, removed)
    assert shop().approval_rules == (ApprovalRule(2, methods=frozenset({"cash"})),)


def test_a_wrong_rule_stands_at_its_row_and_nothing_is_saved(as_admin: Client):
    sent = {"seen": 0, **rule(1, above="a lot")}
    answer = as_admin.post("/settings/approvals/", sent)
    assert answer.status_code == 422
    assert "is not an amount" in str(answer.context["form"].errors["approval_rules.1.above"])
    days = as_admin.post("/settings/approvals/", {"seen": 0, **rule(1, above="1", older_than_days="0")})
    assert days.status_code == 422
    assert shop().approval_rules == ()


def test_a_series_of_numbers_is_begun_above_the_old_system_s(as_admin: Client):
    page = as_admin.get("/settings/numbering/").content.decode()
    assert "RF-1001" in page and "Go on with" in page
    nothing = as_admin.post("/settings/numbering/", {"refund": ""}, follow=True).content.decode()
    assert "Nothing was changed." in nothing
    saved = as_admin.post("/settings/numbering/", {"refund": "20001"}, follow=True).content.decode()
    assert "Saved. It holds from now on." in saved and "RF-20001" in saved
    history = as_admin.get("/settings/").content.decode()
    assert "RF: RF-1001 → RF-20001" in history


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("20000", "Numbers only count up: enter 20001 or more."),
        ("1000000000", "must be from 1001 to 999999999"),
        ("0", "must be from 1001 to 999999999"),
        ("-1", "must be from 1001 to 999999999"),
        ("20.001", "Enter a whole number."),
        ("RF-20002", "Enter a whole number."),
    ],
)
def test_a_number_that_a_series_can_t_go_on_with_says_so_at_its_field(
    as_admin: Client, typed: str, said: str
):
    as_admin.post("/settings/numbering/", {"refund": "20001"})
    answer = as_admin.post("/settings/numbering/", {"refund": typed, "payment": "5000"})
    shown = answer.content.decode()
    assert (answer.status_code, said in shown, f'value="{typed}"' in shown) == (422, True, True)
    assert list(answer.context["form"].errors) == ["refund"]
    assert "PAY-1001" in shown, "nothing is half done"
