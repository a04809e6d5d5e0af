"""A quote: what a return would be, by the code that opens and closes it, with nothing written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from tests.orders.till import Till, everything, gbp, line
from tillbook.common.actor import Actor, Role
from tillbook.common.errors import KeyReused, PermissionDenied, Refusal
from tillbook.credit import services as credit
from tillbook.credit.models import GiveReason
from tillbook.credit.queries import credits_of_document
from tillbook.credit.services import LimitExceeded
from tillbook.orders.models import Order, OrderLine
from tillbook.returns import note, queries, services
from tillbook.returns.models import Rma
from tillbook.returns.pricing import Quote
from tillbook.returns.services import RmaLineInput

NOW = datetime(2026, 3, 2, 10, 30, tzinfo=UTC)


def quoted(till: Till, order: Order | None, *lines: RmaLineInput, **more: int) -> Quote:
    return services.quote(
        customer_id=till.customer.pk, currency="GBP", order_id=order and order.pk, lines=lines,
        reason="faulty", actor=till.staff, now=till.now, **more,
    )  # fmt: skip


def gift(till: Till, minor: int) -> None:
    credit.give(
        customer_id=till.customer.pk, amount=gbp(minor), reason=GiveReason.GOODWILL, refundable=False,
        expires_at=till.now + timedelta(days=30), **till.by,
    )  # fmt: skip


def test_a_quote_says_what_may_be_paid_out_and_writes_nothing(till: Till) -> None:
    gift(till, 400)
    order = till.place(line(1000, quantity=2), shipping_minor=300)
    till.spend(order, 400)
    till.pay(order, 900)
    before = everything()
    found = quoted(till, order, till.back(order, 2, None), shipping_minor=100)
    assert (found.rma.total_minor, found.refundable_minor, found.tied_minor) == (1100, 900, 200)
    assert [each.amount_minor for each in found.lines] == [1000]
    assert found.refusals == []
    assert everything() == before


def test_who_may_not_open_a_return_gets_no_quote(till: Till, viewer_actor: Actor) -> None:
    order = till.place(line(1000))
    till.staff, staff = viewer_actor, till.staff
    with pytest.raises(PermissionDenied):
        quoted(till, order)
    till.staff = staff


def test_open_and_close_at_once_is_both_or_neither(till: Till, admin_actor: Actor) -> None:
    much = RmaLineInput(None, "CUP", "", 1, 10_001)
    with till.refused(LimitExceeded):
        till.open_rma(None, much, close_at_once=True)
    made = till.open_rma(None, much, close_at_once=True, actor=admin_actor, key="k")
    again = till.open_rma(None, much, close_at_once=True, actor=admin_actor, key="k")
    assert (again.pk, again.status, again.credit_id) == (made.pk, "closed", made.credit_id)
    assert till.figures == (10_001, 0, 0)
    with till.refused(KeyReused, "key"):
        till.open_rma(None, much, actor=admin_actor, key="k")


def tried(till: Till, order: Order, *lines: RmaLineInput, **more: int) -> Rma | Refusal:
    try:
        return till.open_rma(order, *lines, **more)
    except Refusal as refusal:
        return refusal


def told(refusal: Refusal) -> tuple[object, ...]:
    return type(refusal), refusal.message, refusal.field, refusal.cell


sizes = st.integers(0, 40)
pieces = st.tuples(st.integers(0, 4), st.one_of(st.none(), sizes))


class TestQuotes(TestCase):
    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
    @given(sizes, sizes, st.lists(st.tuples(pieces, pieces, sizes, sizes), min_size=1, max_size=3))
    def test_a_return_becomes_what_its_quote_said_or_is_refused_as_it_said(self, gift_minor, paid, returns):
        till = Till(Actor("staff", Role.STAFF, "test", 1), NOW)
        order = till.place(line(50, quantity=3), line(20, sku="TIN"), shipping_minor=7, surcharge_minor=3)
        if gift_minor:
            gift(till, gift_minor)
            till.spend(order, gift_minor)
        if paid:
            till.pay(order, paid)
        first, second = OrderLine.objects.filter(order=order).order_by("position")
        for one, two, shipping, surcharge in returns:
            back = [
                RmaLineInput(row.pk, row.sku, "", *asked)
                for row, asked in ((first, one), (second, two))
                if asked[0] or asked[1]
            ]
            extras = {"shipping_minor": shipping % 8, "surcharge_minor": surcharge % 4}
            found = quoted(till, order, *back, **extras)
            made = tried(till, order, *back, **extras)
            if isinstance(made, Refusal):
                assert told(made) in [told(each) for each in found.refusals]
                continue
            assert found.refusals == []
            shown = note.preview(found, now=till.now)
            self._is_closed_as_quoted(till, made, found, shown)
        till.check_book()

    def _is_closed_as_quoted(self, till: Till, opened: Rma, found: Quote, shown: note.Note) -> None:
        till.close(opened)
        credits = credits_of_document(till.customer.pk, opened.number)
        made = [(each.issued_minor, each.refundable, each.expires_at) for each in credits]
        assert made == [(part.minor, part.refundable, part.expires_at) for part in found.parts]
        printed = note.of(queries.by_number(opened.number))
        same = ("lines", "extras", "total", "address", "public_note")
        assert [getattr(shown, name) for name in same] == [getattr(printed, name) for name in same]
        told = [[(each.sentence, each.amount) for each in one.credits] for one in (shown, printed)]
        assert told[0] == told[1]
        assert (shown.number, shown.mark, printed.mark) == ("", "Preview", "")
