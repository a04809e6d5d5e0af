from __future__ import annotations

from tests.orders.till import Till, line
from tillbook.orders import queries


def test_what_one_order_was_overpaid_pays_a_later_order(till: Till) -> None:
    first = till.place(line(8995))
    till.pay(first, 10_000)
    assert till.credits == [(first.number, 1005, 1005)]
    second = till.place(line(2500), shipping_minor=495)
    till.spend(second, 1005)
    till.pay(second, 1990)
    assert (till.status(first), till.status(second)) == ("over_paid", "fully_paid")
    assert till.sums(first) == (10_000, 0, 1005, 0)
    assert till.sums(second) == (1990, 1005, 0, 0)
    assert [(part.credit.source_reference, part.amount_minor) for part in queries.credit_paid(second)] == [
        (first.number, 1005)
    ]
    assert till.figures == (0, 0, 0)
