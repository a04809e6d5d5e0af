"""Who reads which language: people their own, else the shop's; before log-in the browser's; programs English."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pypdf import PdfReader

from tests.panel.conftest import logged_in
from tillbook.common.actor import Actor, Role, Scope
from tillbook.common.errors import InvalidInput, PermissionDenied
from tillbook.credit.models import Credit
from tillbook.customers.models import Customer
from tillbook.events.models import Event
from tillbook.staff import keys, services
from tillbook.staff.models import User
from tillbook.staff.queries import user_by_id


def choose(actor: Actor, language: str, now: datetime) -> None:
    services.choose_language(actor.user_id or 0, language, actor=actor, now=now)


def page(client: Client, path: str = "/orders/", **headers: Any) -> str:
    answer = client.get(path, **headers)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_ones_own_language(as_staff: Client, staff_actor: Actor, maria: Customer, now: datetime):
    assert '<html lang="en">' in page(as_staff)
    choose(staff_actor, "de", now)
    shown = page(as_staff)
    assert '<html lang="de">' in shown
    assert "Noch keine Bestellungen" in shown
    assert "No orders yet" not in shown


def test_without_a_choice_it_is_the_shops(as_staff: Client, maria: Customer, settings: Any):
    settings.LANGUAGE_CODE = "de"
    assert "Noch keine Bestellungen" in page(as_staff, HTTP_ACCEPT_LANGUAGE="en")


def test_a_language_that_is_there_no_more_is_the_shops(as_staff: Client, maria: Customer):
    User.objects.update(language="tlh")
    assert '<html lang="en">' in page(as_staff)


@pytest.mark.parametrize(
    ("asked", "heading"),
    [("de-AT,de;q=0.9,en;q=0.8", "Anmelden"), ("fr,en;q=0.5", "Log in"), ("fr", "Log in"), ("", "Log in")],
)
def test_before_log_in_the_browser_is_asked(db: None, asked: str, heading: str):
    assert f"<h1>{heading}</h1>" in page(Client(), "/login/", HTTP_ACCEPT_LANGUAGE=asked)


def test_refusals_and_errors_are_in_the_readers_language(
    as_staff: Client, staff_actor: Actor, maria: Customer, now: datetime
):
    choose(staff_actor, "de", now)
    wrong = as_staff.post("/orders/new/?customer=maria", {"shipping": "1,2,3"}).content.decode()
    assert "&#x27;1,2,3&#x27; ist kein Betrag." in wrong
    missing = as_staff.get("/orders/N1/")
    assert (missing.status_code, "Es gibt keine Bestellung" in missing.content.decode()) == (404, True)
    denied = as_staff.get("/users/")
    assert denied.status_code == 403
    assert "Ihre Rolle (Bearbeiter) erlaubt das nicht: Benutzer verwalten." in denied.content.decode()


def test_a_language_takes_no_query(as_staff: Client, staff_actor: Actor, maria: Customer, now: datetime):
    page(as_staff)
    counts = []
    for language in ("", "de"):
        choose(staff_actor, language, now)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            page(as_staff)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_programs_read_english(db: None, admin_actor: Actor, maria: Customer, settings: Any, now: datetime):
    settings.LANGUAGE_CODE = "de"
    owner = user_by_id(admin_actor.user_id or 0)
    _key, secret = keys.add_key(owner=owner, name="shop", scopes=[Scope.READ], actor=admin_actor, now=now)
    client = Client(HTTP_ACCEPT_LANGUAGE="de")
    answer = client.get("/api/v1/customers/nobody", headers={"Authorization": f"Bearer {secret}"})
    assert (answer.status_code, answer["Content-Language"]) == (404, "en")
    assert answer.json()["detail"] == "There is no customer 'nobody'."


def test_the_choice_is_made_on_ones_account(as_staff: Client, staff_actor: Actor, maria: Customer):
    shown = as_staff.post("/account/language/", {"language": "de"}, follow=True).content.decode()
    assert "Die Seiten sind von jetzt an in dieser Sprache." in shown
    event = Event.objects.latest("pk")
    assert (event.action, event.data["changed"]) == ("user.language_chosen", {"language": ["", "de"]})
    again = as_staff.post("/account/language/", {"language": "de"}, follow=True).content.decode()
    assert "Die Seiten sind von jetzt an in dieser Sprache." in again
    assert Event.objects.filter(action="user.language_chosen").count() == 1
    back = as_staff.post("/account/language/", {"language": ""}, follow=True).content.decode()
    assert "The pages are in this language from now on." in back


def test_a_language_that_there_is_not_is_refused(as_staff: Client, staff_actor: Actor, now: datetime):
    shown = as_staff.post("/account/language/", {"language": "tlh"}, follow=True).content.decode()
    assert "Choose one of the languages in the list." in shown
    with pytest.raises(InvalidInput, match="There is no language 'tlh'. Choose one of en, de."):
        choose(staff_actor, "tlh", now)
    assert user_by_id(staff_actor.user_id or 0).language == ""


def test_nobody_chooses_for_others(staff_actor: Actor, admin_actor: Actor, now: datetime):
    with pytest.raises(PermissionDenied):
        services.choose_language(admin_actor.user_id or 0, "de", actor=staff_actor, now=now)
    assert user_by_id(admin_actor.user_id or 0).language == ""


def test_mail_to_a_user_is_in_theirs(as_admin: Client, admin_actor: Actor, settings: Any, now: datetime):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    ida = services.add_user(
        username="ida", role=Role.STAFF, password=None, email="ida@example.com", actor=admin_actor, now=now
    )
    services.choose_language(ida.pk, "de", actor=admin_actor, now=now)
    as_admin.post(f"/users/{ida.pk}/link/")
    assert mail.outbox[0].subject == "Ihre Einladung zu Tillbook shop"
    assert "Wählen Sie hier innerhalb von drei Tagen Ihr Passwort:" in mail.outbox[0].body


def test_whoever_reads_it_the_book_is_the_same(
    as_staff: Client, staff_actor: Actor, admin_actor: Actor, maria: Customer, now: datetime
):
    choose(staff_actor, "de", now)
    sent = {"amount": "5.00", "reason": "goodwill", "key": "k1"}
    as_staff.post("/customers/maria/give-credit/", sent)
    event = Event.objects.get(action="credit.issued")
    assert (event.reason, event.data["amount"]) == ("goodwill", "5.00 GBP")
    assert "Goodwill" in page(logged_in(admin_actor), "/customers/maria/")
    assert "Kulanz" in page(as_staff, "/customers/maria/")


def test_amounts_and_dates_are_as_the_shop_writes_them(as_admin: Client, maria: Customer, settings: Any):
    settings.LANGUAGE_CODE = "de"
    settings.TILLBOOK_SHOP = replace(settings.TILLBOOK_SHOP, locale="de_DE")
    sent = {"amount": "1.005,50", "reason": "deposit", "refundable": "on", "key": "k1"}
    with time_machine.travel(datetime(2026, 3, 2, 10, 30, tzinfo=UTC), tick=False):
        as_admin.post("/customers/maria/give-credit/", sent)
    credit = Credit.objects.get()
    assert credit.issued_minor == 100_550
    shown = page(as_admin, f"/credits/{credit.number}/")
    assert "£1.005,50" in shown or "1.005,50\xa0£" in shown
    assert "2. März 2026, 10:30" in shown
    assert "1005,50 GBP · Anzahlung" in page(as_admin, "/customers/maria/")
    assert 'value="1005,50"' in page(as_admin, f"/customers/maria/pay-refund/?credit={credit.number}")


def test_a_report_s_file_is_in_the_readers_language(
    as_admin: Client, admin_actor: Actor, maria: Customer, now: datetime
):
    choose(admin_actor, "de", now)
    file = as_admin.get("/reports/liability/file.pdf")
    text = PdfReader(BytesIO(file.getvalue())).pages[0].extract_text()
    assert "Verbindlichkeiten" in text
    assert "Bis dahin war nichts geschehen." in text
    assert "Seite 1 von 1" in text
