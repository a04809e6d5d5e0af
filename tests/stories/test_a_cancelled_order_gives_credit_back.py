from __future__ import annotations

from datetime import timedelta

from tests.orders.till import Till, gbp, line
from tillbook.credit import services as credit
from tillbook.credit.models import Credit, GiveReason


def test_the_same_credits_come_back_with_their_old_expiry_and_money_becomes_credit(till: Till) -> None:
    expiry = till.now + timedelta(days=5)
    promised = credit.give(
        customer_id=till.customer.pk, amount=gbp(2000), reason=GiveReason.PROMOTION, refundable=False,
        expires_at=expiry, **till.by,
    )  # fmt: skip
    credit.give(
        customer_id=till.customer.pk, amount=gbp(1000), reason=GiveReason.DEPOSIT, refundable=True,
        expires_at=None, **till.by,
    )  # fmt: skip
    order = till.place(line(5000))
    till.spend(order, 2500)
    till.pay(order, 2500)
    assert till.credits == [("", 2000, 0), ("", 1000, 500)]
    till.cancel(order)
    assert till.credits == [("", 2000, 2000), ("", 1000, 1000), (order.number, 2500, 2500)]
    assert Credit.objects.get(id=promised.id).expires_at == expiry
    assert till.sums(order) == (2500, 0, 2500, 0)
    assert till.figures == (5500, 0, 0)
