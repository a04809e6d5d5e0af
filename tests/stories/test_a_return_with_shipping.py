from __future__ import annotations

from tests.orders.till import Till, line


def test_one_of_two_lamps_comes_back_with_half_the_shipping_and_pays_the_next_order(till: Till) -> None:
    order = till.place(line(17_800, quantity=2, sku="LAMP"), shipping_minor=990)
    till.pay(order, 18_790)
    rma = till.open_rma(order, till.back(order, 1, None), shipping_minor=495)
    assert (rma.total_minor, till.figures) == (9395, (0, 0, 0))
    till.close(rma)
    assert till.credits == [(rma.number, 9395, 9395)]
    following = till.place(line(10_000))
    till.spend(following, 9395)
    assert till.sums(following) == (0, 9395, 0, 605)
    assert till.figures == (0, 0, 605)
