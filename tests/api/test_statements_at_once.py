"""Statements that are read at once, over the API: no two wait for each other, and each refund ends once."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from tests.api.conftest import Program, told
from tests.conftest import _user_actor
from tests.databases import at_once
from tests.payouts.conftest import Till, make_till
from tillbook.api.edge import limiter
from tillbook.common.actor import Actor, Role, Scope
from tillbook.common.errors import Refusal, WrongState
from tillbook.events.models import Event
from tillbook.ledger.verification import verify
from tillbook.payouts import services as payouts
from tillbook.payouts.models import Booking, Payout
from tillbook.refunds import services as refunds
from tillbook.refunds.models import Refund
from tillbook.refunds.payees import Payee
from tillbook.refunds.unclaimed import cancel
from tillbook.refunds.verification import findings
from tillbook.staff import keys
from tillbook.staff import services as staff

pytestmark = pytest.mark.usefixtures("own_database")

NAMES = [f"c{each}" for each in range(8)]
ROUNDS = 6


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)  # a request has the time of the clock


@pytest.fixture
def secret(own_database: None, now: datetime) -> str:
    limiter.cache_clear()
    by: dict[str, Any] = {"actor": Actor.system("test"), "now": now}
    owner = staff.add_user(username="ann", role=Role.ADMIN, password="correct horse battery", **by)
    return keys.add_key(owner=owner, name="c", scopes=[Scope.REFUNDS], **by)[1]


@pytest.fixture
def till(own_database: None, now: datetime) -> Till:
    system = Actor.system("test")
    till = make_till(
        _user_actor("staff", Role.STAFF, system, now), _user_actor("bob", Role.ADMIN, system, now), now
    )
    for name in NAMES:
        till.customer(name)
    return till


def rows(asked: list[Refund], day: date) -> list[str]:
    return [f"{day},{each.number},-{each.amount_minor / 100:.2f},\n" for each in asked]


def read(secret: str, name: str, lines: list[str]) -> Any:
    body = {
        "name": name, "format": "csv", "content": "date,text,amount,account\n" + "".join(lines), "currency": "AUD",
        "columns": {"date": "date", "reference": "text", "amount": "amount"},
    }  # fmt: skip
    return told(Program(secret).post("/statements", body, key=name), 201)


def check(ended: int) -> None:
    assert Counter(Refund.objects.values_list("status", flat=True)) == {"completed": ended}
    assert Event.objects.filter(action="refund.completed").count() == ended
    assert not list(findings())
    assert not verify().broken


def test_two_statements_that_name_the_same_refunds_the_other_way_round(
    till: Till, secret: str, now: datetime
):
    """As entries of one transaction, each would hold what the other waits for."""
    for turn in range(ROUNDS):
        asked = [till.refund(name, 5_00 + turn) for name in NAMES]
        lines = rows(asked, now.date())
        # What names nothing is the same entry in both: its key too may be waited for.
        lines += [f"{now.date()},Coffee {turn} {each},-1.00,\n" for each in range(8)]
        outcomes = at_once(
            [partial(read, secret, f"a{turn}", lines), partial(read, secret, f"b{turn}", lines[::-1])]
        )
        assert [type(each) for each in outcomes] == [dict, dict], outcomes
    assert Counter(Booking.objects.values_list("outcome", flat=True)) == {
        "paid": ROUNDS * 8, "unmatched": ROUNDS * 8,
    }  # fmt: skip
    check(ROUNDS * 8)


def test_a_sum_for_a_file_and_the_cancelling_of_that_file(till: Till, secret: str, now: datetime):
    """Both take all books of the payout: in one order, whichever the file has."""
    for turn in range(ROUNDS):
        # asked for in the order that is not the one of the books
        asked = [till.refund(name, 5_00 + turn) for name in reversed(NAMES)]
        made = till.create(*asked, key=f"p{turn}", pay_on=now.date() + timedelta(days=1))
        line = f"{now.date()},{made.number},-{made.total_minor / 100:.2f},\n"
        stop = partial(payouts.cancel, made.number, reason="No", actor=till.admin, now=now)
        statement, stopped = at_once([partial(read, secret, f"s{turn}", [line]), stop])
        assert isinstance(statement, dict), statement
        (booking,) = statement["bookings"]
        states = set(
            Refund.objects.filter(pk__in=[each.pk for each in asked]).values_list("status", flat=True)
        )
        ended = (booking["outcome"], states, Payout.objects.get(pk=made.pk).status)
        if isinstance(stopped, Payout):  # it was cancelled first
            assert ended == ("differs", {"requested"}, "cancelled")
            assert booking["problem"] == f"{made.number} was cancelled, and was paid nevertheless."
        else:
            assert isinstance(stopped, WrongState), stopped
            assert ended == ("paid", {"completed"}, "made")
    assert not list(findings())
    assert not verify().broken


def test_what_is_presented_while_it_is_cancelled_ends_once(till: Till, secret: str, now: datetime):
    """The cheque is received, or cancelled and told: never credit again and taken as paid."""
    payee = Payee("Jo", postal_address="1 Mill Lane")
    then = now - timedelta(days=100)
    by = {"actor": till.admin, "now": then}
    asked = [
        till.refund(name, 5_00, method="cheque", payee=payee, payment_date=then.date(), now=then)
        for name in NAMES
    ]
    for place, each in enumerate(asked, start=1):
        refunds.complete(each.pk, cheque_number=str(place), **by)
    lines = [f"{now.date()},CHEQUE {place},-5.00,\n" for place in range(1, 9)]

    def stop() -> list[str]:
        return [_stopped(each, till.admin, now) for each in asked[::-1]]

    told_, first, second = at_once([partial(read, secret, "s", lines), stop, stop])
    assert {*first, *second} <= {"failed", "not_out"}
    outcomes = {each["refund"]: each["outcome"] for each in told_["bookings"]}
    for refund in Refund.objects.all():
        ended = "received" if refund.status == "completed" else "differs"
        assert outcomes[refund.number] == ended, refund.number
        assert (refund.received_on is not None) == (ended == "received")
    failed = Refund.objects.filter(status="failed").count()
    assert Event.objects.filter(action="refund.failed").count() == failed
    assert not list(findings())
    assert not verify().broken


def _stopped(refund: Refund, actor: Actor, now: datetime) -> str:
    try:
        return cancel(refund.pk, actor=actor, now=now).status
    except Refusal as refusal:
        return refusal.code
