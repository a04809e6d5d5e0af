"""Ways to get more money out of a shop than came in, each tried and each in vain (R7)."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.orders.till import Till, gbp, line
from tillbook.common.actor import Actor
from tillbook.credit import services as credit
from tillbook.credit.models import Credit, GiveReason, ReverseReason
from tillbook.orders import checkout
from tillbook.orders.models import OrderLine
from tillbook.orders.services import MoreThanOwing
from tillbook.refunds import services as refunds
from tillbook.refunds.backing import SourceNotBacked
from tillbook.refunds.models import Refund
from tillbook.refunds.services import Payee


def give(till: Till, minor: int, reason: GiveReason, *, days: int | None = None) -> Credit:
    return credit.give(
        customer_id=till.customer.pk, amount=gbp(minor), reason=reason,
        refundable=reason == GiveReason.DEPOSIT,
        expires_at=None if days is None else till.now + timedelta(days=days), **till.by,
    )  # fmt: skip


def ask(till: Till, minor: int) -> Refund:
    return refunds.request(
        customer_id=till.customer.pk, amount=gbp(minor), method=Refund.Method.CASH, payee=Payee("Jo"),
        payment_date=date(2026, 3, 2), **till.by,
    )  # fmt: skip


def paid_out(till: Till, admin: Actor, minor: int) -> None:
    refunds.complete(ask(till, minor).pk, actor=admin, now=till.now)


def refundable(till: Till) -> int:
    """What could be paid out now, in minor units."""
    rows = Credit.objects.filter(customer=till.customer, refundable=True).select_related("account")
    return sum(row.account.available_minor for row in rows)


def test_credit_that_paid_an_order_goes_back_where_it_came_from_when_the_order_shrinks(
    till: Till, admin_actor: Actor
) -> None:
    give(till, 6000, GiveReason.DEPOSIT)
    order = till.place(line(6000))
    till.spend(order, 6000)
    till.edit(order, line(1000))
    assert till.credits == [("", 6000, 5000)]
    assert till.sums(order) == (0, 1000, 0, 0)
    paid_out(till, admin_actor, 5000)
    till.cancel(order)
    assert till.credits == [("", 6000, 1000)]
    paid_out(till, admin_actor, 1000)
    assert (till.figures, refundable(till)) == ((0, 0, 0), 0)


def test_money_goes_on_as_credit_first_and_goodwill_goes_back_as_goodwill(till: Till) -> None:
    gift = give(till, 6000, GiveReason.GOODWILL, days=5)
    order = till.place(line(10_000))
    till.spend(order, 6000)
    till.pay(order, 4000)
    till.edit(order, line(1000))
    assert till.credits == [("", 6000, 5000), (order.number, 4000, 4000)]
    assert till.sums(order) == (4000, 1000, 4000, 0)
    assert refundable(till) == 4000
    assert Credit.objects.get(id=gift.id).expires_at == gift.expires_at


def test_a_return_of_goods_paid_with_goodwill_gives_goodwill_with_its_expiry(till: Till) -> None:
    gift = give(till, 6000, GiveReason.GOODWILL, days=5)
    order = till.place(line(10_000, quantity=2))
    till.spend(order, 6000)
    till.pay(order, 4000)
    till.close(till.open_rma(order, till.back(order, 1, None)))
    assert refundable(till) == 4000
    till.close(till.open_rma(order, till.back(order, 1, None)))
    assert refundable(till) == 4000
    tied = Credit.objects.filter(source="return", refundable=False).order_by("id")
    assert [(row.issued_minor, row.expires_at) for row in tied] == [
        (1000, gift.expires_at),
        (5000, gift.expires_at),
    ]


def test_what_a_return_gave_back_as_money_is_not_given_again_when_the_order_shrinks(
    till: Till, admin_actor: Actor
) -> None:
    gift = give(till, 5000, GiveReason.GOODWILL, days=5)
    order = till.place(line(5000, sku="A"), line(5000, sku="B"))
    till.pay(order, 5000)
    till.spend(order, 5000)
    till.close(till.open_rma(order, till.back(order, 1, None, position=1)))
    assert refundable(till) == 5000
    kept = OrderLine.objects.get(order=order, position=1)
    till.edit(order, line(5000, sku=kept.sku, line_id=kept.pk))
    assert refundable(till) == 5000, "the money came back once"
    assert till.credits[0] == ("", 5000, 5000), "what is left is goodwill as before"
    assert Credit.objects.get(id=gift.id).expires_at == gift.expires_at
    paid_out(till, admin_actor, 5000)


@pytest.mark.parametrize("by_edit", [True, False])
def test_what_a_return_gave_back_of_refundable_credit_is_not_given_again(till: Till, by_edit: bool) -> None:
    give(till, 5000, GiveReason.GOODWILL, days=5)  # it expires first: it is spent first
    give(till, 5000, GiveReason.DEPOSIT)
    order = till.place(line(5000, sku="A"), line(5000, sku="B"))
    till.spend(order, 10_000)
    till.close(till.open_rma(order, till.back(order, 1, None, position=1)))
    assert refundable(till) == 5000
    if by_edit:
        kept = OrderLine.objects.get(order=order, position=1)
        till.edit(order, line(5000, sku=kept.sku, line_id=kept.pk))
    else:
        checkout.restore(
            customer_id=till.customer.pk, currency="GBP", reference=order.number, amount=gbp(5000), **till.by
        )
    assert refundable(till) == 5000, "the goodwill went back first"
    assert till.credits[:2] == [("", 5000, 5000), ("", 5000, 0)]


def test_a_return_credited_before_its_payment_was_voided_pays_what_the_void_left_owing(till: Till) -> None:
    order = till.place(line(10_000))
    payment = till.pay(order, 10_000)
    till.close(till.open_rma(order, till.back(order, 1, None)))
    assert till.figures == (10_000, 0, 0)
    voided = till.void(payment)
    assert (voided.taken_back_minor, voided.missing_minor) == (10_000, 0)
    assert till.sums(order) == (0, 10_000, 0, 0)
    assert (till.figures, refundable(till)) == ((0, 0, 0), 0)


def test_goodwill_is_no_money_behind_a_return_whose_payment_was_voided(till: Till) -> None:
    give(till, 5000, GiveReason.GOODWILL)
    order = till.place(line(5000, sku="A"), line(5000, sku="B"))
    till.spend(order, 5000)
    payment = till.pay(order, 5000)
    till.close(till.open_rma(order, till.back(order, 1, None)))
    assert refundable(till) == 5000
    voided = till.void(payment)
    assert (voided.taken_back_minor, voided.missing_minor) == (5000, 0)
    assert (till.figures, refundable(till)) == ((0, 0, 0), 0), "the return's credit pays the order"


def test_goodwill_is_no_money_behind_an_overpayment_whose_payment_was_voided(
    till: Till, admin_actor: Actor
) -> None:
    order = till.place(line(5000))
    payment = till.pay(order, 8000)
    refund = ask(till, 3000)
    assert till.void(payment).missing_minor == 3000
    give(till, 8000, GiveReason.GOODWILL)
    with till.refused(MoreThanOwing, "amount"):
        till.spend(order, 5001)
    till.spend(order, 5000)
    with till.refused(SourceNotBacked):
        refunds.complete(refund.pk, actor=admin_actor, now=till.now)
    refunds.decline(refund.pk, reason="Voided", actor=admin_actor, now=till.now)
    assert (till.sums(order), refundable(till)) == ((0, 5000, 0, 0), 0)


def test_goodwill_pays_nothing_of_a_cancelled_order(till: Till, admin_actor: Actor) -> None:
    order = till.place(line(5000))
    payment = till.pay(order, 5000)
    till.cancel(order)
    refund = ask(till, 1000)
    assert till.void(payment).missing_minor == 1000
    give(till, 8000, GiveReason.GOODWILL)
    with till.refused(MoreThanOwing, "amount"):
        till.spend(order, 1000)
    with till.refused(MoreThanOwing, "amount"):
        checkout.hold(customer_id=till.customer.pk, amount=gbp(1000), reference=order.number, **till.by)
    refunds.decline(refund.pk, reason="Voided", actor=admin_actor, now=till.now)
    assert (till.sums(order), refundable(till)) == ((0, 0, 0, 0), 0)


def test_a_return_paid_with_credit_whose_money_went_later_is_not_paid_out(till: Till) -> None:
    first, second = till.place(line(5000)), till.place(line(3000))
    payment = till.pay(first, 8000)
    till.spend(second, 3000)
    till.close(till.open_rma(second, till.back(second, 1, None)))
    third = till.place(line(3000))
    till.spend(third, 3000)
    till.close(till.open_rma(third, till.back(third, 1, None)))
    till.void(payment)
    assert refundable(till) == 3000
    with till.refused(SourceNotBacked):
        ask(till, 3000)


def test_credit_that_went_back_taints_nothing_that_other_credit_paid(till: Till, admin_actor: Actor) -> None:
    first = till.place(line(10_000))
    till.pay(first, 10_000)
    twice = till.pay(first, 5_000)
    second, third = till.place(line(5_000)), till.place(line(5_000))
    till.spend(second, 5_000)
    checkout.restore(customer_id=till.customer.pk, currency="GBP", reference=second.number, **till.by)
    deposit = give(till, 5_000, GiveReason.DEPOSIT)
    till.spend(second, 5_000, credits={deposit.id: 5_000})
    till.spend(third, 5_000)
    till.close(till.open_rma(second, till.back(second, 1, None)))
    assert till.void(twice).missing_minor == 5_000
    assert refundable(till) == 5_000
    paid_out(till, admin_actor, 5_000)


def test_orders_that_pay_one_another_many_times_are_each_looked_at_once(
    till: Till, django_assert_max_num_queries
) -> None:
    order = till.place(line(10_000))
    till.pay(order, 10_000)
    till.close(till.open_rma(order, till.back(order, 1, None)))
    for _ in range(14):
        order = till.place(line(6_000))
        till.spend(order, 6_000)
        till.close(till.open_rma(order, till.back(order, 1, None)))
    assert refundable(till) == 10_000
    with django_assert_max_num_queries(250):
        ask(till, 10_000)


def test_an_order_made_smaller_gives_no_money_for_credit_whose_money_is_gone(till: Till) -> None:
    first = till.place(line(5000))
    payment = till.pay(first, 10_000)
    second = till.place(line(5000, sku="A"), line(5000, sku="B"))
    till.spend(second, 5000)
    till.pay(second, 5000)
    till.void(payment)
    till.close(till.open_rma(second, till.back(second, 1, None)))
    assert refundable(till) == 5000
    kept = OrderLine.objects.get(order=second, position=1)
    till.edit(second, line(5000, sku=kept.sku, line_id=kept.pk))
    assert refundable(till) == 5000
    assert till.sums(first) == (0, 0, 0, 5000), "its overpayment came back, and was taken back"


def test_what_a_capture_leaves_of_a_hold_is_taken_back_where_its_money_is_gone(till: Till) -> None:
    order = till.place(line(5000))
    payment = till.pay(order, 8000)
    of_jo = {"customer_id": till.customer.pk}
    checkout.hold(**of_jo, amount=gbp(3000), reference="W1", **till.by | {"key": "held"})
    till.void(payment)
    checkout.capture(**of_jo, hold_key="held", amount=gbp(1000), **till.by)
    assert till.figures == (0, 0, 6000)


def test_a_refund_under_way_can_t_be_completed_once_its_payment_is_voided(
    till: Till, admin_actor: Actor
) -> None:
    order = till.place(line(10_000))
    payment = till.pay(order, 15_000)
    refund = ask(till, 5000)
    voided = till.void(payment)
    assert (voided.taken_back_minor, voided.missing_minor) == (0, 5000)
    with till.refused(SourceNotBacked):
        refunds.complete(refund.pk, actor=admin_actor, now=till.now)
    refunds.decline(refund.pk, reason="Voided", actor=admin_actor, now=till.now)
    assert till.figures == (0, 0, 10_000)
    assert till.sums(order) == (0, 0, 0, 10_000)


def test_credit_that_comes_back_after_its_payment_was_voided_is_taken_back(till: Till) -> None:
    first, second = till.place(line(10_000)), till.place(line(5000))
    payment = till.pay(first, 15_000)
    till.spend(second, 5000)
    assert till.void(payment).missing_minor == 5000
    till.cancel(second)
    assert till.figures == (0, 0, 10_000)
    assert refundable(till) == 0


@pytest.mark.parametrize("voided_first", [False, True])
def test_an_overpayment_reversed_and_its_payment_voided_leave_nothing_owing(
    till: Till, admin_actor: Actor, voided_first: bool
) -> None:
    order = till.place(line(10_000))
    till.pay(order, 10_000)
    twice = till.pay(order, 5000)
    [wrong] = Credit.objects.filter(source="overpayment")
    reversal = refunds.request_reversal(
        customer_id=till.customer.pk, credit_id=wrong.id, reason=ReverseReason.PAYMENT_VOIDED, **till.by
    )
    if voided_first:
        till.void(twice)
    refunds.complete(reversal.pk, actor=admin_actor, now=till.now)
    if not voided_first:
        till.void(twice)
    assert till.sums(order) == (10_000, 0, 0, 0)
    assert till.status(order) == "fully_paid"
    assert till.figures == (0, 0, 0)


def test_a_release_sent_again_is_answered_again_though_less_is_missing_by_then(till: Till) -> None:
    order, other = till.place(line(5_000)), till.place(line(1_000))
    payment = till.pay(order, 8_000)
    till.spend(other, 1_000)
    checkout.hold(
        customer_id=till.customer.pk, amount=gbp(2_000), reference="W1", **till.by | {"key": "held"}
    )
    assert till.void(payment).missing_minor == 3_000
    sent = {"customer_id": till.customer.pk, "hold_key": "held", **till.by}
    first = checkout.release(**sent)
    assert (checkout.release(**sent), till.figures) == (first, (0, 0, 6_000))
