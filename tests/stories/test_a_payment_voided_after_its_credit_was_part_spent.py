from __future__ import annotations

from tests.orders.till import Till, line
from tillbook.events.models import Event


def test_the_unspent_part_is_taken_back_and_the_order_owes_the_rest(till: Till) -> None:
    first, second = till.place(line(10_000)), till.place(line(3000))
    payment = till.pay(first, 15_000)
    till.spend(second, 3000)
    assert till.figures == (2000, 0, 0)
    voided = till.void(payment)
    assert (voided.taken_back_minor, voided.missing_minor) == (2000, 3000)
    assert till.sums(first) == (0, 0, 3000, 13_000)
    assert till.figures == (0, 0, 13_000)
    event = Event.objects.get(action="payment.voided")
    assert (event.data["taken_back_minor"], event.data["missing_minor"]) == (2000, 3000)
    till.pay(first, 13_000)
    assert (till.sums(first), till.status(first)) == ((13_000, 0, 3000, 0), "over_paid")
    assert till.figures == (0, 0, 0)
