"""Several people deal with the same goods at the same moment: what came back is credited once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

import pytest

from tests.databases import codes
from tests.orders.till import Till, line
from tillbook.common.actor import Actor
from tillbook.orders.models import Order, Payment
from tillbook.returns import services
from tillbook.returns.models import Rma

pytestmark = pytest.mark.usefixtures("own_database")


@pytest.fixture
def till(own_database: None, now: datetime) -> Iterator[Till]:
    till = Till(Actor.system("test"), now)
    yield till
    till.check_book()


def paid_order(till: Till) -> Order:
    order = till.place(line(1000))
    till.pay(order, 1000)
    return order


def opened(till: Till) -> Rma:
    """All of a paid order is announced to come back."""
    order = paid_order(till)
    return till.open_rma(order, till.back(order, 1, 1000))


def test_of_twenty_who_open_a_return_of_one_piece_one_does(till: Till) -> None:
    order = paid_order(till)
    back = till.back(order, 1, 1000)
    outcomes = Counter(codes([lambda: till.open_rma(order, back)] * 20))
    assert outcomes == {"done": 1, "return_exceeds_order": 19}
    assert Rma.objects.count() == 1
    order.refresh_from_db()
    assert (order.returned_minor, till.figures) == (1000, (0, 0, 0))


def test_the_same_request_twenty_times_opens_one_return(till: Till) -> None:
    order = paid_order(till)
    back = till.back(order, 1, 1000)
    assert codes([lambda: till.open_rma(order, back, key="same")] * 20) == ["done"] * 20
    assert Rma.objects.count() == 1


def test_of_twenty_who_close_a_return_one_gives_its_credit(till: Till) -> None:
    rma = opened(till)
    assert Counter(codes([lambda: till.close(rma)] * 20)) == {"done": 1, "wrong_state": 19}
    assert till.credits == [(rma.number, 1000, 1000)]


def test_a_return_that_is_closed_and_cancelled_at_once_ends_in_one_way(till: Till) -> None:
    rma = opened(till)
    by = {"actor": till.staff, "now": till.now}
    ways = [
        lambda: till.close(rma),
        lambda: services.cancel(rma.pk, reason="Sent by mistake", **by),
        lambda: services.close_without_credit(rma.pk, note="Never came", **by),
    ]
    ended = Counter(codes(ways * 6))
    rma.refresh_from_db()
    # Cancelling again, and closing without credit again, is no mistake: all six who chose that are told so.
    given = rma.outcome == Rma.Outcome.CREDIT
    assert ended == ({"done": 1, "wrong_state": 17} if given else {"done": 6, "wrong_state": 12})
    assert till.figures == (1000 if given else 0, 0, 0)
    assert rma.order is not None
    assert rma.order.returned_minor == (1000 if given else 0)


def test_a_return_gives_no_credit_of_a_payment_that_is_voided_at_once(till: Till) -> None:
    rmas = [opened(till) for _ in range(8)]
    payments = list(Payment.objects.order_by("order_id"))
    closes = [lambda rma=rma: till.close(rma) for rma in rmas]
    voids = [lambda payment=payment: till.void(payment) for payment in payments]
    outcomes = codes([*closes, *voids])
    assert outcomes[8:] == ["done"] * 8
    for rma, payment, outcome in zip(rmas, payments, outcomes[:8], strict=True):
        # What was credited first pays what the void left owing: it came from there, and is spent.
        credited = [each for each in till.credits if each[0] == rma.number]
        found = (outcome, till.sums(payment.order), credited)
        assert found in (
            ("done", (0, 1000, 0, 0), [(rma.number, 1000, 0)]),
            ("return_exceeds_paid", (0, 0, 0, 1000), []),
        )
