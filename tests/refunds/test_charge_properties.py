"""Random days of a shop whose customers pay by card: whatever is paid, spent, returned, voided and paid
back, no charge ever pays back more than it brought, nor a credit more than came to it from there (R7)."""

from __future__ import annotations

from collections import defaultdict
from itertools import count
from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from tests.orders.test_properties import ADMIN, Day, amounts, steps, which
from tests.orders.till import line
from tests.refunds.charged import back, credits
from tillbook.credit.models import Source
from tillbook.orders.charges import NO_CHARGE, Charge, charge_of
from tillbook.orders.models import Payment
from tillbook.refunds import payees
from tillbook.refunds import services as refunds
from tillbook.refunds.charges import charge_to
from tillbook.refunds.models import Refund
from tillbook.refunds.payees import Payee

COUNTED = ("requested", "approved", "completed")

back_steps = st.one_of(
    st.tuples(st.just("charge"), which, amounts),
    st.tuples(st.just("card"), which, amounts),
    st.tuples(st.just("any_card"), amounts),
    st.tuples(st.just("redirect"), which, which),
    st.tuples(st.just("fail"), which),
    st.tuples(st.just("anew"), which, which, amounts),
)
card_steps = st.booleans().flatmap(lambda back: back_steps if back else steps)


class CardDay(Day):
    def __init__(self) -> None:
        self.ids = count()
        super().__init__()
        self.charge(0, 100)  # all of it too much
        mixed = self.till.place(line(200, quantity=2))
        self.till.pay(mixed, 100)
        self.charge(2, 100)
        self.till.close(self.till.open_rma(mixed, self.till.back(mixed, 2, 200)))

    def new_charge(self) -> Charge:
        return Charge("stripe", f"ch_{next(self.ids)}")

    def payment(self, n: int) -> Payment:
        return list(Payment.objects.exclude(charge="").order_by("id"))[n]

    def charge(self, n: int, minor: int) -> None:
        self.till.pay(self.order(n), minor, charge=self.new_charge())

    def anew(self, n: int, order: int, minor: int) -> None:
        """A charge whose payment was voided is recorded for another order."""
        self.till.pay(self.order(order), minor, charge=charge_of(self.payment(n)))

    def card(self, n: int, minor: int) -> None:
        credit = [each for each in credits(self.till) if each.refundable][n]
        minor = min(minor, credit.account.available_minor)
        for charge in (NO_CHARGE, *(charge_of(each) for each in Payment.objects.exclude(charge=""))):
            self.do("back_to", minor, charge, credit.id)

    def any_card(self, minor: int) -> None:
        back(self.till, minor)

    def back_to(self, minor: int, charge: Charge, credit_id: int) -> None:
        back(self.till, minor, charge, credit_id=credit_id)

    def redirect(self, n: int, to: int) -> None:
        charge = charge_of(self.payment(to)) if to else NO_CHARGE
        payees.change(
            self.refund(n).pk, method="gateway" if to else "cash", payee=Payee("Jo"), charge=charge, note="",
            payment_date=self.till.now.date(), actor=self.till.staff, now=self.till.now,
        )  # fmt: skip

    def fail(self, n: int) -> None:
        refunds.fail(self.refund(n).pk, reason="Card closed", actor=ADMIN, now=self.till.now)


def sums_by(key) -> dict[Any, int]:
    """What is counted against each key, in minor units."""
    found: dict[Any, int] = defaultdict(int)
    for refund in Refund.objects.filter(status__in=COUNTED).exclude(charge=""):
        for part in refund.sources.select_related("credit"):
            found[key(refund, part.credit)] += part.amount_minor
    return found


class TestRandomCardDays(TestCase):
    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(card_steps, min_size=5, max_size=30))
    def test_no_charge_pays_back_more_than_it_brought(self, sequence):
        day = CardDay()
        for step, *arguments in sequence:
            day.do("back" if step == "return" else step, *arguments)
            brought: dict[Charge, int] = defaultdict(int)
            for payment in Payment.objects.exclude(charge=""):
                brought[charge_of(payment)] = max(brought[charge_of(payment)], payment.amount_minor)
            for charge, minor in sums_by(lambda refund, _: charge_to(refund)).items():
                event("something went back")
                assert minor <= brought[charge], (step, arguments)
        for refund in Refund.objects.filter(status="completed").exclude(charge=""):
            assert Payment.objects.filter(charge=refund.charge, voided_at=None).exists()
        brought_to: dict[tuple[Charge, str], int] = defaultdict(int)
        for payment in Payment.objects.exclude(charge="").select_related("order"):
            to = charge_of(payment), payment.order.number
            brought_to[to] = max(brought_to[to], payment.amount_minor)
        of_document = sums_by(
            lambda refund, credit: (charge_to(refund), credit.source_reference, Source(credit.source))
        )
        for (charge, document, source), minor in of_document.items():
            assert source in (Source.OVERPAYMENT, Source.RETURN)
            # What an order overpaid came by its own charges. A return may give money of other orders' too.
            if source == Source.OVERPAYMENT:
                event("what was overpaid went back")
                assert minor <= brought_to[charge, document], document
        day.till.check_book()
