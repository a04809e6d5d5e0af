"""What customers ask for: checked as a refund is, holding nothing, and answered once by staff."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from tests.portal.conftest import SORT_CODE, as_customer, given, switched_on
from tillbook.common.actor import Actor
from tillbook.common.errors import InvalidInput, KeyReused, PermissionDenied, Refusal, WrongState
from tillbook.common.money import MAX_MINOR, Money
from tillbook.credit import services as credit
from tillbook.credit.models import Credit, GiveReason
from tillbook.credit.queries import balance_of
from tillbook.credit.services import InsufficientCredit
from tillbook.customers import services as customers
from tillbook.customers.models import Customer
from tillbook.events.models import Event
from tillbook.ledger.verification import verify
from tillbook.refunds import asks, services
from tillbook.refunds.asks import AlreadyAsked, AskChanged, AskNotFound, TooManyAsks
from tillbook.refunds.models import Ask, Refund
from tillbook.refunds.payees import Payee
from tillbook.refunds.verification import findings

IBAN = "DE89 3704 0044 0532 0130 00"
Wish = Callable[..., Ask]


def balance(customer: Customer) -> tuple[int, int]:
    row = balance_of(customer.pk, "GBP")
    return row.available_minor, row.held_minor


def refused(call: Callable[[], Any]) -> tuple[str, str | None]:
    """Which refusal the call is answered with, and the field it names; nothing is written."""
    before = (Ask.objects.count(), Refund.objects.count(), Event.objects.count())
    with pytest.raises(Refusal) as caught:
        call()
    assert (Ask.objects.count(), Refund.objects.count(), Event.objects.count()) == before
    return caught.value.code, caught.value.field


class TestAsking:
    def test_it_waits_and_holds_nothing(self, maria: Customer, deposit: Credit, wish: Wish) -> None:
        made = wish(maria, 5_000)
        assert (made.number[:4], made.status, made.amount_minor, made.method) == (
            "ASK-", "waiting", 5_000, "bank_transfer",
        )  # fmt: skip
        assert balance(maria) == (12_000, 0)
        assert not Refund.objects.exists()
        event = Event.objects.get(action="refund.asked")
        assert (event.actor_name, event.actor_role, event.subject) == ("customer", "customer", made.number)
        assert "55779911" not in str(event.data)

    def test_the_account_is_sealed(self, maria: Customer, deposit: Credit, wish: Wish) -> None:
        made = wish(maria)
        stored = Ask.objects.extra(select={"raw": "bank_account"}).values("raw").get()["raw"]
        assert "55779911" not in stored
        assert Ask.objects.get(pk=made.pk).bank_account == SORT_CODE

    def test_goodwill_is_never_paid_out(self, maria: Customer, goodwill: Credit, wish: Wish) -> None:
        assert refused(lambda: wish(maria, 100)) == ("insufficient_credit", "amount")

    def test_only_what_is_refundable_counts(
        self, maria: Customer, deposit: Credit, goodwill: Credit, wish: Wish
    ) -> None:
        assert refused(lambda: wish(maria, 12_001)) == ("insufficient_credit", "amount")
        assert wish(maria, 12_000).amount_minor == 12_000

    @pytest.mark.parametrize("minor", [0, -1, MAX_MINOR + 1, 10**30])
    def test_an_amount_that_is_none(self, maria: Customer, deposit: Credit, wish: Wish, minor: int) -> None:
        assert refused(lambda: wish(maria, minor)) == ("invalid_input", "amount")

    def test_another_currency_has_nothing(self, maria: Customer, deposit: Credit, wish: Wish) -> None:
        assert refused(lambda: wish(maria, 100, currency="EUR")) == ("insufficient_credit", "amount")
        assert refused(lambda: wish(maria, 100, currency="XXY")) == ("invalid_input", "currency")

    @pytest.mark.parametrize(
        ("payee", "field"),
        [
            (Payee("Maria", "DE89 3704 0044 0532 0130 01"), "bank_account"),
            (Payee("Maria", "20-00-00 123"), "bank_account"),
            (Payee("Maria", ""), "bank_account"),
            (Payee("", SORT_CODE), "payee_name"),
            (Payee("M" * 201, SORT_CODE), "payee_name"),
            (Payee("Ma\0ria", SORT_CODE), "payee_name"),
        ],
    )
    def test_a_payee_that_the_bank_would_not_find(
        self, maria: Customer, deposit: Credit, wish: Wish, payee: Payee, field: str
    ) -> None:
        assert refused(lambda: wish(maria, payee=payee)) == ("invalid_input", field)

    @pytest.mark.parametrize("method", ["cheque", "no_such", ""])
    def test_only_a_way_that_the_shop_offers(
        self, maria: Customer, deposit: Credit, wish: Wish, method: str
    ) -> None:
        assert refused(lambda: wish(maria, method=method)) == ("invalid_input", "method")

    def test_nobody_asks_for_somebody_else(
        self, maria: Customer, deposit: Credit, wish: Wish, staff_actor: Actor, now: datetime
    ) -> None:
        paul = customers.add(username="paul", actor=staff_actor, now=now)
        assert refused(lambda: wish(maria, actor=as_customer(paul)))[0] == "permission_denied"
        assert refused(lambda: wish(maria, actor=staff_actor))[0] == "permission_denied"
        assert refused(lambda: wish(maria, actor=Actor.system("cli")))[0] == "permission_denied"

    def test_the_same_form_twice_asks_once(self, maria: Customer, deposit: Credit, wish: Wish) -> None:
        assert wish(maria, key="k").pk == wish(maria, key="k").pk
        assert Ask.objects.count() == 1
        with pytest.raises(KeyReused):
            wish(maria, 100, key="k")

    def test_one_waits_at_a_time(self, maria: Customer, deposit: Credit, wish: Wish) -> None:
        wish(maria, 1_000)
        with pytest.raises(AlreadyAsked):
            wish(maria, 1_000, key="b")

    def test_five_a_day_are_taken(self, maria: Customer, deposit: Credit, wish: Wish, now: datetime) -> None:
        for number in range(5):
            asks.withdraw(wish(maria, key=f"k{number}").pk, actor=as_customer(maria), now=now)
        with pytest.raises(TooManyAsks):
            wish(maria, key="sixth")
        wish(maria, key="next day", now=now + timedelta(days=1))


class TestVerifying:
    @pytest.mark.parametrize(
        "changed", [{"bank_account": IBAN}, {"payee_name": "Max Grey"}, {"amount_minor": 5_001}]
    )
    def test_an_ask_that_was_changed_past_the_program_is_found(
        self, maria: Customer, deposit: Credit, wish: Wish, changed: dict[str, Any]
    ) -> None:
        made = wish(maria)
        assert not list(findings())
        Ask.objects.filter(pk=made.pk).update(**changed)
        assert [(each.subject, "asked for" in each.problem) for each in findings()] == [(made.number, True)]

    def test_an_ask_that_was_given_to_another_customer_is_found(
        self, maria: Customer, deposit: Credit, wish: Wish, staff_actor: Actor, now: datetime
    ) -> None:
        made = wish(maria)
        paul = customers.add(username="paul", actor=staff_actor, now=now)
        Ask.objects.filter(pk=made.pk).update(customer=paul)
        assert [(each.subject, each.customer_id) for each in findings()] == [(made.number, paul.pk)]

    def test_an_answer_that_no_event_tells_is_found(
        self, maria: Customer, deposit: Credit, wish: Wish, staff_actor: Actor, now: datetime
    ) -> None:
        made = wish(maria)
        asks.decline(made.pk, reason="Ask in the shop.", actor=staff_actor, now=now)
        assert not list(findings())
        Ask.objects.filter(pk=made.pk).update(status="waiting", resolved_at=None)
        assert [(each.subject, "answered" in each.problem) for each in findings()] == [(made.number, True)]


class TestKeeping:
    def test_who_keeps_the_credit_may_ask_anew(
        self, maria: Customer, deposit: Credit, wish: Wish, now: datetime
    ) -> None:
        made = wish(maria)
        for _ in range(2):
            assert asks.withdraw(made.pk, actor=as_customer(maria), now=now).status == "withdrawn"
        assert Event.objects.filter(action="refund.ask_withdrawn").count() == 1
        assert wish(maria, key="b").status == "waiting"

    def test_somebody_elses_is_not_there(
        self, maria: Customer, deposit: Credit, wish: Wish, staff_actor: Actor, now: datetime
    ) -> None:
        made = wish(maria)
        paul = customers.add(username="paul", actor=staff_actor, now=now)
        for actor in (as_customer(paul), staff_actor, Actor.system("cli")):
            with pytest.raises(AskNotFound):
                asks.withdraw(made.pk, actor=actor, now=now)
        assert Ask.objects.get().status == "waiting"

    def test_too_late_once_it_is_a_refund(
        self, maria: Customer, deposit: Credit, wish: Wish, staff_actor: Actor, now: datetime
    ) -> None:
        made = wish(maria)
        asks.accept(made.pk, actor=staff_actor, now=now)
        with pytest.raises(WrongState):
            asks.withdraw(made.pk, actor=as_customer(maria), now=now)


class TestAccepting:
    def test_it_becomes_a_refund_of_whoever_accepts(
        self,
        maria: Customer,
        deposit: Credit,
        wish: Wish,
        staff_actor: Actor,
        admin_actor: Actor,
        now: datetime,
    ) -> None:
        made = wish(maria, 5_000, payee=Payee(" Maria Holt ", IBAN))
        refund = asks.accept(made.pk, actor=staff_actor, now=now).refund
        assert refund is not None
        assert (refund.amount_minor, refund.requested_by, refund.payee_name, refund.bank_account, refund.status) == (
            5_000, "staff", "Maria Holt", IBAN, "requested",
        )  # fmt: skip
        assert balance(maria) == (7_000, 5_000)
        assert asks.accept(made.pk, actor=staff_actor, now=now).refund == refund
        services.complete(refund.pk, actor=admin_actor, now=now)
        assert balance(maria) == (7_000, 0)
        assert (verify().broken, list(findings())) == ([], [])
        event = Event.objects.get(action="refund.ask_accepted")
        assert (event.actor_name, event.data["document"]) == ("staff", refund.number)

    def test_the_amount_is_looked_at_anew(
        self, maria: Customer, deposit: Credit, wish: Wish, staff_actor: Actor, now: datetime
    ) -> None:
        made = wish(maria, 12_000)
        credit.spend(
            customer_id=maria.pk, amount=Money(1, "GBP"), reference="N1", key="s", actor=staff_actor, now=now
        )
        with pytest.raises(InsufficientCredit):
            asks.accept(made.pk, actor=staff_actor, now=now)
        assert (Ask.objects.get().status, Refund.objects.count(), balance(maria)) == (
            "waiting",
            0,
            (11_999, 0),
        )

    @pytest.mark.parametrize(
        "changed",
        [
            {"bank_account": IBAN},
            {"payee_name": "Max Grey"},
            {"amount_minor": 5_001},
            {"method": "cash"},
            {"payee_reference": "M-2"},
        ],
    )
    def test_what_was_changed_behind_the_program_s_back_is_refused_and_may_only_be_declined(
        self,
        maria: Customer,
        deposit: Credit,
        wish: Wish,
        staff_actor: Actor,
        now: datetime,
        changed: dict[str, Any],
    ) -> None:
        made = wish(maria)
        Ask.objects.filter(pk=made.pk).update(**changed)
        accept = partial(asks.accept, made.pk, actor=staff_actor, now=now)
        assert refused(accept) == ("ask_changed", None)
        with pytest.raises(AskChanged, match=made.number):
            accept()
        assert (Ask.objects.get().status, balance(maria)) == ("waiting", (12_000, 0))
        assert asks.decline(made.pk, reason="Ask anew.", actor=staff_actor, now=now).status == "declined"

    def test_what_was_given_to_another_customer_is_refused(
        self,
        maria: Customer,
        deposit: Credit,
        wish: Wish,
        staff_actor: Actor,
        admin_actor: Actor,
        now: datetime,
    ) -> None:
        made = wish(maria)
        paul = customers.add(username="paul", actor=staff_actor, now=now)
        given(paul, 9_000, GiveReason.DEPOSIT, admin_actor, now, refundable=True)
        Ask.objects.filter(pk=made.pk).update(customer=paul)
        assert refused(partial(asks.accept, made.pk, actor=staff_actor, now=now)) == ("ask_changed", None)
        assert balance(paul) == (9_000, 0)

    def test_a_method_no_longer_offered_to_customers_is_for_staff_to_decide(
        self, maria: Customer, deposit: Credit, wish: Wish, admin_actor: Actor, now: datetime
    ) -> None:
        made = wish(maria, method="cash", payee=Payee("Maria Holt"))
        switched_on(admin_actor, now, own_page_methods=[])  # offered to customers no more: staff decide
        assert asks.accept(made.pk, actor=admin_actor, now=now).status == "accepted"

    def test_viewers_and_customers_may_not(
        self, maria: Customer, deposit: Credit, wish: Wish, viewer_actor: Actor, now: datetime
    ) -> None:
        made = wish(maria)
        for actor in (viewer_actor, as_customer(maria)):
            with pytest.raises(PermissionDenied):
                asks.accept(made.pk, actor=actor, now=now)
            with pytest.raises(PermissionDenied):
                asks.decline(made.pk, reason="No", actor=actor, now=now)
        assert (Ask.objects.get().status, balance(maria)) == ("waiting", (12_000, 0))

    def test_unusual_payees_are_flagged(
        self,
        maria: Customer,
        deposit: Credit,
        wish: Wish,
        admin_actor: Actor,
        staff_actor: Actor,
        now: datetime,
    ) -> None:
        first = asks.accept(wish(maria, 1_000).pk, actor=staff_actor, now=now).refund
        assert first is not None
        services.complete(first.pk, actor=admin_actor, now=now)
        assert asks.flags(wish(maria, 1_000, key="same")) == []
        asks.withdraw(Ask.objects.latest("pk").pk, actor=as_customer(maria), now=now)
        other = wish(maria, 1_000, key="other", payee=Payee("Maria Holt", IBAN))
        assert asks.flags(other) == ["changed_account"]
        paul = customers.add(username="paul", actor=staff_actor, now=now)
        given(paul, 900_000, GiveReason.DEPOSIT, admin_actor, now, refundable=True)
        assert asks.flags(wish(paul, 900_000)) == ["shared_account", "new_payee"]


class TestDeclining:
    def test_the_customer_is_told_why_and_keeps_the_credit(
        self, maria: Customer, deposit: Credit, wish: Wish, staff_actor: Actor, now: datetime
    ) -> None:
        made = wish(maria)
        for _ in range(2):
            asks.decline(made.pk, reason=" Not your account. ", actor=staff_actor, now=now)
        event = Event.objects.get(action="refund.ask_declined")
        assert (event.public_note, event.note, balance(maria)) == ("Not your account.", "", (12_000, 0))
        with pytest.raises(WrongState):
            asks.accept(made.pk, actor=staff_actor, now=now)
        assert wish(maria, key="b").status == "waiting"

    @pytest.mark.parametrize("reason", ["", "  ", "a" * 1_001, "a\0b"])
    def test_a_reason_is_needed(
        self, maria: Customer, deposit: Credit, wish: Wish, staff_actor: Actor, now: datetime, reason: str
    ) -> None:
        made = wish(maria)
        with pytest.raises(InvalidInput) as caught:
            asks.decline(made.pk, reason=reason, actor=staff_actor, now=now)
        assert (caught.value.field, Ask.objects.get().status) == ("reason", "waiting")


def test_the_queue_is_paged_without_leaving_one_out(
    maria: Customer, deposit: Credit, wish: Wish, system_actor: Actor, admin_actor: Actor, now: datetime
) -> None:
    for number in range(5):
        each = customers.add(username=f"c{number}", actor=system_actor, now=now)
        given(each, 1_000, GiveReason.DEPOSIT, admin_actor, now, refundable=True)
        wish(each, 100)
    seen: list[str] = []
    after = None
    while page := asks.listed("waiting", after=after, limit=2):
        seen += [each.customer.username for each in page]
        after = page[-1]
    assert seen == ["c0", "c1", "c2", "c3", "c4"]
    assert (asks.count_waiting(10), asks.count_waiting(3)) == (5, 3)
