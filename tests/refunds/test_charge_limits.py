"""No charge pays back more than it brought, nor more than the credits drawn hold of it (R7)."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import pytest

from tests.databases import at_once
from tests.orders.till import Till, gbp, line
from tests.refunds.charged import ONE, TWO, back, credits, in_cash, possible
from tillbook.common.actor import Actor, Role
from tillbook.common.errors import InvalidInput
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.credit.models import Credit, GiveReason
from tillbook.credit.queries import credits_of
from tillbook.customers import services as customers
from tillbook.orders.charges import Charge, note_paid_back
from tillbook.orders.models import Payment
from tillbook.refunds import payees
from tillbook.refunds import services as refunds
from tillbook.refunds.backing import SourceNotBacked
from tillbook.refunds.charges import ChargeLimit, charge_to
from tillbook.refunds.models import Refund
from tillbook.refunds.payees import Payee
from tillbook.refunds.verification import findings

ADMIN = Actor("boss", Role.ADMIN, "test", 99)


@pytest.fixture
def till(staff_actor, now):
    till = Till(staff_actor, now)
    yield till
    till.check_book()
    assert list(findings()) == []


@pytest.mark.django_db
class TestOverpayments:
    def test_at_most_what_was_too_much_goes_back(self, till):
        till.pay(till.place(line(1_000)), 1_500, charge=ONE)
        assert possible(*credits(till)) == {"stripe ch_1": 500}
        back(till, 500)
        assert possible(*credits(till)) == {"stripe ch_1": 0}

    def test_it_came_from_the_last_payment(self, till):
        order = till.place(line(1_000))
        till.pay(order, 1_000, charge=ONE)
        till.pay(order, 300, charge=TWO)
        assert possible(*credits(till)) == {"paypal CAP2": 300}
        with till.refused(InvalidInput, "charge"):
            back(till, 300, ONE)
        assert charge_to(back(till, 300)) == TWO

    def test_of_two_charges_each_gets_its_own(self, till):
        order = till.place(line(1_000))
        till.pay(order, 600, charge=ONE)
        till.pay(order, 400, charge=TWO)
        till.cancel(order)
        assert possible(*credits(till)) == {"stripe ch_1": 600, "paypal CAP2": 400}
        with till.refused(ChargeLimit, "amount"):
            back(till, 601, ONE)
        with pytest.raises(ChargeLimit, match="At most 6.00 GBP"):
            back(till, 601, ONE)
        back(till, 600, ONE)
        assert charge_to(back(till, 400)) == TWO  # only one is left to choose
        assert till.figures == (0, 1_000, 0)

    def test_what_may_not_be_paid_out_goes_back_to_no_charge(self, till):
        till.pay(till.place(line(1_000)), 1_500, charge=ONE)
        Credit.objects.update(refundable=False)  # as a policy of the shop has it
        assert possible(*credits(till)) == {"stripe ch_1": 0}
        (overpaid,) = credits(till)
        with till.refused(credit.CreditNotRefundable, "credit"):
            back(till, 500, credit_id=overpaid.id)

    def test_what_came_in_cash_is_left_for_another_method(self, till):
        order = till.place(line(1_000))
        till.pay(order, 700)
        till.pay(order, 300, charge=ONE)
        till.cancel(order)
        with till.refused(ChargeLimit, "amount"):
            back(till, 301)
        back(till, 300)
        in_cash(till, 700)
        assert till.figures == (0, 1_000, 0)

    def test_what_was_given_by_hand_came_from_no_charge(self, till, admin_actor):
        till.pay(till.place(line(1_000)), 1_000, charge=ONE)
        gift = credit.give(
            customer_id=till.customer.pk, amount=gbp(500), reason=GiveReason.DEPOSIT, refundable=True,
            expires_at=None, key="gift", actor=admin_actor, now=till.now,
        )  # fmt: skip
        with till.refused(InvalidInput, "method"):
            back(till, 500)
        assert possible(gift) == {}

    def test_all_refundable_credits_give_only_what_came_from_the_charge(self, till, admin_actor):
        credit.give(
            customer_id=till.customer.pk, amount=gbp(900), reason=GiveReason.DEPOSIT, refundable=True,
            expires_at=None, key="gift", actor=admin_actor, now=till.now,
        )  # fmt: skip
        till.pay(till.place(line(1_000)), 1_200, charge=ONE)
        refund = back(till, 200)
        assert [part.credit.source for part in refund.sources.all()] == ["overpayment"]
        with till.refused(InvalidInput, "method"):
            back(till, 1)


@pytest.mark.django_db
class TestReturns:
    def test_a_return_holds_what_stayed_in_its_order(self, till):
        order = till.place(line(1_000, quantity=2))
        till.pay(order, 400)
        till.pay(order, 900, charge=ONE)  # 300 too much: 600 stay
        till.close(till.open_rma(order, till.back(order, 2, 700)))
        overpaid, returned = credits(till)
        assert possible(overpaid) == {"stripe ch_1": 300}
        assert possible(returned) == {"stripe ch_1": 600}
        assert possible(overpaid, returned) == {"stripe ch_1": 900}
        with till.refused(ChargeLimit, "amount"):
            back(till, 601, credit_id=returned.id)
        back(till, 900)
        assert till.figures == (100, 900, 0)

    def test_two_returns_of_one_order_draw_on_the_same_money(self, till):
        order = till.place(line(1_000, quantity=2))
        till.pay(order, 400)
        till.pay(order, 600, charge=ONE)
        till.close(till.open_rma(order, till.back(order, 1, 500)))
        till.close(till.open_rma(order, till.back(order, 1, 500)))
        first, second = credits(till)
        assert possible(first, second) == {"stripe ch_1": 600}
        back(till, 450, credit_id=first.id)
        assert possible(second) == {"stripe ch_1": 150}
        with till.refused(ChargeLimit, "amount"):
            back(till, 151, credit_id=second.id)
        back(till, 150, credit_id=second.id)
        assert possible(first, second) == {"stripe ch_1": 0}

    def test_two_charges_of_one_order_give_back_no_more_than_their_own(self, till):
        order = till.place(line(1_000, quantity=2))
        till.pay(order, 600, charge=ONE)
        till.pay(order, 400, charge=TWO)
        till.close(till.open_rma(order, till.back(order, 1, 500)))
        (returned,) = credits(till)
        assert possible(returned) == {"stripe ch_1": 500, "paypal CAP2": 400}
        back(till, 300, TWO)
        assert possible(returned) == {"stripe ch_1": 200, "paypal CAP2": 100}
        back(till, 200, ONE)
        assert possible(returned) == {"stripe ch_1": 0, "paypal CAP2": 0}

    def test_credit_that_paid_an_order_keeps_its_way_when_that_comes_back(self, till):
        till.pay(till.place(line(1_000)), 1_800, charge=ONE)
        second = till.place(line(500))
        till.spend(second, 500)
        till.close(till.open_rma(second, till.back(second, 1, 500)))
        overpaid, returned = credits(till)
        assert possible(returned) == {"stripe ch_1": 500}
        assert possible(overpaid) == {"stripe ch_1": 300}
        back(till, 800)
        assert possible(overpaid, returned) == {"stripe ch_1": 0}


@pytest.mark.django_db
class TestWhatCounts:
    def test_what_is_under_way_counts_and_what_ended_without_payment_does_not(self, till):
        till.pay(till.place(line(1_000)), 1_500, charge=ONE)
        declined, failed, done = back(till, 200), back(till, 200), back(till, 100)
        refunds.complete(done.pk, actor=ADMIN, now=till.now)
        with pytest.raises(credit.InsufficientCredit):
            back(till, 1)
        refunds.decline(declined.pk, reason="No", actor=ADMIN, now=till.now)
        refunds.complete(failed.pk, actor=ADMIN, now=till.now)
        refunds.fail(failed.pk, reason="Card closed", actor=ADMIN, now=till.now)
        assert possible(*credits(till)) == {"stripe ch_1": 400}
        back(till, 400)

    def test_what_the_gateway_paid_back_by_itself_counts(self, till):
        order = till.place(line(1_000))
        payment = till.pay(order, 1_000, charge=ONE)
        till.cancel(order)
        held = back(till, 600)
        noted = {"reason": "In the dashboard", "actor": ADMIN, "now": till.now}
        note_paid_back(payment.pk, amount=gbp(300), key="n1", **noted)
        assert possible(*credits(till)) == {"stripe ch_1": 100}
        with till.refused(ChargeLimit, "amount"):
            back(till, 101)
        note_paid_back(payment.pk, amount=gbp(101), key="n2", **noted)
        with till.refused(ChargeLimit, "amount"):  # 599 are left of it
            refunds.complete(held.pk, actor=ADMIN, now=till.now)
        refunds.decline(held.pk, reason="Paid at the gateway", actor=ADMIN, now=till.now)
        back(till, 599)

    def test_what_the_gateway_paid_back_by_itself_is_not_paid_out_again_in_cash(self, till):
        order = till.place(line(1_000))
        payment = till.pay(order, 1_000, charge=ONE)
        till.cancel(order)
        noted = {"reason": "In the dashboard", "actor": ADMIN, "now": till.now}
        note_paid_back(payment.pk, amount=gbp(400), key="n1", **noted)
        with till.refused(SourceNotBacked):
            in_cash(till, 601)
        held = in_cash(till, 600)
        with till.refused(SourceNotBacked):
            in_cash(till, 1)
        note_paid_back(payment.pk, amount=gbp(1), key="n2", **noted)
        with till.refused(SourceNotBacked):
            refunds.complete(held.pk, actor=ADMIN, now=till.now)
        refunds.decline(held.pk, reason="Ask for less", actor=ADMIN, now=till.now)
        refunds.complete(in_cash(till, 599).pk, actor=ADMIN, now=till.now)
        assert till.figures == (401, 0, 0)

    def test_credit_that_paid_for_goods_meanwhile_is_not_there_to_stay(self, till):
        first, second = till.place(line(1_000)), till.place(line(600))
        payment = till.pay(first, 1_000, charge=ONE)
        till.cancel(first)
        till.spend(second, 600)
        noted = {"reason": "In the dashboard", "actor": ADMIN, "now": till.now}
        note_paid_back(payment.pk, amount=gbp(400), key="n1", **noted)
        with pytest.raises(SourceNotBacked, match="at most 0.00 GBP can be"):
            in_cash(till, 400)

    def test_of_a_return_that_such_credit_paid_all_but_that_is_paid_out(self, till):
        first, second = till.place(line(1_000)), till.place(line(1_000))
        payment = till.pay(first, 1_000, charge=ONE)
        till.cancel(first)
        till.spend(second, 1_000)
        till.close(till.open_rma(second, till.back(second, 1, None)))
        noted = {"reason": "In the dashboard", "actor": ADMIN, "now": till.now}
        note_paid_back(payment.pk, amount=gbp(400), key="n1", **noted)
        with pytest.raises(SourceNotBacked, match="at most 6.00 GBP can be"):
            in_cash(till, 700)
        refunds.complete(in_cash(till, 600).pk, actor=ADMIN, now=till.now)
        with pytest.raises(SourceNotBacked, match="at most 0.00 GBP can be"):
            in_cash(till, 400)
        mistake = in_cash(till, 400, note="Refund reversal: the gateway paid it")
        refunds.complete(mistake.pk, actor=ADMIN, now=till.now)

    def test_what_was_paid_back_for_goods_leaves_the_rest_of_the_order_s_money(self, till):
        order = till.place(line(1_000, quantity=2))
        payment = till.pay(order, 1_000, charge=ONE)
        noted = {"reason": "In the dashboard", "actor": ADMIN, "now": till.now}
        note_paid_back(payment.pk, amount=gbp(500), key="n1", **noted)
        till.close(till.open_rma(order, till.back(order, 1, 500)))
        refunds.complete(in_cash(till, 500).pk, actor=ADMIN, now=till.now)

    def test_a_voided_payment_s_charge_gets_nothing(self, till):
        order = till.place(line(1_000))
        payment = till.pay(order, 1_500, charge=ONE)
        held = back(till, 500)
        till.void(payment)
        till.pay(order, 1_500)  # the same money in cash: the credit is backed again
        with till.refused(ChargeLimit, "charge"):
            refunds.complete(held.pk, actor=ADMIN, now=till.now)
        refunds.decline(held.pk, reason="The charge was void", actor=ADMIN, now=till.now)
        with till.refused(InvalidInput, "charge"):
            back(till, 500, ONE)

    def test_a_charge_that_turned_out_to_be_another_customer_s_gets_nothing(self, till):
        order = till.place(line(1_000))
        payment = till.pay(order, 1_500, charge=ONE)
        held = back(till, 500)
        till.void(payment)
        till.pay(order, 1_500)
        other = customers.add(username="maria", currency="GBP", actor=till.staff, now=till.now)
        till.pay(till.place(line(1_000), customer_id=other.pk), 1_600, charge=ONE)
        with till.refused(ChargeLimit, "charge"):
            refunds.complete(held.pk, actor=ADMIN, now=till.now)

    def test_a_charge_recorded_anew_remembers_what_went_back(self, till):
        wrong = till.place(line(1_000))
        payment = till.pay(wrong, 1_500, charge=ONE)
        refunds.complete(back(till, 500).pk, actor=ADMIN, now=till.now)
        till.now += timedelta(minutes=1)
        till.void(payment)
        other = customers.add(username="maria", currency="GBP", actor=till.staff, now=till.now)
        right = till.place(line(1_000), customer_id=other.pk)
        till.pay(right, 1_600, charge=ONE)
        assert possible(*credits_of(other.pk)) == {
            "stripe ch_1": 600
        }  # of 1,600 less 500 that went back, all that is credit
        till.cancel(right)
        with pytest.raises(ChargeLimit, match="11.00 GBP"):
            back(till, 1_200, ONE, customer_id=other.pk)
        back(till, 1_100, ONE, customer_id=other.pk)

    def test_where_a_refund_goes_is_changed_within_the_limit(self, till):
        order = till.place(line(1_000))
        till.pay(order, 700)
        till.pay(order, 300, charge=ONE)
        till.cancel(order)
        refund = in_cash(till, 301)
        where = {"payee": Payee("Jo"), "payment_date": till.now.date(), "note": "", "actor": till.staff}
        with till.refused(ChargeLimit, "amount"):
            payees.change(refund.pk, method="gateway", now=till.now, **where)
        small = in_cash(till, 300)
        payees.change(small.pk, method="gateway", now=till.now, **where)
        assert charge_to(Refund.objects.get(pk=small.pk)) == ONE
        payees.change(small.pk, method="gateway", now=till.now, **where | {"note": "Rang"})


@pytest.mark.usefixtures("own_database")
def test_twenty_refunds_of_one_charge_at_once_are_no_more_than_it_brought(now: datetime) -> None:
    till = Till(Actor.system("test"), now)
    order = till.place(line(2_000, quantity=20))
    till.pay(order, 1_500)
    till.pay(order, 500, charge=ONE)
    for _ in range(20):  # each could hold 100 of the charge's 500
        till.close(till.open_rma(order, till.back(order, 1, 100)))
    clicks = [
        lambda each=each: back(till, 100, ONE, credit_id=each.id, key=f"click-{each.id}")
        for each in credits(till)
    ]
    assert Counter(map(type, at_once(clicks))) == {Refund: 5, ChargeLimit: 15}
    assert sum(Refund.objects.values_list("amount_minor", flat=True)) == 500
    till.check_book()
    assert list(findings()) == []


@pytest.mark.django_db
def test_a_charge_of_another_currency_is_another_book(till):
    till.pay(till.place(line(1_000)), 1_500, charge=ONE)
    order = till.place(line(1_000), currency="EUR")
    till.pay(order, 1_400, amount=Money(1_400, "EUR"), charge=Charge("stripe", "ch_eur"))
    with till.refused(InvalidInput, "charge"):
        back(till, 100, Charge("stripe", "ch_eur"))
    assert charge_to(back(till, 400, amount=Money(400, "EUR"))) == Charge("stripe", "ch_eur")


@pytest.mark.django_db
class TestVerify:
    """What was changed behind the program's back is found."""

    @pytest.fixture
    def paid(self, staff_actor, now):
        till = Till(staff_actor, now)
        till.pay(till.place(line(1_000)), 1_500, charge=ONE)
        back(till, 500)
        return till

    @pytest.mark.parametrize(
        ("changed", "found"),
        [
            ({"amount_minor": 499}, "pays back more than it brought"),
            ({"charge": "ch_other"}, "pays back more than it brought"),
            ({"gateway": "", "charge": ""}, "pays back more than it brought"),
        ],
    )
    def test_a_payment_that_brought_less(self, paid, changed, found):
        assert list(findings()) == []
        Payment.objects.update(**changed)
        assert ("stripe ch_1", found) in [(each.subject, each.problem) for each in findings()]

    def test_a_refund_that_goes_back_elsewhere(self, paid):
        order = paid.place(line(1_000))
        paid.pay(order, 1_000, charge=TWO)
        assert list(findings()) == []
        Refund.objects.update(gateway=TWO.gateway, charge=TWO.id)  # the charge was found, not named
        assert [each.problem.partition(":")[0] for each in findings()] == ["is not what was asked for"]

    def test_a_charge_without_its_method(self, paid):
        Refund.objects.update(method="cash")
        assert "has a charge that its method" in " ".join(each.problem for each in findings())

    def test_a_charge_back_after_the_refund_is_a_loss_and_no_change(self, paid):
        refunds.complete(Refund.objects.get().pk, actor=ADMIN, now=paid.now)
        paid.now += timedelta(minutes=1)
        paid.void(Payment.objects.get())
        assert list(findings()) == []
