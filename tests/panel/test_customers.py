"""Customers & prospects: the list, the Account section, recalculation, giving credit."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tillbook.common.actor import Actor
from tillbook.common.money import Money
from tillbook.credit import services, wording
from tillbook.credit.issuing import Issue, issue_many
from tillbook.credit.models import Credit, GiveReason, Source
from tillbook.credit.queries import balance_of, credits_of
from tillbook.customers.models import Customer
from tillbook.events.models import Event
from tillbook.ledger.models import Balance, House
from tillbook.orders import checkout
from tillbook.orders import services as orders
from tillbook.orders.lines import LineInput
from tillbook.returns.services import RmaLineInput, open_rma


def text(client: Client, path: str) -> str:
    return client.get(path).content.decode()


def words_of(shown: str) -> str:
    """What a page says, without its tags."""
    words = " ".join(re.sub(r"<[^>]+>", " ", html.unescape(shown)).split())
    return re.sub(r" ([,:])", r"\1", words)


def test_the_navigation_bears_the_fixed_labels(as_staff: Client):
    shown = text(as_staff, "/customers/")
    for label in (
        "Customers",
        "View customers &amp; prospects",
        "Sales Orders",
        "View Orders",
        "Refunds",
        "RMAs",
    ):
        assert label in shown


def test_the_account_section_bears_the_fixed_labels(as_staff: Client, deposit: Credit):
    shown = text(as_staff, "/customers/maria/")
    labels = (
        "Account", "Available credit", "Held", "Amount owing", "Credit limit", "On credit hold",
        "Recalculate Account Balances", "Save", "Pay Refund", "Reverse", "Give Credit",
    )  # fmt: skip
    for label in labels:
        assert label in shown
    assert shown.index("account-title") < shown.index("credits-title")


def test_the_list_shows_what_is_available_and_filters(as_staff: Client, deposit: Credit):
    shown = text(as_staff, "/customers/")
    assert 'href="/customers/maria/"' in shown
    assert "£120.00" in shown
    assert "maria" in text(as_staff, "/customers/?q=HOLT+maria&with_credit=on")
    assert "Nobody matches" in text(as_staff, "/customers/?kind=prospect")
    assert "Nobody matches" in text(as_staff, "/customers/?q=nobody")


def test_credit_that_is_not_refundable_has_no_pay_refund_button(as_staff: Client, goodwill: Credit):
    shown = text(as_staff, "/customers/maria/")
    assert f"?credit={goodwill.number}" not in shown
    assert "Not refundable" in shown


def test_save_changes_limit_and_hold(as_staff: Client, maria: Customer):
    as_staff.post("/customers/maria/account/", {"credit_limit": "1,500.50", "on_credit_hold": "on"})
    maria.refresh_from_db()
    assert (maria.credit_limit_minor, maria.on_credit_hold) == (150_050, True)
    as_staff.post("/customers/maria/account/", {"credit_limit": "0"})
    maria.refresh_from_db()
    assert (maria.credit_limit_minor, maria.on_credit_hold) == (0, False)


def test_a_page_is_as_html_has_it(as_staff: Client, deposit: Credit):
    page = text(as_staff, "/customers/maria/")
    assert re.findall(r'<input type="hidden"[^>]*aria-describedby', page) == []
    moments = re.findall(r'<time datetime="([^"]*)"', page)
    assert moments and [each for each in moments if "." in each] == []


def test_a_page_that_was_overtaken_takes_no_hold_back(as_staff: Client, as_admin: Client, maria: Customer):
    page = text(as_staff, "/customers/maria/")
    assert re.search(r'name="initial-on_credit_hold"[^>]*value="False"', page)
    remembered = {"initial-credit_limit": "", "initial-on_credit_hold": "False", "credit_limit": ""}
    as_admin.post("/customers/maria/account/", {"credit_limit": "1,500.50", "on_credit_hold": "on"})
    as_staff.post("/customers/maria/account/", remembered | {"recalculate": "on"})
    maria.refresh_from_db()
    assert (maria.credit_limit_minor, maria.on_credit_hold) == (150_050, True)

    page = text(as_staff, "/customers/maria/")
    assert re.search(r'name="initial-credit_limit"[^>]*value="1500.50"', page)
    now = {"initial-credit_limit": "1500.50", "initial-on_credit_hold": "True", "credit_limit": "1,500.50"}
    as_staff.post("/customers/maria/account/", now)
    maria.refresh_from_db()
    assert (maria.credit_limit_minor, maria.on_credit_hold) == (150_050, False), "who saw the hold may end it"


def test_details_that_somebody_else_saved_meanwhile_stay(as_staff: Client, maria: Customer):
    page = as_staff.get("/customers/maria/edit/")
    form = page.context["form"]
    seen = {f"initial-{name}": form[name].value() for name in form.fields}
    typed = {name: form[name].value() for name in form.fields}
    as_staff.post("/customers/maria/edit/", typed | {"phone": "555 123"})
    as_staff.post("/customers/maria/edit/", typed | seen | {"company": "Holt Ltd"})
    maria.refresh_from_db()
    assert (maria.phone, maria.company) == ("555 123", "Holt Ltd")


def test_what_a_checkout_calls_its_documents_may_look_like_ours(
    as_admin: Client, maria: Customer, deposit: Credit, admin_actor: Actor, now: datetime
):
    for number in ("CR-2026/001", "RF-A", "RMA-", "CR-99999999999999999999"):
        services.spend(
            customer_id=maria.pk, amount=Money(100, "GBP"), reference=number, key=number, actor=admin_actor,
            now=now,
        )  # fmt: skip
        for address in (
            "/customers/maria/",
            "/customers/maria/running-history/",
            "/customers/maria/running-history.csv",
            f"/credits/{deposit.number}/",
            "/activity/?about=all",
        ):
            answer = as_admin.get(address)
            assert answer.status_code == 200, address
            assert number in b"".join(answer).decode(), (number, address)  # a file streams


def test_a_limit_that_is_no_amount_is_refused_at_its_field(as_staff: Client, maria: Customer):
    answer = as_staff.post("/customers/maria/account/", {"credit_limit": "plenty", "on_credit_hold": "on"})
    assert answer.status_code == 422
    assert "&#x27;plenty&#x27; is not an amount" in answer.content.decode()
    maria.refresh_from_db()
    assert (maria.credit_limit_minor, maria.on_credit_hold) == (None, False)


def test_recalculation_says_that_nothing_differs(as_staff: Client, deposit: Credit):
    answer = as_staff.post("/customers/maria/account/", {"recalculate": "on"}, follow=True)
    assert "Nothing differs." in answer.content.decode()
    assert "6 figures" in answer.content.decode()
    assert "Nothing differs." not in text(as_staff, "/customers/maria/")


def test_recalculation_shows_each_difference_and_leaves_an_audit_record(
    as_staff: Client, maria: Customer, deposit: Credit
):
    Balance.objects.filter(customer_id=maria.pk).update(available_minor=99_900)
    answer = as_staff.post("/customers/maria/account/", {"recalculate": "on"}, follow=True)
    shown = answer.content.decode()
    assert "1 of 6 figures differed" in shown
    assert "£999.00" in shown
    assert "available was 999.00 GBP, is 120.00 GBP" in shown
    assert balance_of(maria.pk, "GBP").available_minor == 12_000
    assert Event.objects.filter(action="customer.recalculated", customer_id=maria.pk).count() == 1


def test_recalculation_says_where_stored_figure_and_history_part_and_whose_entry_it_was(
    as_staff: Client, maria: Customer, deposit: Credit, staff_actor: Actor, now: datetime
):
    services.spend(
        customer_id=maria.pk, amount=Money(2_000, "GBP"), reference="W-7", key="s", actor=staff_actor,
        now=now + timedelta(days=1),
    )  # fmt: skip
    Balance.objects.filter(customer_id=maria.pk).update(available_minor=12_000)
    shown = as_staff.post("/customers/maria/account/", {"recalculate": "on"}, follow=True).content.decode()
    words = words_of(shown)
    assert "All figures on this page are right now" in words
    assert (
        "It was right once; the newest entry is not in it. "
        f"Right up to {deposit.number} transfer 1, issued £120.00 2 Mar 2026, 10:30 · admin "
        f"They part at {deposit.number} transfer 2, spent £20.00 for W-7 3 Mar 2026, 10:30 · staff "
        "It happened after 3 Mar 2026, 10:30 when that entry was recorded"
    ) in words
    assert str(wording.CAUSES) in words
    assert f'<a href="/credits/{deposit.number}/">{deposit.number}</a> transfer 2' in shown
    history = words[words.index("Account balances recalculated") :]
    assert "available was 120.00 GBP, is 100.00 GBP" in history
    assert "misses" not in history
    [event] = Event.objects.filter(action="customer.recalculated")
    assert event.data["differences"] == [["available", "120.00 GBP", "100.00 GBP"]]
    [why] = event.data["explanations"]
    assert (why["verdict"], why["parting"]["key"], why["parting"]["who"]) == ("misses", "s", "staff")


def test_a_broken_history_shows_the_rows_around_it_and_what_an_admin_does(
    as_staff: Client, maria: Customer, deposit: Credit, request_refund
):
    request_refund(2_000)
    trigger = "change ON ledger_transfer" if connection.vendor == "postgresql" else "update"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER ledger_transfer_no_{trigger}")
        cursor.execute("UPDATE ledger_transfer SET amount_minor = 2001 WHERE seq = 2")
    shown = as_staff.post("/customers/maria/account/", {"recalculate": "on"}, follow=True).content.decode()
    words = words_of(shown)
    assert "The history itself was changed, so nothing was corrected." in words
    assert (
        f"{deposit.number}: transfer 2 was changed: its digest does not follow "
        f"Last sound {deposit.number} transfer 1, issued £120.00 2 Mar 2026, 10:30 · admin "
        f"As it stands {deposit.number} transfer 2, held £20.01 for RF-1001 2 Mar 2026, 10:30 · staff "
        "It happened after 2 Mar 2026, 10:30 when the last sound transfer was recorded"
    ) in words
    for advice in wording.ADVICE:
        assert str(advice) in words
    assert not Event.objects.filter(action="customer.recalculated").exists()
    assert balance_of(maria.pk, "GBP").available_minor == 10_000


def test_without_the_checkbox_save_leaves_the_figures_alone(
    as_staff: Client, maria: Customer, deposit: Credit
):
    Balance.objects.filter(customer_id=maria.pk).update(available_minor=99_900)
    as_staff.post("/customers/maria/account/", {})
    assert balance_of(maria.pk, "GBP").available_minor == 99_900


def test_a_limit_below_zero_is_refused_and_the_message_allows_zero(as_staff: Client, maria: Customer):
    for sent in ("-1", "\N{MINUS SIGN}1"):
        answer = as_staff.post("/customers/maria/account/", {"credit_limit": sent})
        assert answer.status_code == 422
        assert "Write 0 or more." in answer.content.decode()
    maria.refresh_from_db()
    assert maria.credit_limit_minor is None


@pytest.mark.parametrize("path", ["/customers/?kind=zz", "/orders/?paid_status=zz", "/rmas/?status=zz"])
def test_a_filter_that_is_not_on_the_list_says_so_at_its_field(as_staff: Client, path: str):
    assert "Select a valid choice. zz is not one of the available choices." in text(as_staff, path)


def test_a_wrong_filter_does_not_undo_the_others(as_staff: Client, maria: Customer):
    assert "Nobody matches" in text(as_staff, "/customers/?kind=zz&q=nobody")


def test_a_credit_shows_the_last_day_on_which_it_can_be_used(as_staff: Client, maria: Customer):
    """Winter and summer: the shop's midnight is not always UTC's."""
    assert give(as_staff, expires_at="2998-12-10").status_code == 302
    assert give(as_staff, key="k2", expires_at="2998-07-10").status_code == 302
    shown = text(as_staff, "/customers/maria/")
    for day in ("10 Dec 2998", "10 Jul 2998"):
        assert day in shown
    assert "11 Dec 2998" not in shown
    assert "10 Dec 2998" in text(as_staff, "/credits/CR-1001/")
    assert "11 Dec 2998" not in text(as_staff, "/credits/CR-1001/")


def test_a_credit_that_ends_within_a_day_shows_the_time(
    as_staff: Client, maria: Customer, admin_actor: Actor, now: datetime
):
    services.give(
        customer_id=maria.pk,
        amount=Money(500, "GBP"),
        reason=GiveReason.GOODWILL,
        refundable=False,
        expires_at=datetime(2998, 12, 10, 15, 30, tzinfo=UTC),
        key="g",
        actor=admin_actor,
        now=now,
    )
    assert "10 Dec 2998, 15:30" in text(as_staff, "/customers/maria/")


def orders_shown(client: Client) -> list[str]:
    part = text(client, "/customers/maria/").split('id="orders-title"')[1].split("</section>")[0]
    return re.findall(r'href="/orders/([^?/"]+)/"', part)


def test_the_customer_s_page_shows_unpaid_orders_first_and_says_where_the_others_are(
    as_staff: Client, maria: Customer, staff_actor: Actor, now: datetime
):
    def place(number: int) -> orders.Order:
        return orders.place(
            customer_id=maria.pk, currency="GBP", number=f"N{number}", key=f"p{number}",
            lines=[LineInput("MUG", "Mug", 1, 1000)], placed_at=now - timedelta(days=number),
            actor=staff_actor, now=now,
        )  # fmt: skip

    for number in range(6):
        paid = place(number)
        orders.receive_payment(
            paid.pk, amount=Money(1_000, "GBP"), method="card", received_at=now, key=f"r{number}",
            actor=staff_actor, now=now,
        )  # fmt: skip
    for number in (20, 21):
        place(number)
    assert orders_shown(as_staff) == ["N21", "N20", "N0", "N1", "N2", "N3", "N4"]
    assert 'href="/orders/?q=maria"' in text(as_staff, "/customers/maria/")


def test_what_is_held_for_a_refund_is_among_the_credits(as_staff: Client, deposit: Credit, request_refund):
    request_refund(12_000)
    shown = text(as_staff, "/customers/maria/").split('id="credits-title"')[1].split("</section>")[0]
    assert words_of(shown).endswith(f"{deposit.number} Manual 2 Mar 2026 None £120.00 £120.00")


def test_what_a_checkout_holds_is_among_the_credits(
    as_staff: Client, maria: Customer, deposit: Credit, staff_actor: Actor, now: datetime
):
    amount = Money(12_000, "GBP")
    checkout.hold(customer_id=maria.pk, amount=amount, reference="WEB-7", key="h", actor=staff_actor, now=now)
    shown = text(as_staff, "/customers/maria/").split('id="credits-title"')[1].split("</section>")[0]
    assert words_of(shown).endswith(f"{deposit.number} Manual 2 Mar 2026 None £120.00 £120.00")


def test_credit_whose_time_is_over_is_told_apart_and_can_t_be_paid_out(
    as_staff: Client, maria: Customer, admin_actor: Actor
):
    long_ago = timezone.now() - timedelta(days=9)
    services.give(
        customer_id=maria.pk, amount=Money(20_00, "GBP"), reason=GiveReason.DEPOSIT, refundable=True,
        expires_at=long_ago + timedelta(days=1), key="g", actor=admin_actor, now=long_ago,
    )  # fmt: skip
    page = text(as_staff, "/customers/maria/")
    assert "£20.00 of the available credit has expired" in words_of(page)
    assert "?credit=CR-" not in page
    assert "/reverse/" in page


def test_ten_thousand_credits_make_the_page_neither_long_nor_slow(
    as_staff: Client, maria: Customer, admin_actor: Actor, now: datetime
):
    def queries() -> int:
        with CaptureQueriesContext(connection) as made:
            as_staff.get("/customers/maria/")
        return len(made)

    def give_many(count: int) -> None:
        gifts = [
            Issue(maria.pk, Money(1, "GBP"), Source.MANUAL, House.RECEIPTS, "deposit", "", f"g{count}-{each}")
            for each in range(count)
        ]
        issue_many(gifts, actor=admin_actor, now=now)

    give_many(2)
    queries()
    few = queries()
    give_many(10_000)
    assert queries() == few
    shown = text(as_staff, "/customers/maria/")
    credits = shown.split('id="credits-title"')[1].split("</section>")[0]
    assert credits.count('<th scope="row"') == 20
    assert 'href="/customers/maria/credits/"' in credits
    assert len(shown) < 200_000
    assert "£100.02" in shown


def test_all_credits_are_listed_page_by_page(as_staff: Client, maria: Customer, admin_actor: Actor, now):
    for each in range(51):
        give(as_staff, key=f"k{each}", amount="1")
    first = as_staff.get("/customers/maria/credits/")
    assert first.content.decode().count('<th scope="row"') == 50
    second = as_staff.get(f"/customers/maria/credits/?after={first.context['page'].next_key}")
    assert second.content.decode().count('<th scope="row"') == 1
    assert "CR-1001" in second.content.decode()


def test_the_customer_s_page_shows_their_rmas(
    as_staff: Client, maria: Customer, staff_actor: Actor, now: datetime
):
    assert "rmas-title" not in text(as_staff, "/customers/maria/")
    opened = open_rma(
        customer_id=maria.pk, currency="GBP", order_id=None, lines=[RmaLineInput(None, "MUG", "Mug", 1, 700)],
        shipping_minor=0, surcharge_minor=0, reason="faulty", key="r", actor=staff_actor, now=now,
    )  # fmt: skip
    shown = text(as_staff, "/customers/maria/").split('id="rmas-title"')[1]
    assert f'href="/rmas/{opened.number}/"' in shown
    assert "£7.00" in shown


def give(client: Client, **changes: str):
    sent = {"key": "k1", "amount": "20", "reason": "price_correction", "refundable": "on", **changes}
    return client.post("/customers/maria/give-credit/", sent)


def test_giving_credit_twice_with_one_key_gives_it_once(as_staff: Client, maria: Customer):
    assert give(as_staff).status_code == 302
    assert give(as_staff).status_code == 302
    (given,) = credits_of(maria.pk)
    assert (given.issued_minor, given.refundable) == (2_000, True)


def test_the_last_day_of_a_credit_counts_as_a_whole_day_of_the_shop(as_staff: Client, maria: Customer):
    assert give(as_staff, expires_at="2999-07-31").status_code == 302
    (given,) = credits_of(maria.pk)
    assert given.expires_at is not None
    assert given.expires_at.isoformat() == "2999-07-31T23:00:00+00:00"  # midnight in London, in summer


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"amount": "0"}, "more than zero"),
        ({"amount": "-1"}, "more than zero"),
        ({"amount": "1e30"}, "is not an amount"),
        ({"amount": "100.01"}, "Staff may give at most"),
        ({"reason": ""}, "Choose the reason."),
        ({"reason": "goodwill"}, "paid out"),
        ({"expires_at": "2001-01-01"}, "must lie in the future"),
        ({"expires_at": "9999-12-31"}, "too far away"),
        ({"key": ""}, "sent without its key"),
    ],
)
def test_a_gift_against_the_rules_is_refused_and_nothing_is_given(
    as_staff: Client, maria: Customer, changes: dict[str, str], message: str
):
    answer = give(as_staff, **changes)
    assert answer.status_code == 422
    assert message in answer.content.decode()
    assert credits_of(maria.pk) == []


def test_a_customer_is_added_and_their_details_changed(as_staff: Client, db: None):
    answer = as_staff.post("/customers/add/", {"username": "ada", "kind": "prospect", "company": "Ada & Co"})
    assert answer.url == "/customers/ada/"
    as_staff.post(
        "/customers/ada/edit/", {"kind": "customer", "company": "Ada & Co", "email": "a@example.com"}
    )
    ada = Customer.objects.get(username="ada")
    assert (ada.kind, ada.email) == ("customer", "a@example.com")


def test_a_taken_username_is_refused_at_its_field(as_staff: Client, maria: Customer):
    answer = as_staff.post("/customers/add/", {"username": "maria", "kind": "customer"})
    assert answer.status_code == 422
    assert Customer.objects.count() == 1


def test_a_note_is_shown_once_beside_the_account(as_staff: Client, maria: Customer):
    assert "notes-title" not in text(as_staff, "/customers/maria/")
    give(as_staff, note="Asked by phone", public_note="Sorry!")
    give(as_staff, key="k2", note="Asked by phone", public_note="Sorry!")
    notes = text(as_staff, "/customers/maria/").split('id="notes-title"')[1].split("</section>")[0]
    assert notes.count("Asked by phone") == 1
    assert "To the customer: “Sorry!”" in words_of(notes)
