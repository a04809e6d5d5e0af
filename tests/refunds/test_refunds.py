"""Refunds: held on request, gone on completion, back on a decline."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tillbook.common.errors import PermissionDenied, Refusal, WrongState
from tillbook.common.money import Money
from tillbook.credit import queries, services
from tillbook.credit.batch import accepted
from tillbook.credit.issuing import Gift
from tillbook.credit.models import GiveReason, ReverseReason
from tillbook.ledger.models import Transfer
from tillbook.refunds import services as refunds
from tillbook.refunds.accounts import mask
from tillbook.refunds.models import Refund
from tillbook.refunds.queries import by_number
from tillbook.staff.models import User

pytestmark = pytest.mark.django_db


def balance(credit):
    row = queries.balance_of(credit.customer_id, "GBP")
    return row.available_minor, row.held_minor


def test_a_request_holds_and_a_completion_takes(ask, credit, admin_actor, now):
    refund = ask()
    assert balance(credit) == (195_000, 5000)
    refunds.complete(refund.pk, actor=admin_actor, now=now)
    refunds.complete(refund.pk, actor=admin_actor, now=now)
    assert balance(credit) == (195_000, 0)
    assert Transfer.objects.filter(house="payouts").count() == 2


def test_a_decline_gives_back_and_ends_it(ask, credit, admin_actor, now):
    refund = ask()
    refunds.decline(refund.pk, reason="Wrong account", actor=admin_actor, now=now)
    assert balance(credit) == (200_000, 0)
    with pytest.raises(WrongState):
        refunds.complete(refund.pk, actor=admin_actor, now=now)


def test_the_same_request_twice_makes_one_refund(ask, credit):
    assert ask().pk == ask().pk
    assert Refund.objects.count() == 1
    assert balance(credit) == (195_000, 5000)


def test_staff_can_not_complete(ask, credit, staff_actor, now):
    refund = ask()
    with pytest.raises(PermissionDenied):
        refunds.complete(refund.pk, actor=staff_actor, now=now)
    assert balance(credit) == (195_000, 5000)
    assert Refund.objects.get().status == "requested"


def test_an_admin_does_not_complete_a_large_refund_of_their_own(ask, credit, admin_actor, now):
    refund = ask(150_000, actor=admin_actor)
    with pytest.raises(refunds.SelfCompletion):
        refunds.complete(refund.pk, actor=admin_actor, now=now)
    assert balance(credit) == (50_000, 150_000)


def test_nor_in_pieces_within_a_day(ask, credit, admin_actor, now):
    first, second = (ask(60_000, key=key, actor=admin_actor) for key in "ab")
    refunds.complete(first.pk, actor=admin_actor, now=now)
    for later in (now, now + timedelta(hours=23)):
        with pytest.raises(refunds.SelfCompletion):
            refunds.complete(second.pk, actor=admin_actor, now=later)
    assert balance(credit) == (80_000, 60_000)
    refunds.complete(second.pk, actor=admin_actor, now=now + timedelta(hours=25))
    assert balance(credit) == (80_000, 0)


@pytest.mark.parametrize(
    ("case", "code"),
    [
        ({"minor": 200_001}, "insufficient_credit"),
        ({"minor": 0}, "invalid_input"),
        ({"minor": -1}, "invalid_input"),
        ({"minor": 10**32}, "invalid_input"),
        ({"currency": "AUD"}, "insufficient_credit"),
        ({"currency": "pounds"}, "invalid_input"),
        ({"payee": " "}, "invalid_input"),
        ({"customer_id": 99}, "customer_not_found"),
    ],
)
def test_a_request_that_can_not_be_is_refused_and_changes_nothing(ask, credit, case, code):
    with pytest.raises(Refusal) as refusal:
        ask(**case)
    assert refusal.value.code == code
    assert Refund.objects.count() == 0
    assert balance(credit) == (200_000, 0)


def test_goodwill_is_never_paid_out(ask, credit, admin_actor, now):
    goodwill = services.give(
        customer_id=credit.customer_id,
        amount=Money(500, "GBP"),
        reason=GiveReason.GOODWILL,
        refundable=False,
        expires_at=None,
        key="gw",
        actor=admin_actor,
        now=now,
    )
    with pytest.raises(services.CreditNotRefundable):
        ask(500, credit_id=goodwill.id)
    with pytest.raises(services.InsufficientCredit, match="Only 2000.00 GBP can be paid out."):
        ask(200_001)
    assert Refund.objects.count() == 0


def test_a_reversal_returns_the_credit_to_where_it_came_from(credit, staff_actor, admin_actor, now):
    reversal = refunds.request_reversal(
        customer_id=credit.customer_id,
        credit_id=credit.id,
        reason=ReverseReason.GIVEN_BY_MISTAKE,
        key="v",
        actor=staff_actor,
        now=now,
    )
    assert balance(credit) == (0, 200_000)
    refunds.complete(reversal.pk, actor=admin_actor, now=now)
    assert balance(credit) == (0, 0)
    assert set(Transfer.objects.values_list("house", flat=True)) == {"receipts"}


def test_an_account_number_shows_its_last_digits_only():
    assert mask("062-000 1234 5678") == "•" * 11 + "678"


def test_a_refund_of_more_than_a_thousand_credits_is_shown_and_completed(
    ask, credit, client, admin_actor, staff_actor, now
):
    gifts = [
        Gift(credit.customer_id, Money(100, "GBP"), GiveReason.DEPOSIT, key=f"g{number}", refundable=True)
        for number in range(1_100)
    ]
    accepted(services.give_many(gifts, actor=admin_actor, now=now))
    refund = ask(200_000 + 110_000, actor=staff_actor)
    client.force_login(User.objects.get(username="admin"))
    assert "RF-" in client.get(f"/refunds/{refund.number}/").text
    assert client.get(f"/refunds/{refund.number}/slip.pdf").content.startswith(b"%PDF")
    assert client.post(f"/refunds/{refund.number}/complete/", {}).status_code == 302
    found = by_number(refund.number)
    assert (found.status, len(found.sources.all())) == ("completed", 1_101)
    assert {each.credit.pk for each in found.sources.all()} >= {(credit.customer_id, credit.id)}
