"""Links to a customer's own page: who gets one, and that each opens it once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.core.mail import EmailMessage
from django.test import Client

from tests.portal.conftest import WORKS, mailed_links, opened, switched_on
from tillbook.common.actor import Actor
from tillbook.common.errors import PermissionDenied
from tillbook.common.mail import NoEmailAddress
from tillbook.customers import links
from tillbook.customers import services as customers
from tillbook.customers.models import AskedLink, Customer, Link, Visit
from tillbook.delivery import own_page
from tillbook.delivery.own_page import AddressMissing, OwnPageOff, send_asked, send_link
from tillbook.events.models import Event

NOW = datetime(2026, 3, 2, 10, 30, tzinfo=UTC)
SITE = "https://shop.example"


def open_with(path: str) -> tuple[Client, int]:
    """Click on a link and on its button: the browser, and the status of the button's answer."""
    browser = Client()
    page = browser.get(path)
    if page.status_code != 200:
        return browser, page.status_code
    return browser, browser.post("/my/open/", {"token": path.split("/")[3]}).status_code


class TestAsking:
    def test_whoever_enters_a_known_address_gets_a_link_that_opens_their_page(self, maria: Customer) -> None:
        with time_machine.travel(NOW, tick=False):
            answer = Client().post("/my/", {"email": " Maria@Example.com "})
            assert "If we know this address, a link is on its way." in answer.content.decode()
            (path,) = mailed_links(NOW)
            assert (mail.outbox[0].to, mail.outbox[0].subject) == (
                ["maria@example.com"],
                "Your page at Tillbook shop",
            )
            assert mail.outbox[0].extra_headers["Auto-Submitted"] == "auto-generated"
            browser, status = open_with(path)
            assert status == 302
            assert "Hello Maria Holt" in browser.get("/my/").content.decode()

    def test_a_known_and_an_unknown_address_get_the_same_answer_for_the_same_work(
        self, maria: Customer, django_assert_num_queries: Any
    ) -> None:
        answers = []
        Client().post("/my/", {"email": "first@example.com"})  # what is only read once is read by now
        for email in ("maria@example.com", "nobody@example.com"):
            with django_assert_num_queries(1):  # the note; nobody is looked up
                answer = Client().post("/my/", {"email": email})
            answers.append((answer.status_code, answer.content, sorted(answer.headers.items())))
        assert answers[0] == answers[1]

    def test_nothing_is_mailed_to_an_address_that_nobody_has(self, maria: Customer) -> None:
        Client().post("/my/", {"email": "nobody@example.com"})
        assert mailed_links(datetime.now(UTC)) == []
        assert not AskedLink.objects.exists()
        assert not Link.objects.exists()

    @pytest.mark.parametrize(
        ("host", "address", "begins"),
        [
            ("testserver", "", "http://testserver/my/open/"),
            ("testserver:80", "", "http://testserver:80/my/open/"),
            ("testserver:6666", "", None),
            ("testserver:6666", "https://till.example", "https://till.example/my/open/"),
        ],
    )
    def test_a_stranger_does_not_say_to_which_port_a_link_leads(
        self, maria: Customer, settings: Any, host: str, address: str, begins: str | None
    ) -> None:
        settings.TILLBOOK_ADDRESS = address
        answer = Client().post("/my/", {"email": "maria@example.com"}, headers={"host": host})
        own_page.send_asked(lambda: datetime.now(UTC))
        assert answer.status_code == (400 if begins is None else 200)
        assert [begins in each.body for each in mail.outbox] == ([] if begins is None else [True])

    def test_what_is_no_address_is_told_so(self, shop_on: None) -> None:
        for wrong in ("", "jo", "jo@", "a" * 250 + "@example.com"):
            answer = Client().post("/my/", {"email": wrong})
            assert answer.status_code == 422, wrong
        assert not AskedLink.objects.exists()

    def test_several_accounts_at_one_address_get_one_mail_with_a_link_each(
        self, maria: Customer, system_actor: Actor, now: datetime
    ) -> None:
        paul = customers.add(username="paul", email="maria@example.com", actor=system_actor, now=now)
        Client().post("/my/", {"email": "MARIA@example.com"})
        at = datetime.now(UTC)
        paths = mailed_links(at)
        (message,) = mail.outbox
        assert "Maria Holt (maria):\n" in message.body
        assert "paul:\n" in message.body
        names = []
        for path in paths:
            browser, status = open_with(path)
            assert status == 302
            names.append(browser.get("/my/").context["customer"].pk)
        assert sorted(names) == sorted([maria.pk, paul.pk])

    @pytest.mark.parametrize(
        "typed", ["mar\u0131a@example.com", "MAR\u0130A@example.com", "maria@ex\u0430mple.com"]
    )
    def test_mail_never_goes_to_an_address_that_only_looks_alike(self, maria: Customer, typed: str) -> None:
        links.ask_for_link(typed, language="en", address=f"{SITE}/my/", now=NOW)
        mailed_links(NOW)
        assert {address for each in mail.outbox for address in each.to} <= {"maria@example.com"}

    def test_the_mail_is_in_the_language_of_the_page(self, maria: Customer) -> None:
        Client().post("/my/", {"email": "maria@example.com"}, headers={"accept-language": "de"})
        mailed_links(datetime.now(UTC))
        assert mail.outbox[0].subject == "Ihre Seite bei Tillbook shop"

    def test_asking_often_is_throttled_alike_for_known_and_unknown(self, maria: Customer) -> None:
        for email in ("maria@example.com", "nobody@example.com"):
            statuses = [Client().post("/my/", {"email": email}).status_code for _ in range(3)]
            assert statuses == [200, 200, 429], email

    def test_one_place_is_throttled_whatever_the_addresses(self, shop_on: None) -> None:
        statuses = [Client().post("/my/", {"email": f"a{n}@example.com"}).status_code for n in range(12)]
        assert statuses == [200] * 10 + [429] * 2

    def test_a_mailbox_gets_no_more_than_five_links_an_hour(self, maria: Customer, now: datetime) -> None:
        for minute in range(8):
            at = now + timedelta(minutes=minute)
            links.ask_for_link("maria@example.com", language="en", address=f"{SITE}/my/", now=at)
            assert len(mailed_links(at)) == (1 if minute < 5 else 0)

    def test_a_mail_server_that_was_away_for_ten_minutes_costs_no_link(
        self, maria: Customer, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        links.ask_for_link("maria@example.com", language="en", address=f"{SITE}/my/", now=now)
        with monkeypatch.context() as away:
            away.setattr(EmailMessage, "send", _refused)
            for minute in range(10):
                assert mailed_links(now + timedelta(minutes=minute)) == []
        assert not Link.objects.exists()
        assert len(mailed_links(now + timedelta(minutes=11))) == 1

    def test_a_round_answers_a_hundred_wishes_and_leaves_the_rest_to_the_next(
        self, shop_on: None, now: datetime
    ) -> None:
        for number in range(101):
            links.ask_for_link(f"a{number}@example.com", language="en", address=f"{SITE}/my/", now=now)
        mailed_links(now)
        assert AskedLink.objects.count() == 1


def _refused(_message: EmailMessage) -> None:
    raise ConnectionRefusedError("the server is away")


class TestMailing:
    @pytest.mark.parametrize("since", ["", "maria@example.com\nBcc: x@example.com"])
    def test_nothing_goes_where_the_address_is_none_any_more(
        self, maria: Customer, staff_actor: Actor, now: datetime, since: str
    ) -> None:
        send_link(maria.pk, site=SITE, actor=staff_actor, now=now)
        Customer.objects.filter(pk=maria.pk).update(email=since)
        assert mailed_links(now) == []
        assert not AskedLink.objects.exists()
        assert not Link.objects.exists()
        assert not Event.objects.filter(action="customer.link_sent").exists()

    def test_staff_send_a_link_and_history_keeps_who(
        self, maria: Customer, staff_actor: Actor, now: datetime
    ) -> None:
        assert send_link(maria.pk, site=SITE, actor=staff_actor, now=now) == "maria@example.com"
        (path,) = mailed_links(now)
        assert path.startswith("/my/open/")
        events = Event.objects.filter(customer_id=maria.pk, action__startswith="customer.link").order_by("pk")
        assert [(each.action, each.actor_name, each.data["to"]) for each in events] == [
            ("customer.link_asked", "staff", "maria@example.com"),
            ("customer.link_sent", "system", "maria@example.com"),
        ]
        token = path.split("/")[3]
        assert not [each for each in events if token in str(each.data)]

    def test_refused_without_an_address_and_to_viewers_and_while_switched_off(
        self, maria: Customer, viewer_actor: Actor, staff_actor: Actor, admin_actor: Actor, now: datetime
    ) -> None:
        nobody = customers.add(username="nomail", actor=staff_actor, now=now)
        with pytest.raises(NoEmailAddress):
            send_link(nobody.pk, site=SITE, actor=staff_actor, now=now)
        with pytest.raises(PermissionDenied):
            send_link(maria.pk, site=SITE, actor=viewer_actor, now=now)
        with pytest.raises(AddressMissing):
            send_link(maria.pk, actor=staff_actor, now=now)
        switched_on(admin_actor, now, own_page=False)
        with pytest.raises(OwnPageOff):
            send_link(maria.pk, site=SITE, actor=staff_actor, now=now)
        assert not AskedLink.objects.exists()

    def test_the_address_that_is_set_counts_before_the_one_that_was_used(
        self, maria: Customer, staff_actor: Actor, now: datetime, settings: Any
    ) -> None:
        assert own_page.own_page_address() == ""
        settings.TILLBOOK_ADDRESS = "https://till.example"
        assert own_page.own_page_address() == "https://till.example/my/"
        send_link(maria.pk, site="https://other.example", actor=staff_actor, now=now)
        mail.outbox.clear()
        send_asked(lambda: now)
        assert "\nhttps://till.example/my/open/" in mail.outbox[0].body

    def test_a_mail_server_that_refuses_is_tried_again_for_a_quarter_of_an_hour(
        self, maria: Customer, staff_actor: Actor, now: datetime, settings: Any
    ) -> None:
        send_link(maria.pk, site=SITE, actor=staff_actor, now=now)
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1  # nobody listens there
        assert send_asked(lambda: now) == 0
        assert AskedLink.objects.get().next_at == now + timedelta(minutes=1)
        assert send_asked(lambda: now + timedelta(seconds=59)) == 0
        assert send_asked(lambda: now + timedelta(minutes=16)) == 0
        assert not AskedLink.objects.exists()
        assert not Event.objects.filter(action="customer.link_sent").exists()

    def test_a_wish_of_a_process_that_died_is_taken_up_by_another(
        self, maria: Customer, staff_actor: Actor, now: datetime
    ) -> None:
        send_link(maria.pk, site=SITE, actor=staff_actor, now=now)
        AskedLink.objects.update(next_at=now + timedelta(minutes=2))  # as the dead one left it
        assert send_asked(lambda: now + timedelta(minutes=1)) == 0
        assert send_asked(lambda: now + timedelta(minutes=3)) == 1


class TestOpening:
    def test_looking_at_a_link_does_not_use_it_up_and_its_button_does(self, maria: Customer) -> None:
        token = links.new_link(maria, works_for=WORKS, now=datetime.now(UTC))
        for _ in range(3):  # programs that look into mails
            assert Client().get(f"/my/open/{token}/").status_code == 200
        assert Client().post("/my/open/", {"token": token}).status_code == 302
        assert Client().post("/my/open/", {"token": token}).status_code == 404
        answer = Client().get(f"/my/open/{token}/")
        assert (answer.status_code, "Ask for a new link" in answer.content.decode()) == (404, True)
        assert Event.objects.filter(action="customer.page_opened").count() == 1

    def test_a_spent_link_leads_to_the_page_where_that_is_open(self, maria: Customer) -> None:
        with time_machine.travel(NOW, tick=False):
            Client().post("/my/", {"email": "maria@example.com"})
            (path,) = mailed_links(NOW)
            browser, status = open_with(path)
            assert status == 302
            again = browser.get(path), browser.post("/my/open/", {"token": path.split("/")[3]})
            assert [(each.status_code, each.headers.get("Location")) for each in again] == [(302, "/my/")] * 2
            assert Client().get(path).status_code == 404

    def test_a_late_and_a_wrong_link_look_alike_and_open_nothing(self, maria: Customer) -> None:
        with time_machine.travel(NOW, tick=False):
            late = links.new_link(maria, works_for=WORKS, now=NOW - WORKS)
            pages = []
            for token in (late, "x" * 43, "'", "a" * 5000):
                answer = Client().get(f"/my/open/{token}/")
                assert answer.status_code == 404
                pages.append(answer.content)
                assert Client().post("/my/open/", {"token": token}).status_code == 404
            assert len(set(pages)) == 1
        assert not Visit.objects.exists()

    def test_only_digests_are_stored(self, maria: Customer) -> None:
        token = links.new_link(maria, works_for=WORKS, now=datetime.now(UTC))
        browser = Client()
        browser.post("/my/open/", {"token": token})
        cookie = browser.cookies["tillbook_my"].value
        stored = f"{Link.objects.values().get()}{Visit.objects.values().get()}"
        assert token not in stored
        assert cookie.split(":")[0] not in stored

    def test_a_link_to_an_address_that_is_not_theirs_any_more_opens_nothing(
        self, maria: Customer, system_actor: Actor
    ) -> None:
        at = datetime.now(UTC)
        token = links.new_link(maria, works_for=WORKS, now=at)
        browser = opened(maria)
        other = links.new_link(maria, works_for=WORKS, now=at)
        details = {
            name: getattr(maria, name)
            for name in ("kind", "first_name", "last_name", "company", "phone", "postal_address", "country")
        }
        customers.update_details(maria.pk, **details, email="new@example.com", actor=system_actor, now=at)
        assert Client().post("/my/open/", {"token": other}).status_code == 404
        assert Link.objects.filter(used_at=None).count() == 1  # and it stays unused
        assert Client().get(f"/my/open/{token}/").status_code == 404
        assert "Hello" not in browser.get("/my/").content.decode()

    def test_a_newer_link_closes_the_page_elsewhere_and_uses_up_the_others(self, maria: Customer) -> None:
        older = links.new_link(maria, works_for=WORKS, now=datetime.now(UTC))
        first = opened(maria)
        assert Client().get(f"/my/open/{older}/").status_code == 404
        second = opened(maria)
        assert "Hello" not in first.get("/my/").content.decode()
        assert "Hello" in second.get("/my/").content.decode()


class TestVisiting:
    def test_the_page_closes_after_half_an_hour_without_use_and_after_eight_hours(
        self, maria: Customer
    ) -> None:
        with time_machine.travel(NOW, tick=False) as clock:
            idle, busy = opened(maria), None
            clock.shift(timedelta(minutes=29))
            assert "Hello" in idle.get("/my/").content.decode()
            clock.shift(timedelta(minutes=31))
            assert "Hello" not in idle.get("/my/").content.decode()
            busy = opened(maria)
            for _ in range(23):
                clock.shift(timedelta(minutes=20))
                assert "Hello" in busy.get("/my/").content.decode()
            clock.shift(timedelta(minutes=20))
            assert "Hello" not in busy.get("/my/").content.decode()

    def test_leave_ends_the_visit_even_for_who_kept_the_cookie(self, at_home: Client) -> None:
        cookie = at_home.cookies["tillbook_my"].value
        at_home.post("/my/leave/")
        assert "tillbook_my" not in {name for name, each in at_home.cookies.items() if each.value}
        thief = Client()
        thief.cookies["tillbook_my"] = cookie
        assert "Hello" not in thief.get("/my/").content.decode()

    def test_the_cookie_is_for_these_pages_alone(self, maria: Customer, settings: Any) -> None:
        settings.SESSION_COOKIE_SECURE = True
        cookie = opened(maria).cookies["tillbook_my"]
        assert (cookie["path"], cookie["httponly"], cookie["samesite"], cookie["secure"], cookie["max-age"]) == (
            "/my/", True, "Lax", True, "",
        )  # fmt: skip

    def test_a_cookie_that_was_not_signed_here_opens_nothing(self, at_home: Client) -> None:
        at_home.cookies["tillbook_my"] = at_home.cookies["tillbook_my"].value[:-1] + "x"
        assert "Hello" not in at_home.get("/my/").content.decode()

    def test_what_is_over_is_forgotten_after_a_month(self, maria: Customer, now: datetime) -> None:
        token = links.new_link(maria, works_for=WORKS, now=now)
        links.open_page(token, origin="own page", now=now)
        links.clear(now + timedelta(days=29))
        assert (Link.objects.count(), Visit.objects.count()) == (1, 1)
        links.clear(now + timedelta(days=31))
        assert (Link.objects.count(), Visit.objects.count()) == (0, 0)
