"""A gateway's charge stands behind one payment, which keeps both names of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from tests.databases import at_once
from tests.orders.till import Till, gbp, line
from tillbook.common.actor import Actor
from tillbook.common.errors import InvalidInput, KeyReused, PermissionDenied, WrongState
from tillbook.common.money import Money
from tillbook.credit.services import CurrencyMismatch
from tillbook.customers import services as customers
from tillbook.events.models import Event
from tillbook.orders.charges import Charge, ChargeUsed, charge_of, note_paid_back, payment_of
from tillbook.orders.models import Payment
from tillbook.orders.services import receive_payment

CHARGE = Charge("stripe", "ch_3P8")


@pytest.mark.django_db
def test_a_payment_keeps_its_charge_and_the_event_tells_it(till: Till) -> None:
    payment = till.pay(till.place(line(5_000)), 5_000, charge=CHARGE)
    assert charge_of(Payment.objects.get()) == CHARGE
    assert payment_of(CHARGE) == payment
    told = Event.objects.get(action="payment.received").data
    assert (told["gateway"], told["charge"]) == ("stripe", "ch_3P8")


@pytest.mark.django_db
def test_a_payment_without_one_tells_none(till: Till) -> None:
    payment = till.pay(till.place(line(5_000)), 5_000)
    assert not charge_of(payment)
    assert payment_of(charge_of(payment)) is None
    assert "charge" not in Event.objects.get(action="payment.received").data


@pytest.mark.django_db
def test_a_second_payment_of_the_charge_is_refused_and_names_the_order(till: Till) -> None:
    first, second = till.place(line(5_000), number="WEB-1"), till.place(line(5_000))
    till.pay(first, 5_000, charge=CHARGE)
    for order in (first, second):
        with till.refused(ChargeUsed, "charge"):
            till.pay(order, 5_000, charge=CHARGE)
    with pytest.raises(ChargeUsed, match="payment of order WEB-1 already"):
        till.pay(second, 5_000, charge=CHARGE)


@pytest.mark.django_db
def test_another_customer_s_payment_of_the_charge_is_refused(till: Till) -> None:
    till.pay(till.place(line(5_000)), 5_000, charge=CHARGE)
    other = customers.add(username="maria", currency="GBP", actor=till.staff, now=till.now)
    order = till.place(line(5_000), customer_id=other.pk)
    with till.refused(ChargeUsed, "charge"):
        till.pay(order, 5_000, charge=CHARGE)


@pytest.mark.django_db
def test_the_same_id_at_another_gateway_is_another_charge(till: Till) -> None:
    order = till.place(line(5_000))
    till.pay(order, 2_000, charge=Charge("stripe", "ONE"))
    till.pay(order, 3_000, charge=Charge("paypal", "ONE"))
    assert till.sums(order) == (5_000, 0, 0, 0)


@pytest.mark.django_db
def test_a_voided_payment_lets_go_of_its_charge(till: Till) -> None:
    wrong, right = till.place(line(5_000)), till.place(line(5_000))
    till.void(till.pay(wrong, 5_000, charge=CHARGE))
    assert payment_of(CHARGE) is None
    payment = till.pay(right, 5_000, charge=CHARGE)
    assert payment_of(CHARGE) == payment


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("charge", "field"),
    [
        (Charge("stripe", ""), "charge"),
        (Charge("", "ch_1"), "gateway"),
        (Charge("Stripe", "ch_1"), "gateway"),
        (Charge("1stripe", "ch_1"), "gateway"),
        (Charge("stripe pay", "ch_1"), "gateway"),
        (Charge("s" * 21, "ch_1"), "gateway"),
        (Charge("stripe\n", "ch_1"), "gateway"),
        (Charge("stripe", "ch 1"), "charge"),
        (Charge("stripe", "ch_1\n"), "charge"),
        (Charge("stripe", "ch_\0"), "charge"),
        (Charge("stripe", "ch_ü"), "charge"),
        (Charge("stripe", "c" * 101), "charge"),
    ],
)
def test_a_charge_that_is_none_is_refused_and_names_its_field(till: Till, charge: Charge, field: str) -> None:
    order = till.place(line(5_000))
    with till.refused(InvalidInput, field):
        till.pay(order, 5_000, charge=charge)


@pytest.mark.django_db
def test_the_longest_charge_is_kept_whole(till: Till) -> None:
    longest = Charge("s" * 20, "~" * 100)
    till.pay(till.place(line(5_000)), 5_000, charge=longest)
    assert charge_of(Payment.objects.get()) == longest


@pytest.mark.django_db
def test_sent_again_it_is_one_payment_and_with_another_charge_refused(till: Till) -> None:
    order = till.place(line(5_000))
    same = {"key": "pay"}
    assert till.pay(order, 5_000, charge=CHARGE, **same) == till.pay(order, 5_000, charge=CHARGE, **same)
    with till.refused(KeyReused, "key"):
        till.pay(order, 5_000, charge=Charge("stripe", "ch_other"), **same)
    with till.refused(KeyReused, "key"):
        till.pay(order, 5_000, **same)


@pytest.mark.django_db
@pytest.mark.parametrize("half", [{"gateway": ""}, {"charge": ""}])
def test_the_database_itself_keeps_no_half_of_a_charge(till: Till, half: dict[str, str]) -> None:
    till.pay(till.place(line(5_000)), 5_000, charge=CHARGE)
    with pytest.raises(IntegrityError), transaction.atomic():
        Payment.objects.update(**half)


@pytest.mark.usefixtures("own_database")
def test_twenty_payments_of_one_charge_at_once_are_one(now: datetime) -> None:
    actor = Actor.system("test")
    till, orders = Till(actor, now), []
    for n in range(20):
        owner = customers.add(username=f"c{n}", currency="GBP", actor=actor, now=now)
        orders.append(till.place(line(5_000), customer_id=owner.pk))
    clicks = [
        lambda order=order: receive_payment(
            order.pk, amount=gbp(5_000), method="card", charge=CHARGE, key="pay", actor=actor, now=now
        )
        for order in orders
    ]
    assert Counter(map(type, at_once(clicks))) == {Payment: 1, ChargeUsed: 19}
    assert Payment.objects.count() == 1
    assert Event.objects.filter(action="payment.received").count() == 1


@pytest.mark.django_db
class TestPaidBackAtTheGateway:
    @pytest.fixture
    def payment(self, till: Till) -> Payment:
        return till.pay(till.place(line(5_000)), 5_000, charge=CHARGE)

    @pytest.fixture
    def note(self, till: Till, admin_actor: Actor, payment: Payment) -> Callable[..., Payment]:
        def noted(minor: int, **more: Any) -> Payment:
            asked = {"amount": gbp(minor), "reason": "In the dashboard", "actor": admin_actor}
            return note_paid_back(payment.pk, **{**till.by, **asked, **more})

        return noted

    def test_it_adds_up_to_what_the_charge_brought(self, till: Till, note: Callable[..., Payment]) -> None:
        note(2_000)
        with till.refused(InvalidInput, "amount"):
            note(3_001)
        assert note(3_000).paid_back_minor == Payment.objects.get().paid_back_minor == 5_000
        told = Event.objects.filter(action="payment.paid_back").order_by("pk")
        assert [(each.note, each.data["amount"]) for each in told] == [
            ("In the dashboard", "20.00 GBP"), ("In the dashboard", "30.00 GBP"),
        ]  # fmt: skip

    def test_noted_twice_by_one_click_it_counts_once(self, till: Till, note: Callable[..., Payment]) -> None:
        note(2_000, key="click")
        assert note(2_000, key="click").paid_back_minor == 2_000
        with till.refused(KeyReused, "key"):
            note(2_001, key="click")

    def test_only_admins_note_it(self, till: Till, note: Callable[..., Payment]) -> None:
        with till.refused(PermissionDenied):
            note(2_000, actor=till.staff)

    @pytest.mark.parametrize(
        ("wrong", "field"),
        [({"amount": gbp(0)}, "amount"), ({"amount": gbp(-1)}, "amount"), ({"reason": " "}, "reason")],
    )
    def test_what_can_t_be_is_refused(
        self, till: Till, note: Callable[..., Payment], wrong: dict[str, Any], field: str
    ) -> None:
        with till.refused(InvalidInput, field):
            note(2_000, **wrong)

    def test_another_currency_a_voided_payment_and_one_without_a_charge_are_refused(
        self, till: Till, note: Callable[..., Payment], payment: Payment, admin_actor: Actor
    ) -> None:
        with till.refused(CurrencyMismatch, "amount"):
            note(2_000, amount=Money(2_000, "EUR"))
        till.void(payment)
        with till.refused(WrongState, "payment"):
            note(2_000)
        bare = till.pay(till.place(line(5_000)), 5_000)
        with till.refused(InvalidInput, "payment"):
            note_paid_back(
                bare.pk, **till.by | {"actor": admin_actor}, amount=gbp(1), reason="In the dashboard"
            )
