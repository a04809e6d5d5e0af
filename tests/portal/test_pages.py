"""A customer's pages: what is on them, for whom, and what is on none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from django.test import Client
from pypdf import PdfReader

from tests.paper_structure import headings, says_it_is_accessible
from tests.portal.conftest import SORT_CODE, as_customer, given, opened, switched_on
from tillbook.common.actor import Actor
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.credit.models import Credit, GiveReason
from tillbook.credit.queries import balance_of
from tillbook.customers import services as customers
from tillbook.customers.models import Customer
from tillbook.orders import services as orders
from tillbook.orders.services import LineInput
from tillbook.portal import account
from tillbook.refunds import account_statement, asks, services, unclaimed
from tillbook.refunds.models import Ask, Refund
from tillbook.refunds.payees import Payee

OWN = ["/my/history/", "/my/statement.pdf", "/my/refund/", "/my/refund/?method=cash"]
SENTINEL = "INTERNAL-XYZZY"
ASKED = {"amount": "50", "payee_name": "Maria Holt", "bank_account": SORT_CODE}
BANK = "/my/refund/?method=bank_transfer"


def text_of(browser: Client, path: str = "/my/") -> str:
    answer = browser.get(path)
    assert answer.status_code == 200, path
    return answer.content.decode()


def form(**more: str) -> dict[str, str]:
    return {**ASKED, "key": "own-page-1", **more}


class TestWho:
    @pytest.mark.parametrize(
        "path", ["/my/", "/my/open/", "/my/open/x/", "/my/leave/", "/my/refund/ASK-1001/keep/", *OWN]
    )
    def test_where_it_is_switched_off_there_is_no_such_page(self, db: None, path: str) -> None:
        for answer in (Client().get(path), Client().post(path)):
            assert answer.status_code == 404
            assert "own" not in answer.templates[0].name

    def test_switching_it_off_closes_open_pages(
        self, at_home: Client, admin_actor: Actor, now: datetime
    ) -> None:
        switched_on(admin_actor, now, own_page=False)
        assert at_home.get("/my/").status_code == 404

    @pytest.mark.parametrize("path", OWN)
    def test_without_an_open_page_one_is_led_to_where_one_asks_for_a_link(
        self, shop_on: None, path: str
    ) -> None:
        answer = Client().get(path)
        assert (answer.status_code, answer.headers["Location"]) == (302, "/my/")

    @pytest.mark.parametrize("path", [BANK, "/my/refund/ASK-1001/keep/"])
    def test_nothing_is_done_without_an_open_page(
        self, maria: Customer, deposit: Credit, wish: Callable[..., Ask], path: str
    ) -> None:
        made = wish(maria)
        answer = Client().post(path.replace("ASK-1001", made.number), form())
        assert (answer.status_code, answer.headers["Location"]) == (302, "/my/")
        assert [each.status for each in Ask.objects.all()] == ["waiting"]

    def test_being_logged_in_as_staff_opens_nobodys_page(self, maria: Customer, staff_actor: Actor) -> None:
        from tests.panel.conftest import logged_in

        assert "Hello" not in text_of(logged_in(staff_actor))

    def test_an_open_page_opens_nothing_of_the_panel(self, at_home: Client) -> None:
        for path in ("/", "/customers/maria/", "/refunds/asked/"):
            answer = at_home.get(path)
            assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (302, "/login/")

    def test_nobody_sees_or_touches_what_is_somebody_elses(
        self, maria: Customer, deposit: Credit, wish: Callable[..., Ask], system_actor: Actor, now: datetime
    ) -> None:
        made = wish(maria)
        paul = customers.add(username="paul", email="paul@example.com", actor=system_actor, now=now)
        browser = opened(paul)
        assert "Maria" not in text_of(browser)
        paths = [f"/my/refund/{number}/keep/" for number in (made.number, "ASK-99999")]
        answers = [browser.post(path) for path in paths]
        assert [each.status_code for each in answers] == [404, 404]
        # Word for word as one that nobody has: numbers tell nobody how many others asked.
        theirs, nobodys = (each.context["message"] for each in answers)
        assert theirs.replace(made.number, "ASK-99999") == nobodys
        assert Ask.objects.get().status == "waiting"
        assert browser.get(f"/my/history/?after={deposit.number}/1").status_code == 404
        assert browser.get("/my/statement.pdf?currency=EUR").status_code == 404

    def test_a_refund_that_nobody_took_did_not_come_back(
        self, maria: Customer, deposit: Credit, staff_actor: Actor, admin_actor: Actor, now: datetime
    ) -> None:
        refund = services.request(
            customer_id=maria.pk, amount=Money(2_000, "GBP"), method="cheque",
            payee=Payee("Maria Holt", postal_address="1 Mill Lane"), payment_date=now.date(), key="cheque",
            actor=staff_actor, now=now,
        )  # fmt: skip
        unclaimed.cancel(refund.pk, actor=admin_actor, now=now + timedelta(days=91))
        [row] = account.refunds(maria)
        assert row.state.word == "Not collected"
        assert row.state.sentence == "Nobody took the money. Since 1 June 2026 it is credit of yours again."

    def test_what_waits_is_shown_however_much_was_asked_for_since(
        self, maria: Customer, deposit: Credit, wish: Callable[..., Ask], system_actor: Actor, now: datetime
    ) -> None:
        euros = Money(9_000, "EUR")
        credit.give(
            customer_id=maria.pk, amount=euros, reason=GiveReason.DEPOSIT, refundable=True, expires_at=None,
            key="euros", actor=system_actor, now=now,
        )  # fmt: skip
        first = wish(maria)
        for number in range(21):
            at = now + timedelta(days=1 + number)
            later = wish(maria, 1_000, key=f"eur-{number}", currency="EUR", method="cash", now=at)
            asks.withdraw(later.pk, actor=as_customer(maria), now=at)
        assert [each.ask.pk for each in account.asked(maria)] == [first.pk]
        pounds = account.figures(maria, now + timedelta(days=30))[0]
        assert (pounds.currency, pounds.can_ask) == ("GBP", False)

    @pytest.mark.parametrize(
        "path",
        ["/my/?%00=1", "/my/history/?after=%00", "/my/history/?after=CR-1/x", "/my/history/?currency=%00",
         "/my/history/?after=CR-9999/1", "/my/history/?currency=ZZZ", "/my/history/?after=CR-1001/9999999999"],
    )  # fmt: skip
    def test_a_mangled_address_says_that_there_is_no_such_page(self, at_home: Client, path: str) -> None:
        assert at_home.get(path).status_code == 404

    def test_every_answer_stays_out_of_caches_and_tells_no_other_site(self, at_home: Client) -> None:
        for path in ("/my/", "/my/open/x/", *OWN):
            answer = at_home.get(path)
            assert "no-store" in answer.headers["Cache-Control"], path
            assert answer.headers["Referrer-Policy"] == "same-origin"
            assert "default-src 'self'" in answer.headers["Content-Security-Policy"]

    def test_a_forged_form_is_refused(self, maria: Customer, deposit: Credit) -> None:
        browser = opened(maria)
        strict = Client(enforce_csrf_checks=True)
        strict.cookies = browser.cookies
        assert strict.post(BANK, form()).status_code == 403
        assert not Ask.objects.exists()


class TestSeeing:
    def test_how_much_since_when_until_when_and_whether_in_cash(
        self,
        maria: Customer,
        deposit: Credit,
        goodwill: Credit,
        at_home: Client,
        admin_actor: Actor,
        now: datetime,
    ) -> None:
        page = text_of(at_home).partition("<h1>")[2]
        assert "£150.00" in page
        assert "120.00</span> of it can be paid out; the rest pays orders." in page
        assert "Since <time" in page
        assert "never expires" in page
        assert page.index("Available credit") < page.index("Your credit") < page.index("What happened")
        assert "<script" not in text_of(at_home)

    def test_it_is_in_the_language_of_the_browser(self, at_home: Client, deposit: Credit) -> None:
        page = at_home.get("/my/", headers={"accept-language": "de"}).content.decode()
        assert '<html lang="de">' in page
        assert "Verfügbares Guthaben" in page
        assert "Auszahlung wünschen" in page

    def test_credit_that_has_expired_is_not_counted_before_the_daily_round_takes_it(
        self, maria: Customer, deposit: Credit, at_home: Client, admin_actor: Actor, now: datetime
    ) -> None:
        credit.give(
            customer_id=maria.pk, amount=Money(1_000, "GBP"), reason=GiveReason.DEPOSIT, refundable=True,
            expires_at=now + timedelta(days=1), key="short", actor=admin_actor, now=now,
        )  # fmt: skip
        page = text_of(at_home)
        assert "£120.00" in page.split("own-actions")[0]
        assert "expired" in page

    def test_a_customer_with_nothing_is_told_so(self, maria: Customer, at_home: Client) -> None:
        page = text_of(at_home)
        assert "£0.00" in page
        assert "You have no credit at the moment." in page
        assert "Ask to be paid out" not in page
        assert "Nothing of your credit can be paid out at the moment." in text_of(at_home, BANK)

    def test_refunds_are_told_in_plain_words_and_accounts_by_their_end(
        self,
        maria: Customer,
        deposit: Credit,
        at_home: Client,
        staff_actor: Actor,
        admin_actor: Actor,
        now: datetime,
    ) -> None:
        made = services.request(
            customer_id=maria.pk, amount=Money(2_000, "GBP"), method="bank_transfer",
            payee=Payee("Maria Holt", SORT_CODE), payment_date=now.date(), key="r", actor=staff_actor, now=now,
        )  # fmt: skip
        page = text_of(at_home)
        assert "Bank transfer to •••911" in page
        assert "We are checking it. The amount is set aside for you." in page
        assert "55779911" not in page
        services.complete(made.pk, actor=admin_actor, now=now)
        assert "Paid on 2 March 2026." in text_of(at_home)
        services.fail(made.pk, reason=SENTINEL, actor=admin_actor, now=now)
        page = text_of(at_home)
        assert "The payment came back on 2 March 2026. The amount is credit of yours again." in page
        assert f"Refund {made.number} is credit again" in page
        assert SENTINEL not in page

    def test_the_history_is_paged_to_its_end(
        self, maria: Customer, deposit: Credit, at_home: Client, staff_actor: Actor, now: datetime
    ) -> None:
        for number in range(60):
            credit.spend(
                customer_id=maria.pk, amount=Money(100, "GBP"), reference=f"N{number}", key=f"s{number}",
                actor=staff_actor, now=now,
            )  # fmt: skip
        first = at_home.get("/my/history/")
        second = at_home.get(f"/my/history/?currency=GBP&after={first.context['next_key']}")
        told = [line.what for answer in (first, second) for line in answer.context["lines"]]
        assert told == [f"Paid for order N{number}" for number in reversed(range(60))] + ["Credit from us"]
        assert (first.context["lines"][0].balance, second.context["next_key"]) == (6_000, "")


class TestAskingOnThePage:
    def test_the_whole_way_from_asking_to_the_refund(
        self, maria: Customer, deposit: Credit, at_home: Client, staff_actor: Actor, now: datetime
    ) -> None:
        assert "Cheque" not in text_of(at_home, "/my/refund/")
        assert 'value="120.00"' in text_of(at_home, BANK)
        assert at_home.post(BANK, form(amount="1,050.00")).status_code == 422
        assert at_home.post(BANK, form()).status_code == 302
        assert at_home.post(BANK, form()).status_code == 302  # the button twice
        made = Ask.objects.get()
        page = text_of(at_home)
        assert "What you asked for" in page
        assert "Ask to be paid out" not in page
        asks.accept(made.pk, actor=staff_actor, now=now)
        page = text_of(at_home)
        assert "What you asked for" not in page
        assert "RF-" in page
        assert balance_of(maria.pk, "GBP").held_minor == 5_000

    @pytest.mark.parametrize(
        ("sent", "field", "said"),
        [
            ({"amount": ""}, "amount", "Enter the amount."),
            ({"amount": "0"}, "amount", "The amount must be more than zero."),
            ({"amount": "-5"}, "amount", "The amount must be more than zero."),
            ({"amount": "much"}, "amount", "is not an amount"),
            ({"amount": "120.01"}, "amount", "120.00 GBP"),
            ({"amount": "9" * 15}, "amount", "too large"),
            ({"amount": "1.005"}, "amount", "2 decimal places"),
            ({"bank_account": "DE89 3704 0044 0532 0130 01"}, "bank_account", "check digits do not fit"),
            ({"bank_account": ""}, "bank_account", "Please fill this in."),
            ({"payee_name": ""}, "payee_name", "Please fill this in."),
        ],
    )
    def test_what_is_wrong_is_told_at_its_field(
        self, maria: Customer, deposit: Credit, at_home: Client, sent: dict[str, str], field: str, said: str
    ) -> None:
        answer = at_home.post(BANK, form(**sent))
        assert answer.status_code == 422
        assert said in str(answer.context["form"].errors[field])
        assert not Ask.objects.exists()

    def test_a_key_that_is_somebody_elses_takes_nothing_from_them(
        self, maria: Customer, deposit: Credit, at_home: Client, staff_actor: Actor, now: datetime
    ) -> None:
        assert at_home.post(BANK, form(key="api:key:1:capture-7")).status_code == 302
        credit.spend(
            customer_id=maria.pk, amount=Money(1, "GBP"), reference="N", key="api:key:1:capture-7",
            actor=staff_actor, now=now,
        )  # fmt: skip
        assert balance_of(maria.pk, "GBP").available_minor == 11_999

    @pytest.mark.parametrize("key", ["", "k" * 101, "a\x07"])
    def test_a_form_without_its_key_is_refused(
        self, maria: Customer, deposit: Credit, at_home: Client, key: str
    ) -> None:
        assert at_home.post(BANK, form(key=key)).status_code == 422
        assert not Ask.objects.exists()

    def test_a_way_that_is_not_offered_is_none(
        self, maria: Customer, deposit: Credit, at_home: Client
    ) -> None:
        answer = at_home.post("/my/refund/?method=cheque", form())
        assert "How would you like to get it?" in answer.content.decode()
        assert not Ask.objects.exists()

    def test_keep_the_credit_takes_it_back(
        self, maria: Customer, deposit: Credit, at_home: Client, wish: Callable[..., Ask]
    ) -> None:
        made = wish(maria)
        at_home.get(f"/my/refund/{made.number}/keep/")
        assert Ask.objects.get().status == "waiting"
        at_home.post(f"/my/refund/{made.number}/keep/")
        assert Ask.objects.get().status == "withdrawn"
        assert "You keep your credit. Nothing is paid out." in text_of(at_home)

    def test_where_no_way_is_offered_there_is_no_button(
        self, maria: Customer, deposit: Credit, at_home: Client, admin_actor: Actor, now: datetime
    ) -> None:
        switched_on(admin_actor, now, own_page_methods=[])
        assert "Ask to be paid out" not in text_of(at_home)

    def test_the_only_way_needs_no_choice(
        self, maria: Customer, deposit: Credit, at_home: Client, admin_actor: Actor, now: datetime
    ) -> None:
        switched_on(admin_actor, now, own_page_methods=["cash"])
        assert 'name="payee_name"' in text_of(at_home, "/my/refund/")


@pytest.fixture
def full_of_secrets(
    maria: Customer, admin_actor: Actor, wish: Callable[..., Ask], system_actor: Actor, now: datetime
) -> None:
    """Maria with everything there is, and the sentinel in each field that is not hers to read."""
    from tillbook.common.actor import Role
    from tillbook.staff import services as people

    people.add_user(
        username=SENTINEL, role=Role.ADMIN, password=None, email="x@example.com", actor=system_actor, now=now
    )
    somebody = Actor(SENTINEL, Role.ADMIN, SENTINEL, 99)
    by: dict[str, Any] = {"actor": somebody, "now": now}
    order = orders.place(
        number="A1", customer_id=maria.pk, currency="GBP", lines=[LineInput("CUP", "A cup", 1, 1_000)],
        note=SENTINEL, key="o", **by,
    )  # fmt: skip
    orders.receive_payment(
        order.pk, amount=Money(1_500, "GBP"), method="cash", reference=SENTINEL, key="p", **by
    )
    credit.give(
        customer_id=maria.pk, amount=Money(10_000, "GBP"), reason=GiveReason.DEPOSIT, refundable=True,
        expires_at=None, note=SENTINEL, public_note="Thank you for waiting.", key="g", **by,
    )  # fmt: skip
    for number, ending in enumerate((services.decline, services.fail, services.complete)):
        made = services.request(
            customer_id=maria.pk, amount=Money(100, "GBP"), method="bank_transfer",
            payee=Payee("Maria Holt", SORT_CODE), payment_date=date(2026, 3, 2), note=SENTINEL,
            key=f"r{number}", **by,
        )  # fmt: skip
        reason = {} if ending is services.complete else {"reason": SENTINEL}
        ending(made.pk, **reason, **by)  # type: ignore[operator]
    asks.decline(wish(maria, 100).pk, reason="Please name your own account.", **by)
    wish(maria, 200, key="b")
    customers.add(username=f"other-{SENTINEL}", email="maria2@example.com", **by)


def test_nothing_internal_is_on_any_page(full_of_secrets: None, at_home: Client) -> None:
    for language in ("en", "de"):
        for path in ("/my/", *OWN):
            answer = at_home.get(path, headers={"accept-language": language})
            content = answer.content
            said = (
                "".join(page.extract_text() for page in PdfReader(BytesIO(content)).pages)
                if path.endswith(".pdf")
                else content.decode()
            )
            assert SENTINEL not in said, (path, language)
            assert "5577" not in said, (path, language)
    page = text_of(at_home)
    assert "Thank you for waiting." in page
    assert "Please name your own account." in page


class TestStatement:
    def test_it_is_made_ten_times_a_minute_and_no_more(self, at_home: Client, deposit: Credit) -> None:
        statuses = [at_home.get("/my/statement.pdf").status_code for _ in range(11)]
        assert statuses == [200] * 10 + [429]

    def test_it_says_what_the_page_says(self, full_of_secrets: None, at_home: Client) -> None:
        answer = at_home.get("/my/statement.pdf")
        assert (answer.headers["Content-Type"], answer.content[:5]) == ("application/pdf", b"%PDF-")
        (page,) = [each.extract_text() for each in PdfReader(BytesIO(answer.content)).pages]
        for said in (
            "Statement of your credit", "Maria Holt", "£104.00", "Overpayment of order A1", "Credit from us – Thank you for waiting.",
            "Bank transfer to •••911", "Came back", "Declined", "Paid", "Page 1 of 1",
        ):  # fmt: skip
            assert said in page, said
        assert says_it_is_accessible(answer.content)
        assert headings(answer.content) == ["H1", "H2", "H2", "H2"]

    def test_it_speaks_german_and_takes_any_name(
        self, maria: Customer, admin_actor: Actor, now: datetime
    ) -> None:
        from django.utils.translation import override

        given(maria, 1_000, GiveReason.DEPOSIT, admin_actor, now, refundable=True)
        maria.first_name, maria.last_name = "<b>#strong[x]\\ " + "Ł" * 90, "\u1683 Ω"
        with override("de"):
            pdf = account_statement.render(maria, "GBP", now)
        text = PdfReader(BytesIO(pdf)).pages[0].extract_text()
        assert "Auszug Ihres Guthabens" in text
        assert "#strong[x]" in text
        assert "Einige Zeichen" in text

    def test_a_long_history_runs_over_pages_and_says_where_it_stops(
        self, maria: Customer, deposit: Credit, staff_actor: Actor, now: datetime
    ) -> None:
        for number in range(505):
            credit.spend(
                customer_id=maria.pk, amount=Money(1, "GBP"), reference=f"N{number}", key=f"s{number}",
                actor=staff_actor, now=now,
            )  # fmt: skip
        pages = PdfReader(BytesIO(account_statement.render(maria, "GBP", now))).pages
        assert len(pages) > 5
        assert "Older ones are not listed here." in pages[-1].extract_text()

    def test_a_customer_with_nothing_has_an_empty_one(self, maria: Customer, now: datetime) -> None:
        text = PdfReader(BytesIO(account_statement.render(maria, "GBP", now))).pages[0].extract_text()
        assert text.count("None") == 3


def test_as_customer_nothing_else_is_allowed(maria: Customer, deposit: Credit, now: datetime) -> None:
    from tillbook.common.errors import PermissionDenied

    with pytest.raises(PermissionDenied):
        services.request(
            customer_id=maria.pk, amount=Money(1, "GBP"), method="cash", payee=Payee("M"),
            payment_date=now.date(), key="k", actor=as_customer(maria), now=now,
        )  # fmt: skip
    assert not Refund.objects.exists()
