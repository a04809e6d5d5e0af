"""The way of the money: whatever happens, each cent of a credit is somewhere, and comes from somewhere."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from tests.orders.test_properties import ADMIN, Day, steps
from tests.orders.till import gbp, line
from tillbook.credit import services as credit
from tillbook.credit.models import Credit, GiveReason, Source
from tillbook.credit.provenance import Goal
from tillbook.credit.queries import by_number, credits_of
from tillbook.orders.models import Order, Payment
from tillbook.refunds import queries as refunds
from tillbook.refunds.models import Refund
from tillbook.refunds.provenance import CreditProvenance, of_credit, of_order, of_refund, origins_of


def done(*sequence: tuple[Any, ...]) -> Day:
    day = Day()
    for step, *arguments in sequence:
        day.do("back" if step == "return" else step, *arguments)
    return day


def told(found: CreditProvenance) -> list[tuple[str, str, int, int, int]]:
    """Goal, reference, what went, came back and is held there."""
    return [
        (way.goal, way.reference, way.went_minor, way.back_minor, way.held_minor)
        for way in found.whereabouts.ways
    ]


def provenance(issued: Credit) -> CreditProvenance:
    return of_credit(by_number(issued.number))


def newest() -> Credit:
    return Credit.objects.select_related("account").latest("id")


def portions(issued: Credit) -> list[tuple[int, int]]:
    """Of each payment behind the credit: its amount, and how much of it."""
    origin = origins_of([issued])[issued.id]
    return [(each.payment.amount_minor, each.amount_minor) for each in origin.portions]


class TestRandomDays(TestCase):
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(steps, min_size=5, max_size=30))
    def test_the_ways_of_each_credit_are_what_was_issued(self, sequence):
        day = done(*sequence)
        credits = credits_of(day.till.customer.pk)
        origins = origins_of(credits)
        for each in credits:
            found = of_credit(each)
            stays = [way.stays_minor for way in found.whereabouts.ways]
            assert each.issued_minor == sum(stays) + each.account.available_minor
            assert found.whereabouts.adds_up
            assert all(0 <= way.held_minor <= way.stays_minor for way in found.whereabouts.ways)
            assert sum(way.held_minor for way in found.whereabouts.ways) == each.account.held_minor
            assert origins[each.id] == found.origin
            if each.source == Source.OVERPAYMENT:
                assert found.origin.nameless_minor == 0
        for refund in Refund.objects.prefetch_related("sources__credit"):
            sources = of_refund(refund)
            assert sources.adds_up
            for part in sources.parts:
                [way] = [
                    way
                    for way in of_credit(by_number(part.credit.number)).whereabouts.ways
                    if way.reference == refund.number
                ]
                assert way.went_minor == part.amount_minor
                declined = refund.status == Refund.Status.DECLINED
                assert way.back_minor == (part.amount_minor if declined else 0)
        for order in Order.objects.all():
            parts = of_order(order)
            taken = sum(part.amount_minor - (part.way.held_minor if part.way else 0) for part in parts)
            assert taken == order.credit_used_minor


class TestOneWay(TestCase):
    def test_what_a_cancelled_order_gave_back_is_told_beside_what_went(self):
        day = done(("spend", 1, 50))
        [issued] = [each for each in credits_of(day.till.customer.pk) if each.source == Source.OVERPAYMENT]
        second = day.order(1).number
        goal = ("order", second, 50, 0, 0)
        gift = next(each for each in credits_of(day.till.customer.pk) if each.source == Source.MANUAL)
        assert goal in [*told(provenance(issued)), *told(provenance(gift))]
        day.do("cancel", 1)
        assert ("order", second, 50, 50, 0) in [*told(provenance(issued)), *told(provenance(gift))]
        assert day.till.figures == (130, 0, 0)

    def test_a_hold_captured_in_part_gives_the_rest_back(self):
        day = done(("hold", 1, 40))
        [part] = of_order(day.order(1))
        assert part.way is not None
        assert (part.amount_minor, part.way.is_held) == (40, True)
        day.do("capture", 0, 15)
        assert ("order", day.order(1).number, 40, 25, 0) in told(provenance(part.credit))
        [part] = of_order(day.order(1))
        assert part.amount_minor == 15

    def test_a_server_whose_clock_is_behind_may_capture_and_void(self):
        day = done(("hold", 1, 40))
        day.till.now -= timedelta(seconds=2)  # a step takes one
        day.do("capture", 0, 15)
        [part] = of_order(day.order(1))
        assert ("order", day.order(1).number, 40, 25, 0) in told(provenance(part.credit))
        day.do("pay", 1, 150)
        issued = newest()
        day.till.now -= timedelta(milliseconds=5)
        day.till.void(Payment.objects.latest("id"))
        assert provenance(issued).whereabouts.adds_up

    def test_a_declined_refund_went_and_came_back(self):
        day = done(("ask", 30))
        [refund] = Refund.objects.all()
        [source] = of_refund(refunds.by_number(refund.number)).parts
        assert told(provenance(source.credit)) == [("refund", refund.number, 30, 0, 30)]
        day.do("decline", 0)
        assert told(provenance(source.credit)) == [("refund", refund.number, 30, 30, 0)]
        assert provenance(source.credit).refunds[refund.number].status == "declined"

    def test_a_voided_payment_s_credit_went_back_to_its_order(self):
        day = Day()
        [issued] = [each for each in credits_of(day.till.customer.pk) if each.source == Source.OVERPAYMENT]
        number = issued.source_reference
        day.do("void", 0)
        assert told(provenance(issued)) == [("reversal", number, 50, 0, 0)]
        [portion] = provenance(issued).origin.portions
        assert (portion.amount_minor, portion.payment.voided_at is not None) == (50, True)

    def test_what_expired_says_so(self):
        day = Day()
        given_credit = credit.give(
            customer_id=day.till.customer.pk, amount=gbp(70), reason=GiveReason.GOODWILL, refundable=False,
            expires_at=day.till.now.replace(year=2027), **day.till.by,
        )  # fmt: skip
        credit.expire_due(actor=ADMIN, now=day.till.now.replace(year=2028))
        assert told(provenance(given_credit)) == [(Goal.EXPIRY, given_credit.number, 70, 0, 0)]

    def test_the_payment_recorded_last_is_behind_an_overpayment_first(self):
        day = Day()
        order = day.till.place(line(1_000))
        for minor in (600, 500, 300):
            day.do("pay", 2, minor)
        second, third = Credit.objects.filter(source_reference=order.number).order_by("id")
        assert [second.issued_minor, third.issued_minor] == [100, 300]
        assert [portions(second), portions(third)] == [[(500, 100)], [(300, 300)]]
        day.do("cancel", 2)
        last = newest()
        assert (last.issued_minor, portions(last)) == (1_000, [(500, 400), (600, 600)])

    def test_money_whose_credit_was_taken_back_may_stand_behind_a_later_one(self):
        day = Day()
        day.till.place(line(100))
        day.do("pay", 2, 100)
        day.do("pay", 2, 100)
        first = newest()
        assert portions(first) == [(100, 100)]
        day.do("void", 1)  # the first of its payments: the second one pays the order now
        assert told(provenance(first)) == [("reversal", day.order(2).number, 100, 0, 0)]
        day.do("cancel", 2)
        again = newest()
        assert again.id != first.id
        assert (again.issued_minor, portions(again)) == (100, [(100, 100)])

    def test_a_return_leads_to_its_rma_and_order_and_a_gift_to_a_person(self):
        day = done(("return", 0, 61), ("close", 0))
        returned = newest()
        origin = origins_of([returned])[returned.id]
        assert origin.rma is not None
        assert origin.order is not None
        assert (origin.rma.credit_id, origin.order.number) == (returned.id, day.order(0).number)
        gift = Credit.objects.get(source=Source.MANUAL)
        origin = origins_of([gift])[gift.id]
        assert (origin.order, origin.rma, origin.credit.issued_by) == (None, None, "staff")

    def test_many_credits_take_as_many_queries_as_one(self):
        day = Day()
        day.do("ask", 30)
        for n in range(8):
            day.till.place(line(100))
            day.do("pay", n + 2, 150)
        day.do("ask", 400)
        counts, sizes = [], []
        for refund in Refund.objects.order_by("id"):
            with CaptureQueriesContext(connection) as made:
                sizes.append(len(of_refund(refunds.by_number(refund.number)).parts))
            counts.append(len(made))
        assert sizes == [1, 9]
        assert counts[0] == counts[1]
