"""Random days of a shop: whatever is paid, edited, returned, voided and cancelled, no more money
goes out than came in, every figure can be recomputed, and the book verifies (R3, R5, R7, R8)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from tests.orders.till import Till, gbp, line
from tillbook.common.actor import Actor, Role
from tillbook.common.errors import Refusal
from tillbook.credit import services as credit
from tillbook.credit.holds import open_holds
from tillbook.credit.models import GiveReason, ReverseReason, Source
from tillbook.credit.queries import credits_of
from tillbook.ledger.models import Transfer
from tillbook.orders import checkout, queries, verification
from tillbook.orders.models import Order, Payment
from tillbook.refunds import services as refunds
from tillbook.refunds import verification as refund_verification
from tillbook.refunds.models import Refund
from tillbook.refunds.services import Payee
from tillbook.returns import verification as return_verification
from tillbook.returns.models import Rma

NOW = datetime(2026, 3, 2, 10, 30, tzinfo=UTC)
STAFF = Actor("staff", Role.STAFF, "test", 1)
ADMIN = Actor("admin", Role.ADMIN, "test", 2)

which = st.integers(0, 2)
amounts = st.integers(1, 300)
steps = st.one_of(
    st.tuples(st.just("place"), amounts),
    st.tuples(st.just("pay"), which, amounts),
    st.tuples(st.just("gift"), amounts),
    st.tuples(st.just("spend"), which, amounts),
    st.tuples(st.just("hold"), which, amounts),
    st.tuples(st.just("capture"), which, amounts),
    st.tuples(st.just("release"), which),
    st.tuples(st.just("edit"), which, amounts),
    st.tuples(st.just("cancel"), which),
    st.tuples(st.just("void"), which),
    st.tuples(st.just("return"), which, amounts),
    st.tuples(st.just("close"), which),
    st.tuples(st.just("undo"), which),
    st.tuples(st.just("ask"), amounts),
    st.tuples(st.just("reverse"), which),
    st.tuples(st.just("complete"), which),
    st.tuples(st.just("decline"), which),
)


class Day:
    """What the steps do. A step whose document is not there, or that is refused, changes nothing."""

    def __init__(self) -> None:
        self.till = Till(STAFF, NOW)
        self.till.pay(self.till.place(line(200, quantity=2)), 250)
        self.till.place(line(100, quantity=2))
        self.gift(80)

    def do(self, step: str, *arguments: int) -> None:
        self.till.now += timedelta(seconds=1)
        try:
            with transaction.atomic():
                getattr(self, step)(*arguments)
        except (Refusal, IndexError):
            return

    def order(self, n: int) -> Order:
        return list(Order.objects.order_by("id"))[n]

    def place(self, minor: int) -> None:
        self.till.place(line(minor, quantity=2))

    def pay(self, n: int, minor: int) -> None:
        self.till.pay(self.order(n), minor)

    def gift(self, minor: int) -> None:
        credit.give(
            customer_id=self.till.customer.pk, amount=gbp(minor), reason=GiveReason.GOODWILL,
            refundable=False, expires_at=None, **self.till.by,
        )  # fmt: skip

    def spend(self, n: int, minor: int) -> None:
        order = self.order(n)
        self.till.spend(order, min(minor, order.owing_minor))

    def hold(self, n: int, minor: int) -> None:
        order = self.order(n)
        checkout.hold(
            customer_id=self.till.customer.pk, amount=gbp(min(minor, order.owing_minor)),
            reference=order.number, **self.till.by,
        )  # fmt: skip

    def capture(self, n: int, minor: int) -> None:
        checkout.capture(**self.hold_key(n), amount=gbp(minor), **self.till.by)

    def release(self, n: int) -> None:
        checkout.release(**self.hold_key(n), **self.till.by)

    def hold_key(self, n: int) -> dict[str, Any]:
        made = Transfer.objects.filter(kind="hold", house="orders", part=0).order_by("recorded_at")
        return {"customer_id": self.till.customer.pk, "hold_key": made[n].key}

    def edit(self, n: int, minor: int) -> None:
        order = self.order(n)
        [row] = queries.lines_of(order)
        self.till.edit(order, line(minor, quantity=2, line_id=row.pk))

    def cancel(self, n: int) -> None:
        self.till.cancel(self.order(n))

    def void(self, n: int) -> None:
        # Money that went out can't be called back by a void: that loss is no fault of the book.
        if not Refund.objects.filter(status="completed", kind="refund").exists():
            self.till.void(list(Payment.objects.order_by("id"))[n])

    def back(self, n: int, minor: int) -> None:
        order = self.order(n)
        self.till.open_rma(order, self.till.back(order, minor % 2, minor if minor % 3 else None))

    def close(self, n: int) -> None:
        self.till.close(list(Rma.objects.order_by("id"))[n])

    def undo(self, n: int) -> None:
        """A return's credit, the n-th of all, was a mistake: asked for and completed."""
        own = [each for each in credits_of(self.till.customer.pk) if each.source == Source.RETURN]
        asked = refunds.request_reversal(
            customer_id=self.till.customer.pk, credit_id=own[n].id, reason=ReverseReason.DUPLICATE,
            **self.till.by,
        )  # fmt: skip
        refunds.complete(asked.pk, actor=ADMIN, now=self.till.now)

    def ask(self, minor: int) -> None:
        refunds.request(
            customer_id=self.till.customer.pk, amount=gbp(minor), method=Refund.Method.CASH,
            payee=Payee("Jo"), payment_date=date(2026, 3, 2), **self.till.by,
        )  # fmt: skip

    def reverse(self, n: int) -> None:
        wrong = credits_of(self.till.customer.pk)[n]
        refunds.request_reversal(
            customer_id=self.till.customer.pk, credit_id=wrong.id, reason=ReverseReason.DUPLICATE,
            **self.till.by,
        )  # fmt: skip

    def complete(self, n: int) -> None:
        refunds.complete(self.refund(n).pk, actor=ADMIN, now=self.till.now)

    def decline(self, n: int) -> None:
        refunds.decline(self.refund(n).pk, reason="No", actor=ADMIN, now=self.till.now)

    def refund(self, n: int) -> Refund:
        return list(Refund.objects.order_by("id"))[n]


def could_go_out(day: Day) -> int:
    """What is available of credit that may be paid out, in minor units."""
    credits = credits_of(day.till.customer.pk)
    return sum(each.account.available_minor for each in credits if each.refundable)


def sum_of(rows) -> int:
    return rows.aggregate(total=Sum("amount_minor"))["total"] or 0


class TestRandomDays(TestCase):
    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(steps, min_size=5, max_size=30))
    def test_no_more_goes_out_than_came_in_and_every_figure_can_be_proven(self, sequence):
        day = Day()
        for step, *arguments in sequence:
            day.do("back" if step == "return" else step, *arguments)
            came_in = sum_of(Payment.objects.filter(voided_at=None))
            went_out = sum_of(Refund.objects.filter(status="completed", kind="refund"))
            assert went_out + could_go_out(day) <= came_in, (step, arguments)
        day.till.check_book()
        found = [verification.findings(), return_verification.findings(), refund_verification.findings()]
        assert [each for findings in found for each in findings] == []
        for order in Order.objects.all():
            assert order.paid_status == order.paid_status_by_sums
            assert order.excess_minor == 0
            if order.status == "cancelled":
                assert open_holds(order.customer_id, "GBP", order.number) == []
