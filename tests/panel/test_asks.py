"""What customers asked for, in the panel: seen by all who work here, answered by those who request refunds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from html import unescape

import pytest
from django.core import mail
from django.test import Client

from tillbook.common.actor import Actor
from tillbook.common.money import Money
from tillbook.credit.models import Credit
from tillbook.credit.queries import balance_of
from tillbook.customers import services as customers
from tillbook.customers.models import AskedLink, Customer
from tillbook.delivery.own_page import send_asked
from tillbook.orders import services as orders
from tillbook.orders.charges import Charge
from tillbook.refunds import asks
from tillbook.refunds.models import Ask, Refund
from tillbook.refunds.payees import Payee
from tillbook.shop.policies import shop, version
from tillbook.shop.services import save

IBAN = "DE89 3704 0044 0532 0130 00"


@pytest.fixture(autouse=True)
def switched_on(admin_actor: Actor, now: datetime) -> None:
    values = {"own_page": True, "own_page_methods": ["bank_transfer"]}
    save("own_page", values, seen=version(), actor=admin_actor, now=now)


@pytest.fixture
def asked(maria: Customer, deposit: Credit, now: datetime) -> Ask:
    """ASK-1001, 50.00 of Maria's 120.00, to an IBAN."""
    return asks.ask(
        customer_id=maria.pk, amount=Money(5_000, "GBP"), method="bank_transfer",
        payee=Payee("Maria Holt", IBAN), key="a", actor=Actor.customer(maria.pk, "own page"), now=now,
    )  # fmt: skip


def said(browser: Client, path: str) -> str:
    answer = browser.get(path, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def test_it_is_on_home_in_the_queue_and_at_the_customer(
    asked: Ask, as_staff: Client, as_admin: Client
) -> None:
    for browser in (as_staff, as_admin):
        assert "ASK-1001" in said(browser, "/")
    assert "Asked for by customers (1)" in said(as_staff, "/refunds/")
    assert "ASK-1001" in said(as_staff, "/refunds/asked/")
    assert "Asked for by the customer: Bank transfer" in said(as_staff, "/customers/maria/")


def test_it_is_found_by_its_number(asked: Ask, as_staff: Client) -> None:
    answer = as_staff.get("/find/?q=ask-1001")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/refunds/asked/ASK-1001/")


def test_the_account_is_masked_for_everybody(asked: Ask, as_viewer: Client, as_admin: Client) -> None:
    for browser in (as_viewer, as_admin):
        page = said(browser, "/refunds/asked/ASK-1001/")
        assert "•000" in page
        assert "0532" not in page


def test_staff_accept_and_come_to_the_refund(asked: Ask, as_staff: Client, maria: Customer) -> None:
    for _ in range(2):
        answer = as_staff.post("/refunds/asked/ASK-1001/accept/")
        assert (answer.status_code, answer.headers["Location"]) == (302, "/refunds/RF-1001/")
    assert balance_of(maria.pk, "GBP").held_minor == 5_000
    assert Refund.objects.count() == 1
    page = said(as_staff, "/refunds/RF-1001/")
    assert "ASK-1001" in page
    assert "ASK-1001" not in said(as_staff, "/")
    assert "RF-1001" in said(as_staff, "/refunds/asked/ASK-1001/")


def test_what_is_not_covered_any_more_stays_waiting_and_is_said(
    asked: Ask, as_staff: Client, maria: Customer, staff_actor: Actor, now: datetime
) -> None:
    from tillbook.credit import services as credit

    credit.spend(
        customer_id=maria.pk, amount=Money(8_000, "GBP"), reference="N", key="s", actor=staff_actor, now=now
    )
    assert "By now only" in said(as_staff, "/refunds/asked/ASK-1001/")
    page = as_staff.post("/refunds/asked/ASK-1001/accept/", follow=True).content.decode()
    assert "40.00" in page
    assert (Ask.objects.get().status, Refund.objects.count()) == ("waiting", 0)


def test_declining_needs_a_reason(asked: Ask, as_staff: Client) -> None:
    answer = as_staff.post("/refunds/asked/ASK-1001/decline/", {"reason": " "})
    assert (answer.status_code, Ask.objects.get().status) == (422, "waiting")
    assert "Say why it is declined. The customer reads it." in answer.content.decode()
    answer = as_staff.post("/refunds/asked/ASK-1001/decline/", {"reason": "Not your account."})
    assert (answer.status_code, Ask.objects.get().status) == (302, "declined")
    page = said(as_staff, "/refunds/asked/?status=all")
    assert "ASK-1001" in page
    assert "ASK-1001" not in said(as_staff, "/refunds/asked/")


def test_viewers_look_and_change_nothing(asked: Ask, as_viewer: Client) -> None:
    page = said(as_viewer, "/refunds/asked/ASK-1001/")
    assert "Accept and request the refund" not in page
    for path in (
        "/refunds/asked/ASK-1001/accept/",
        "/refunds/asked/ASK-1001/decline/",
        "/customers/maria/send-link/",
    ):
        assert as_viewer.post(path, {"reason": "No"}).status_code == 403
    assert (Ask.objects.get().status, AskedLink.objects.count()) == ("waiting", 0)


@pytest.mark.parametrize(
    "path",
    ["/refunds/asked/", "/refunds/asked/ASK-1001/", "/refunds/asked/ASK-1001/accept/", "/settings/own-page/"],
)
def test_strangers_are_sent_to_log_in(asked: Ask, path: str) -> None:
    assert Client().get(path).headers["Location"].startswith("/login/")
    assert not Client().post(path).headers.get("Location", "/login/").startswith("/refunds/")


@pytest.mark.parametrize(
    "path", ["/refunds/asked/ASK-9999/", "/refunds/asked/x/", "/refunds/asked/?after=ASK-9"]
)
def test_what_is_not_there_is_not_found(asked: Ask, as_staff: Client, path: str) -> None:
    assert as_staff.get(path).status_code == 404


def test_a_button_sends_a_link_and_says_where_to(maria: Customer, as_staff: Client, now: datetime) -> None:
    assert "Send link to their page" in said(as_staff, "/customers/maria/")
    page = as_staff.post("/customers/maria/send-link/", follow=True).content.decode()
    assert "A link to their page is on its way to maria@example.com." in page
    mail.outbox.clear()
    from django.utils import timezone

    assert send_asked(timezone.now) == 1
    assert "http://testserver/my/open/" in mail.outbox[0].body
    assert "Link to the customer&#x27;s own page sent" in said(as_staff, "/customers/maria/")


def test_a_customer_without_an_address_gets_none(as_staff: Client, staff_actor: Actor, now: datetime) -> None:
    customers.add(username="nomail", actor=staff_actor, now=now)
    page = as_staff.post("/customers/nomail/send-link/", follow=True).content.decode()
    assert "nomail has no e-mail address." in page
    assert not AskedLink.objects.exists()


class TestBackToTheCard:
    """50.00 that came by two charges: 30.00 by the first, 20.00 by the second."""

    PAGE = "/refunds/asked/ASK-1001/"

    @pytest.fixture(autouse=True)
    def charged(self, maria: Customer, admin_actor: Actor, now: datetime) -> None:
        save("own_page", {"own_page_methods": ["gateway"]}, seen=version(), actor=admin_actor, now=now)
        by = {"actor": admin_actor, "now": now}
        order = orders.place(
            customer_id=maria.pk, currency="GBP", lines=[orders.LineInput("CUP", "", 1, 5_000)], number="CARD-1",
            key="o", **by,
        )  # fmt: skip
        for charge, minor in (("ch_1", 3_000), ("ch_2", 2_000)):
            orders.receive_payment(
                order.pk, amount=Money(minor, "GBP"), method="card", charge=Charge("stripe", charge), key=charge,
                **by,
            )  # fmt: skip
        orders.cancel(order.pk, reason="Out of stock", key="c", **by)

    @pytest.fixture
    def wanted(self, maria: Customer, now: datetime) -> Callable[[int], Ask]:
        def ask(minor: int) -> Ask:
            return asks.ask(
                customer_id=maria.pk, amount=Money(minor, "GBP"), method="gateway", payee=Payee("Maria Holt"),
                key="a", actor=Actor.customer(maria.pk, "own page"), now=now,
            )  # fmt: skip

        return ask

    def test_staff_choose_the_charge_in_the_words_of_the_refund_form(
        self, wanted: Callable[[int], Ask], as_staff: Client, as_viewer: Client
    ) -> None:
        wanted(1_000)
        page = said(as_staff, self.PAGE)
        assert "Order CARD-1, at most £30.00: stripe ch_1" in page
        assert "Order CARD-1, at most £20.00: stripe ch_2" in page
        assert "Goes back to" in page
        assert "Goes back to" not in said(as_viewer, self.PAGE)
        for _ in range(2):  # the second click sees that all is done
            answer = as_staff.post(f"{self.PAGE}accept/", {"charge": "stripe ch_2"})
            assert (answer.status_code, answer.headers["Location"]) == (302, "/refunds/RF-1001/")
        assert (Refund.objects.get().gateway, Refund.objects.get().charge) == ("stripe", "ch_2")

    def test_the_one_with_room_for_it_is_chosen_already(
        self, wanted: Callable[[int], Ask], as_staff: Client
    ) -> None:
        wanted(2_500)
        assert '<option value="stripe ch_1" selected>' in said(as_staff, self.PAGE)
        assert as_staff.post(f"{self.PAGE}accept/").status_code == 302
        assert Refund.objects.get().charge == "ch_1"

    @pytest.mark.parametrize(
        ("sent", "told"),
        [
            ({}, "Name the charge that the money goes back to: one of ch_1, ch_2."),
            ({"charge": "stripe ch_9"}, "stripe ch_9"),
        ],
    )
    def test_a_choice_that_is_none_is_refused_at_its_field(
        self, wanted: Callable[[int], Ask], as_staff: Client, sent: dict[str, str], told: str
    ) -> None:
        wanted(1_000)
        answer = as_staff.post(f"{self.PAGE}accept/", sent)
        assert answer.status_code == 422
        (error,) = answer.context["accept_form"].errors["charge"]
        assert told in error
        assert error in unescape(answer.content.decode())
        assert (Ask.objects.get().status, Refund.objects.count()) == ("waiting", 0)

    def test_more_than_one_charge_takes_is_said_before_and_after(
        self, wanted: Callable[[int], Ask], as_staff: Client
    ) -> None:
        wanted(3_001)
        most = 'At most <span class="money">£30.00</span> of it may go back to one card or wallet.'
        assert most in said(as_staff, self.PAGE)
        answer = as_staff.post(f"{self.PAGE}accept/", {"charge": "stripe ch_2"})
        assert answer.status_code == 422
        assert "At most 20.00 GBP of this credit may go back to the charge ch_2." in answer.content.decode()
        assert (Ask.objects.get().status, Refund.objects.count()) == ("waiting", 0)

    def test_who_comes_too_late_is_told(
        self, wanted: Callable[[int], Ask], as_staff: Client, maria: Customer, now: datetime
    ) -> None:
        made = wanted(1_000)
        asks.withdraw(made.pk, actor=Actor.customer(maria.pk, "own page"), now=now)
        for do, sent in (("accept", {"charge": "stripe ch_1"}), ("decline", {"reason": "No"})):
            answer = as_staff.post(f"{self.PAGE}{do}/", sent)
            assert answer.status_code == 422
            assert "ASK-1001 is already withdrawn." in answer.content.decode()
        assert not Refund.objects.exists()


class TestSettings:
    def sent(self, browser: Client, **more: object) -> int:
        body = {
            "own_page": "on",
            "own_page_methods": ["cash", "paypal"],
            "link_minutes": "15",
            "seen": version(),
        }
        return browser.post("/settings/own-page/", {**body, **more}).status_code

    def test_an_admin_sets_it(self, as_admin: Client) -> None:
        assert self.sent(as_admin) == 302
        policy = shop()
        assert (policy.own_page, policy.own_page_methods, policy.link_minutes) == (
            True,
            ("paypal", "cash"),
            15,
        )
        assert "http://testserver/my/" in said(as_admin, "/settings/own-page/")

    @pytest.mark.parametrize("minutes", ["4", "1441", "-30", "x", "", "1e3", "9" * 40])
    def test_minutes_that_are_none(self, as_admin: Client, minutes: str) -> None:
        assert self.sent(as_admin, link_minutes=minutes) == 422
        assert shop().link_minutes == 30

    def test_a_method_that_is_none(self, as_admin: Client) -> None:
        assert self.sent(as_admin, own_page_methods=["barter"]) == 422
        assert shop().own_page_methods == ("bank_transfer",)

    def test_staff_may_not(self, as_staff: Client) -> None:
        assert self.sent(as_staff) == 403
        assert shop().link_minutes == 30

    def test_switched_off_the_buttons_are_gone(self, as_admin: Client, maria: Customer) -> None:
        assert (
            as_admin.post("/settings/own-page/", {"link_minutes": "30", "seen": version()}).status_code == 302
        )
        assert "Send link to their page" not in said(as_admin, "/customers/maria/")
        assert "Asked for by customers" not in said(as_admin, "/refunds/")
        assert "no customer waits for an answer" not in said(as_admin, "/")
