"""What customers want back on their card: whoever accepts it says to which charge, where that is a choice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

import pytest

from tests.orders.till import Till, line
from tests.portal.conftest import opened, switched_on
from tests.refunds.charged import ONE, TWO, back, possible
from tillbook.common.actor import Actor
from tillbook.common.errors import InvalidInput, WrongState
from tillbook.credit.queries import credits_of
from tillbook.events.models import Event
from tillbook.orders.charges import NO_CHARGE, Charge
from tillbook.refunds import asks
from tillbook.refunds.charges import ChargeLimit, charge_to
from tillbook.refunds.models import Ask, Refund
from tillbook.refunds.payees import Payee
from tillbook.refunds.verification import findings

Wanted = Callable[..., Ask]


@pytest.fixture
def till(db: None, staff_actor: Actor, admin_actor: Actor, now: datetime) -> Iterator[Till]:
    """10.00 of credit: 6.00 of it came by one charge, 4.00 by another."""
    switched_on(admin_actor, now, own_page_methods=["gateway", "cash"])
    till = Till(staff_actor, now)
    order = till.place(line(1_000))
    till.pay(order, 600, charge=ONE)
    till.pay(order, 400, charge=TWO)
    till.cancel(order)
    yield till
    till.check_book()
    assert list(findings()) == []


@pytest.fixture
def wanted(till: Till, wish: Wanted) -> Wanted:
    """Ask for so much, back on the card unless said otherwise."""

    def ask(minor: int, method: str = "gateway") -> Ask:
        return wish(till.customer, minor, method=method, payee=Payee("Jo"), key=f"{method}-{minor}")

    return ask


def accepted(till: Till, made: Ask, charge: Charge = NO_CHARGE) -> Refund:
    refund = asks.accept(made.pk, charge=charge, actor=till.staff, now=till.now).refund
    assert refund is not None
    return refund


def nothing_happened(till: Till) -> bool:
    return (Ask.objects.get().status, Refund.objects.count(), till.figures) == ("waiting", 0, (1_000, 0, 0))


def test_where_two_have_room_one_of_them_is_named(till: Till, wanted: Wanted) -> None:
    made = wanted(300)
    with till.refused(InvalidInput, "charge"):
        accepted(till, made)
    with pytest.raises(InvalidInput, match="one of ch_1, CAP2"):
        accepted(till, made)
    assert nothing_happened(till)
    assert charge_to(accepted(till, made, TWO)) == TWO
    assert till.figures == (700, 300, 0)
    assert possible(*credits_of(till.customer.pk)) == {"stripe ch_1": 600, "paypal CAP2": 100}


def test_where_one_alone_has_room_for_it_all_it_goes_there(till: Till, wanted: Wanted) -> None:
    assert charge_to(accepted(till, wanted(401))) == ONE
    told = Event.objects.get(action="refund.requested").data
    assert (told["gateway"], told["charge"]) == ("stripe", "ch_1")


def test_what_is_left_of_a_charge_decides_and_not_what_it_brought(till: Till, wanted: Wanted) -> None:
    back(till, 500, ONE)
    assert charge_to(accepted(till, wanted(300))) == TWO


@pytest.mark.parametrize("charge", [NO_CHARGE, ONE])
def test_more_than_any_charge_has_room_for_is_refused(till: Till, wanted: Wanted, charge: Charge) -> None:
    made = wanted(601)
    with till.refused(ChargeLimit, "amount"):
        accepted(till, made, charge)
    with pytest.raises(ChargeLimit, match="At most 6.00 GBP of this credit may go back to the charge ch_1"):
        accepted(till, made, charge)
    assert nothing_happened(till)


@pytest.mark.parametrize(
    ("charge", "field"),
    [
        (Charge("stripe", "ch_other"), "charge"),
        (Charge("paypal", "ch_1"), "charge"),
        (Charge("stripe", ""), "charge"),
        (Charge("", "ch_1"), "gateway"),
        (Charge("Stripe!", "ch_1"), "gateway"),
        (Charge("stripe", "ch 1\0"), "charge"),
    ],
)
def test_a_charge_that_is_none_of_theirs_is_refused_at_its_field(
    till: Till, wanted: Wanted, charge: Charge, field: str
) -> None:
    made = wanted(300)
    with till.refused(InvalidInput, field):
        accepted(till, made, charge)
    assert nothing_happened(till)


def test_by_another_method_nothing_goes_back_to_a_charge(till: Till, wanted: Wanted) -> None:
    made = wanted(300, "cash")
    assert asks.charges_for(made, till.now) == []
    with till.refused(InvalidInput, "charge"):
        accepted(till, made, ONE)
    assert charge_to(accepted(till, made)) == NO_CHARGE


def test_accepted_again_it_is_the_same_refund_and_never_one_to_another_charge(
    till: Till, wanted: Wanted
) -> None:
    made = wanted(300)
    assert accepted(till, made, ONE) == accepted(till, made, ONE) == accepted(till, made)
    with till.refused(WrongState):
        accepted(till, made, TWO)
    assert Refund.objects.count() == 1


def test_what_staff_choose_from_is_what_has_room_now(till: Till, wanted: Wanted) -> None:
    made = wanted(300)
    back(till, 400, TWO)
    assert [(each.room.charge, each.minor) for each in asks.charges_for(made, till.now)] == [(ONE, 600)]


def codes(till: Till) -> list[str]:
    return [each.code for each in asks.ways(till.customer.pk, "GBP", till.now)]


def test_back_on_the_card_is_offered_while_a_charge_has_room(till: Till, wanted: Wanted) -> None:
    assert codes(till) == ["cash", "gateway"]
    accepted(till, wanted(600), ONE)
    assert codes(till) == ["cash", "gateway"]
    accepted(till, wanted(400), TWO)
    assert codes(till) == ["cash"]


def test_it_is_not_offered_to_whom_no_card_paid_for(
    staff_actor: Actor, admin_actor: Actor, now: datetime
) -> None:
    switched_on(admin_actor, now, own_page_methods=["gateway", "cash"])
    till = Till(staff_actor, now)
    till.pay(till.place(line(1_000)), 1_400)
    assert codes(till) == ["cash"]
    browser = opened(till.customer)
    assert 'name="amount"' in browser.get("/my/refund/").content.decode()  # the only way: its form at once
    page = browser.get("/my/refund/?method=gateway").content.decode()
    assert "?currency=GBP&amp;method=cash" in page
    assert "method=gateway" not in page
    sent = browser.post("/my/refund/?method=gateway", {"amount": "4", "payee_name": "Jo", "key": "k"})
    assert (sent.status_code, Ask.objects.count()) == (200, 0)
