"""Mails in the panel: what is sent, what it says, what became of it, and who does without."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from tests.delivery.mailbox import parsed
from tests.panel.test_settings import as_sent
from tillbook.common.actor import Actor
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.credit.models import Credit
from tillbook.customers.models import Customer
from tillbook.delivery.links import stop_token
from tillbook.delivery.mail_finding import Watch, find
from tillbook.delivery.mail_sending import send_due
from tillbook.delivery.models import Mail
from tillbook.events.models import Event
from tillbook.panel.stop_views import limiter
from tillbook.shop.policies import shop
from tillbook.staff.models import User

PAGE, TEXT = "/settings/mails/", "/settings/mails/credit_issued/"


@pytest.fixture(autouse=True)
def fresh() -> None:
    limiter.cache_clear()


@pytest.fixture
def told(as_admin: Client, deposit: Credit, now: datetime) -> Mail:
    """A mail to Maria that the server did not take."""
    return Mail.objects.create(
        kind="credit_issued", event_id=1, customer=deposit.customer, about=deposit.number, state="failed",
        created_at=now, next_at=now, last_at=now, answer="550 no such mailbox", to="maria@example.com",
    )  # fmt: skip


def test_kinds_are_off_until_somebody_switches_them_on(as_admin: Client):
    sent = as_sent(as_admin, PAGE)
    assert set(sent) == {"seen", "expiring_days"}
    as_admin.post(PAGE, sent | {"refund_paid": "on", "expiring_days": "30"})
    assert [kind for kind, setting in shop().mails.items() if setting.on] == ["refund_paid"]
    assert shop().expiring_days == 30
    assert as_sent(as_admin, PAGE)["refund_paid"] is True


@pytest.mark.parametrize("days", ["0", "-1", "366", "soon", ""])
def test_days_that_can_not_be_are_named(as_admin: Client, days: str):
    answer = as_admin.post(PAGE, as_sent(as_admin, PAGE) | {"expiring_days": days})
    assert answer.status_code == 422 and answer.context["form"].errors["expiring_days"]
    assert shop().expiring_days == 14


def test_a_text_is_previewed_then_saved_then_given_up_again(as_admin: Client):
    first = as_sent(as_admin, TEXT)
    own = first | {"subject": "Good news, {customer}", "body": "You have {amount}.\r\n\r\n{note}\r\nBye"}
    shown = as_admin.post(TEXT, own | {"preview": "1"}).content.decode()
    assert "Good news, Jo Marsh" in shown and "You have £25.50.\n\nBye" in shown
    assert not shop().mails["credit_issued"].texts  # a preview saves nothing
    as_admin.post(TEXT, own)
    assert shop().mails["credit_issued"].texts["en"].subject == "Good news, {customer}"
    again = as_sent(as_admin, TEXT)
    assert again["body"] == "You have {amount}.\n\n{note}\nBye"
    as_admin.post(TEXT, again | {"subject": first["subject"], "body": first["body"]})
    assert not shop().mails["credit_issued"].texts


@pytest.mark.parametrize(
    ("typed", "field", "said"),
    [
        ({"body": "Hello {name}"}, "body", "{name} is no placeholder of this mail. Use {customer}, {shop},"),
        ({"body": "{customer.password}"}, "body", "is no placeholder"),
        ({"body": "{amount:>9999999}"}, "body", "is no placeholder"),
        ({"body": "{0}"}, "body", "is no placeholder"),
        ({"body": "{{customer}}"}, "body", "A brace stands by itself"),
        ({"body": "{customer"}, "body", "A brace stands by itself"),
        ({"subject": "{account}"}, "subject", "is no placeholder"),
        ({"body": " "}, "body", "Enter the text."),
        ({"subject": ""}, "subject", "Enter the subject."),
        ({"body": "x" * 4_001}, "body", "at most 4000 characters"),
        ({"body": "a\x07b"}, "body", "control characters"),
    ],
)
@pytest.mark.parametrize("button", [{}, {"preview": "1"}])
def test_a_text_that_can_not_be_is_refused_at_its_field(
    as_admin: Client, typed: dict[str, str], field: str, said: str, button: dict[str, str]
):
    answer = as_admin.post(TEXT, as_sent(as_admin, TEXT) | typed | button)
    assert answer.status_code == 422
    assert said in " ".join(answer.context["form"].errors[field])
    assert not shop().mails["credit_issued"].texts


def test_a_preview_is_about_a_customer_s_last_event(as_admin: Client, deposit: Credit):
    sent = as_sent(as_admin, TEXT) | {"preview": "1", "customer": "maria"}
    shown = as_admin.post(TEXT, sent).content.decode()
    assert "Dear Maria Holt," in shown and "£120.00" in shown and deposit.number in shown
    paid = "/settings/mails/refund_paid/"
    nothing = as_admin.post(paid, as_sent(as_admin, paid) | {"preview": "1", "customer": "maria"})
    assert nothing.status_code == 422
    assert "There is nothing at maria" in str(nothing.context["form"].errors["customer"])
    unknown = as_admin.post(TEXT, sent | {"customer": "nobody", "body": "Dear all"})
    assert unknown.status_code == 422
    assert "nobody" in str(unknown.context["form"].errors["customer"])
    assert unknown.context["form"]["body"].value() == "Dear all", "what was typed is still there"


def test_the_shop_s_history_shows_the_beginning_of_a_text(as_admin: Client):
    as_admin.post(TEXT, as_sent(as_admin, TEXT) | {"body": "Hello " * 100})
    shown = as_admin.get("/settings/").content.decode()
    assert "Hello Hello" in shown and "Hello " * 20 not in shown


def test_a_sample_goes_to_the_reader(as_admin: Client, admin_actor: Actor, settings: Any, tmp_path: Any):
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path)
    refused = as_admin.post(f"{TEXT}sample/", follow=True).content.decode()
    assert "You have no e-mail address" in refused and not list(tmp_path.iterdir())
    User.objects.filter(pk=admin_actor.user_id).update(email="ada@example.com")
    as_admin.post(f"{TEXT}sample/")
    [path] = tmp_path.iterdir()
    assert "To: ada@example.com" in path.read_text() and "Dear Jo Marsh," in path.read_text()


def test_approvals_have_no_text_to_edit(as_admin: Client):
    assert as_admin.get("/settings/mails/approval_waiting/").status_code == 404
    assert as_admin.get("/settings/mails/nonsense/").status_code == 404


def test_a_mail_that_did_not_go_stands_on_home_until_somebody_decides(as_admin: Client, told: Mail):
    home = as_admin.get("/").content.decode()
    assert "Mails that did not go" in home and told.number in home
    listed = as_admin.get("/mails/?state=wrong").content.decode()
    assert "550 no such mailbox" in listed and "Maria Holt" in listed
    as_admin.post("/mails/send-again/", {"mail": told.number})
    assert Mail.objects.get().state == "waiting"
    assert "Mails that did not go" not in as_admin.get("/").content.decode()


def test_staff_decide_from_the_customer_s_page_and_viewers_only_look(
    as_staff: Client, as_viewer: Client, told: Mail
):
    page = "/customers/maria/mails/"
    assert "Send again" in as_staff.get(page).content.decode()
    seen = as_viewer.get(page).content.decode()
    assert "Not taken" in seen and "Send again" not in seen
    for name in ("send-again", "leave"):
        assert as_viewer.post(f"/mails/{name}/", {"mail": told.number}).status_code == 403
    assert Mail.objects.get().state == "failed"
    assert as_staff.post("/mails/leave/", {"mail": told.number}).url == page
    assert Mail.objects.get().state == "dropped"


def test_what_is_no_mail_is_not_found(as_admin: Client):
    for text in ("ML-9999", "nonsense", ""):
        assert as_admin.post("/mails/send-again/", {"mail": text}).status_code == 404


def test_addresses_of_admins_are_for_who_manages_users(
    as_staff: Client, as_admin: Client, told: Mail, now: datetime
):
    Mail.objects.create(
        kind="approval_waiting", event_id=2, user_id=7, about="RF-1001", state="failed", created_at=now,
        next_at=now, to="boss@example.com",
    )  # fmt: skip
    number = Mail.objects.get(user_id=7).number
    assert "boss@example.com" in as_admin.get("/mails/").content.decode()
    assert "boss@example.com" not in as_staff.get("/mails/").content.decode()
    assert as_staff.post("/mails/send-again/", {"mail": number}).status_code == 403
    assert Mail.objects.get(user_id=7).state == "failed"


def test_staff_choose_for_a_customer_and_history_says_so(as_staff: Client, maria: Customer):
    page = "/customers/maria/mails/"
    as_staff.post(page, {"credit_expiring": "on"})
    maria.refresh_from_db()
    assert maria.no_mails == ["credit_issued"]
    as_staff.post(page, {})  # no switch is on
    maria.refresh_from_db()
    assert maria.no_mails == ["credit_issued", "credit_expiring"]
    shown = as_staff.get("/customers/maria/").content.decode()
    assert "Mails to the customer chosen" in shown and "Opted out of some" in shown
    assert "no mails: credit issued → credit issued, credit expiring" in shown.lower().replace("&#x27;", "'")


def test_a_viewer_chooses_nothing(as_viewer: Client, maria: Customer):
    assert as_viewer.post("/customers/maria/mails/", {}).status_code == 403
    maria.refresh_from_db()
    assert maria.no_mails == []


def test_a_link_stops_mails_with_one_click_of_a_button(maria: Customer):
    address, stranger = (
        f"/mails/stop/{stop_token(maria.pk, 'credit_issued')}/",
        Client(enforce_csrf_checks=True),
    )
    asked = stranger.get(address)
    assert "Stop these mails?" in asked.text and "no-store" in asked["Cache-Control"]
    for secret in ("Maria", "maria", "Holt"):
        assert secret not in asked.text
    maria.refresh_from_db()
    assert maria.no_mails == []  # programs open links too
    for _click in range(2):  # as a mail program posts (RFC 8058), without a cookie
        done = stranger.post(address, {"List-Unsubscribe": "One-Click"})
        assert done.status_code == 200 and "You get no more of these mails" in done.text
    maria.refresh_from_db()
    assert maria.no_mails == ["credit_issued"]
    event = Event.objects.get(action="customer.mails_chosen")
    assert (event.actor_name, event.actor_role, event.subject, event.origin) == (
        "customer",
        "customer",
        "maria",
        "mail 127.0.0.1",
    )
    assert "You get no more of these mails" in stranger.get(address).text


def test_links_that_the_shop_did_not_make_say_nothing(maria: Customer, told: Mail):
    good = stop_token(maria.pk, "credit_issued")
    wrong = [
        good[:-1] + ("A" if good[-1] != "A" else "B"),
        good.replace("credit_issued", "credit_expiring"),
        good.replace(f"{maria.pk}.", f"{maria.pk + 1}."),
        stop_token(maria.pk, "refund_paid"),  # that kind can't be stopped
        stop_token(maria.pk + 99, "credit_issued"),
        "x",
    ]
    for token in wrong:
        for send in (Client().get, Client().post):
            answer = send(f"/mails/stop/{token}/")
            assert answer.status_code == 404 and "No such link" in answer.text
    maria.refresh_from_db()
    assert maria.no_mails == []
    assert Client().get("/mails/stop/%00/").status_code == 404


def test_an_old_detail_that_would_be_refused_today_keeps_nobody_from_stopping_mails(maria: Customer):
    Customer.objects.filter(pk=maria.pk).update(email="maria at holt")
    answer = Client().post(f"/mails/stop/{stop_token(maria.pk, 'credit_issued')}/")
    assert answer.status_code == 200
    maria.refresh_from_db()
    assert maria.no_mails == ["credit_issued"]


def test_who_tries_too_often_is_stopped(maria: Customer):
    address = f"/mails/stop/{stop_token(maria.pk, 'credit_issued')}/"
    assert Client().get(address).status_code == 200
    while limiter().take("127.0.0.1").remaining >= 0:
        pass
    assert Client().get(address).status_code == 429


def test_the_link_in_a_mail_is_the_one_that_stops_it(
    as_admin: Client, maria: Customer, deposit: Credit, settings: Any, tmp_path: Any, now: datetime
):
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path)
    settings.TILLBOOK_ADDRESS = "https://credit.example.com"
    as_admin.post(PAGE, as_sent(as_admin, PAGE) | {"credit_issued": "on"})
    by = {"key": "more", "actor": Actor.system("test"), "now": now}
    credit.give(
        customer_id=maria.pk, amount=Money(100, "GBP"), reason="goodwill", refundable=False,
        expires_at=None, **by,
    )  # fmt: skip
    find(Watch(), now)
    assert send_due(lambda: now) == 1
    [path] = tmp_path.iterdir()
    message = parsed(path.read_bytes())
    address = message["List-Unsubscribe"].strip(" <>")
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert address.startswith("https://credit.example.com/mails/stop/") and address in message.get_content()
    Client().post(address.removeprefix("https://credit.example.com"))
    maria.refresh_from_db()
    assert maria.no_mails == ["credit_issued"]


def test_a_customer_who_stopped_a_mail_meanwhile_stays_without_it(as_staff: Client, maria: Customer):
    page = "/customers/maria/mails/"
    seen = dict(re.findall(r'name="(initial-[a-z_]+)" value="([^"]*)"', as_staff.get(page).content.decode()))
    assert set(seen) == {"initial-credit_issued", "initial-credit_expiring"}
    Customer.objects.update(no_mails=["credit_issued"])
    as_staff.post(page, seen | {"credit_issued": "on"})  # they saw both on, and switched the other off
    maria.refresh_from_db()
    assert sorted(maria.no_mails) == ["credit_expiring", "credit_issued"]


def test_an_address_too_long_for_its_line_goes_on_before_its_at(as_staff: Client, maria: Customer):
    assert "<dd>maria<wbr>@example.com</dd>" in as_staff.get("/customers/maria/").text
    Customer.objects.update(email="<b>@example.com")
    assert "<dd>&lt;b&gt;<wbr>@example.com</dd>" in as_staff.get("/customers/maria/").text
