"""One customer, one story: every page has something to show.

A story uses the same services as the shop's people do. It is told once; its customer's
username says whether it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tillbook.common.actor import Actor
from tillbook.common.mail import goes_to_files
from tillbook.common.mail_kinds import TO_CUSTOMERS
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.credit.models import Credit, GiveReason, ReverseReason
from tillbook.credit.overpaid import keep
from tillbook.customers import services as customers
from tillbook.customers.models import Customer
from tillbook.orders import services as orders
from tillbook.orders.charges import NO_CHARGE, Charge
from tillbook.orders.models import Order, Payment
from tillbook.orders.queries import overpayment_credits
from tillbook.orders.services import LineInput
from tillbook.refunds import asks
from tillbook.refunds import services as refunds
from tillbook.refunds.models import Refund
from tillbook.refunds.payees import Payee
from tillbook.returns import services as returns
from tillbook.returns.models import Rma
from tillbook.returns.services import RmaLineInput
from tillbook.shop.policies import version
from tillbook.shop.services import save

_BANK = Refund.Method.BANK_TRANSFER


@dataclass(slots=True)
class Stage:
    """Who acts in a story, and when. Amounts are in minor units of `currency`."""

    staff: Actor
    admin: Actor
    system: Actor
    currency: str
    now: datetime
    _keys: int = field(default=0)

    def days_ago(self, days: int) -> datetime:
        return self.now - timedelta(days=days)

    def money(self, minor: int) -> Money:
        return Money(minor, self.currency)

    def key(self) -> str:
        """A fresh key: a story stands or falls as one transaction, so none is ever sent twice."""
        self._keys += 1
        return f"demo:{self.now.isoformat()}:{self._keys}"

    def customer(
        self, username: str, name: str, *, kind: Customer.Kind = Customer.Kind.CUSTOMER, days: int = 60
    ) -> Customer:
        """A customer added `days` ago."""
        first, last = name.split()
        return customers.add(
            username=username,
            kind=kind,
            currency=self.currency,
            first_name=first,
            last_name=last,
            email=f"{username}@example.com",
            postal_address="14 Mill Lane\nLeeds LS1 4AP",
            country="United Kingdom",
            actor=self.staff,
            now=self.days_ago(days),
        )

    def order(
        self,
        customer: Customer,
        *lines: LineInput,
        days: int,
        paid_minor: int = 0,
        charge: Charge = NO_CHARGE,
    ) -> Order:
        """An order placed `days` ago and paid by card on the same day, if at all."""
        order = orders.place(
            customer_id=customer.pk,
            currency=self.currency,
            lines=lines,
            shipping_minor=495,
            placed_at=self.days_ago(days),
            key=self.key(),
            actor=self.staff,
            now=self.days_ago(days),
        )
        if paid_minor:
            self.payment(order, paid_minor, days=days, charge=charge)
        return order

    def payment(self, order: Order, paid_minor: int, *, days: int, charge: Charge = NO_CHARGE) -> Payment:
        return orders.receive_payment(
            order.pk,
            amount=self.money(paid_minor),
            method=Payment.Method.CARD,
            charge=charge,
            received_at=self.days_ago(days),
            key=self.key(),
            actor=self.staff,
            now=self.days_ago(days),
        )

    def gift(
        self,
        customer: Customer,
        minor: int,
        reason: GiveReason,
        *,
        days: int,
        lasts: int | None = None,
        **notes: str,
    ) -> Credit:
        """Credit by hand, `days` ago; refundable if its reason allows, lasting `lasts` days or for good."""
        return credit.give(
            customer_id=customer.pk,
            amount=self.money(minor),
            reason=reason,
            refundable=reason in (GiveReason.DEPOSIT, GiveReason.PRICE_CORRECTION, GiveReason.DAMAGED_GOODS),
            expires_at=None if lasts is None else self.days_ago(days - lasts),
            key=self.key(),
            actor=self.staff,
            now=self.days_ago(days),
            **notes,
        )

    def refund(
        self,
        customer: Customer,
        minor: int,
        *,
        days: int,
        note: str = "",
        method: str = _BANK,
        charge: Charge = NO_CHARGE,
        **payee: str,
    ) -> Refund:
        """A refund requested by staff `days` ago, to be paid the day after; by bank unless told otherwise."""
        where = payee or ({"bank_account": "20-00-00 55779911"} if method == _BANK else {})
        return refunds.request(
            customer_id=customer.pk,
            amount=self.money(minor),
            method=method,
            payee=Payee(name=customer.display_name, **where),
            payment_date=self.days_ago(days - 1).date(),
            note=note,
            charge=charge,
            key=self.key(),
            actor=self.staff,
            now=self.days_ago(days),
        )


LAMP = LineInput("LAMP-01", "Brass reading lamp", 1, 8900)
MUGS = LineInput("MUG-12", "Stoneware mug", 4, 3800)
THROW = LineInput("THROW-3", "Wool throw", 2, 11600)


def overpaid_order(username: str, stage: Stage) -> None:
    """She paid 125.00 for an order of 93.95: 31.05 is hers."""
    stage.order(stage.customer(username, "Ada Birch"), LAMP, days=12, paid_minor=12500)


def part_spent_credit(username: str, stage: Stage) -> None:
    """Of a deposit of 80.00 an order took 42.95; 37.05 is left."""
    customer = stage.customer(username, "Bruno Castel")
    stage.gift(customer, 8000, GiveReason.DEPOSIT, days=20, note="Paid in at the counter.")
    order = stage.order(customer, MUGS, days=9)
    orders.pay_with_credit(
        order.pk, amount=stage.money(4295), key=stage.key(), actor=stage.staff, now=stage.days_ago(9)
    )


def pending_refund(username: str, stage: Stage) -> None:
    """Staff asked for 40.00 of her 56.05; an admin has yet to complete it."""
    customer = stage.customer(username, "Clara Dietz")
    stage.order(customer, LAMP, days=15, paid_minor=15000)
    stage.refund(customer, 4000, days=1, note="Asked by phone.")


def declined_refund(username: str, stage: Stage) -> None:
    """The account number was wrong: the money is available again."""
    customer = stage.customer(username, "Dmitri Evans")
    stage.order(customer, MUGS, days=18, paid_minor=9000)
    refund = stage.refund(customer, 4705, days=6)
    refunds.decline(
        refund.pk,
        reason="The bank knows no such account. Ask the customer again.",
        actor=stage.admin,
        now=stage.days_ago(5),
    )


def completed_refund(username: str, stage: Stage) -> None:
    """Asked for by staff, paid by the bank, completed by an admin."""
    customer = stage.customer(username, "Elena Fox")
    stage.order(customer, THROW, days=30, paid_minor=15000)
    refund = stage.refund(customer, 2905, days=8)
    refunds.complete(refund.pk, actor=stage.admin, now=stage.days_ago(7))


def expired_credit(username: str, stage: Stage) -> None:
    """A promotion that nobody used in its thirty days, and one that runs out next week."""
    customer = stage.customer(username, "Farid Green")
    stage.gift(customer, 1500, GiveReason.PROMOTION, days=45, lasts=30, public_note="Welcome back!")
    credit.expire_due(actor=stage.system, now=stage.days_ago(14))
    stage.gift(customer, 1000, GiveReason.PROMOTION, days=23, lasts=30)


def requested_reversal(username: str, stage: Stage) -> None:
    """The same price correction was given twice; the second waits to be reversed."""
    customer = stage.customer(username, "Grace Holm")
    stage.gift(customer, 2500, GiveReason.PRICE_CORRECTION, days=4, note="Charged the old price.")
    second = stage.gift(customer, 2500, GiveReason.PRICE_CORRECTION, days=3)
    refunds.request_reversal(
        customer_id=customer.pk,
        credit_id=second.id,
        reason=ReverseReason.DUPLICATE,
        key=stage.key(),
        actor=stage.staff,
        now=stage.days_ago(2),
    )


def rma_awaiting_outcome(username: str, stage: Stage) -> None:
    """One of two throws is on its way back."""
    customer = stage.customer(username, "Hugo Ito")
    _return_throw(stage, stage.order(customer, THROW, MUGS, days=11, paid_minor=15895), days=3)


def credited_return(username: str, stage: Stage) -> None:
    """The throw came back, and its price and the shipping are credit."""
    customer = stage.customer(username, "Iris Jansen")
    rma = _return_throw(
        stage, stage.order(customer, THROW, days=25, paid_minor=12095), days=14, shipping_minor=495
    )
    returns.close(rma.pk, key=stage.key(), actor=stage.staff, now=stage.days_ago(10))


def _return_throw(stage: Stage, order: Order, *, days: int, shipping_minor: int = 0) -> Rma:
    return _return_line(stage, order, 1, 5800, days=days, shipping_minor=shipping_minor)


def _return_line(
    stage: Stage, order: Order, quantity: int, minor: int, *, days: int, shipping_minor: int = 0
) -> Rma:
    """So many throws of the order are on their way back, for that much."""
    line = order.lines.get(sku=THROW.sku)
    return returns.open_rma(
        customer_id=order.customer_id,
        currency=stage.currency,
        order_id=order.pk,
        lines=[RmaLineInput(line.pk, line.sku, line.description, quantity, minor)],
        shipping_minor=shipping_minor,
        reason=Rma.Reason.NOT_AS_DESCRIBED,
        note="The colour is not the one on the page.",
        key=stage.key(),
        actor=stage.staff,
        now=stage.days_ago(days),
    )


def owing_order(username: str, stage: Stage) -> None:
    """60.00 of 209.95 is paid, the goodwill credit can't be paid out, and the account is on hold."""
    customer = stage.customer(username, "Jonas Kern")
    stage.order(customer, THROW, LAMP, days=40, paid_minor=6000)
    stage.gift(customer, 1500, GiveReason.GOODWILL, days=38, public_note="Sorry for the mix-up.")
    customers.update_account(
        customer.pk,
        credit_limit_minor=25000,
        on_credit_hold=True,
        actor=stage.staff,
        now=stage.days_ago(10),
    )


def cancelled_order(username: str, stage: Stage) -> None:
    """Paid with credit, then cancelled: the credit is back where it came from."""
    customer = stage.customer(username, "Karin Lund")
    stage.gift(customer, 5000, GiveReason.DEPOSIT, days=22)
    order = stage.order(customer, MUGS, days=16)
    orders.pay_with_credit(
        order.pk, amount=stage.money(4295), key=stage.key(), actor=stage.staff, now=stage.days_ago(16)
    )
    orders.cancel(order.pk, reason="Out of stock", key=stage.key(), actor=stage.staff, now=stage.days_ago(15))


def unpaid_order(username: str, stage: Stage) -> None:
    """Placed yesterday, not yet paid."""
    stage.order(stage.customer(username, "Marta Novak"), LAMP, MUGS, days=1)


def prospect(username: str, stage: Stage) -> None:
    """She asked for a catalogue and has bought nothing yet."""
    stage.customer(username, "Nora Quill", kind=Customer.Kind.PROSPECT)


def paid_twice(username: str, stage: Stage) -> None:
    """Her card was charged again the next day: 42.95 is too much."""
    order = stage.order(stage.customer(username, "Olga Pratt"), MUGS, days=7, paid_minor=4295)
    stage.payment(order, 4295, days=6)


def overpaid_one_and_owes_another(username: str, stage: Stage) -> None:
    """He paid 50.00 too much for the lamp, and has not paid the throws."""
    customer = stage.customer(username, "Pavel Quist")
    stage.order(customer, LAMP, days=14, paid_minor=14395)
    stage.order(customer, THROW, days=5)


def rounded_payment(username: str, stage: Stage) -> None:
    """She rounded 93.95 up to 94.00."""
    stage.order(stage.customer(username, "Quinn Reyes"), LAMP, days=4, paid_minor=9400)


def cancelled_after_paying(username: str, stage: Stage) -> None:
    """The lamp was out of stock: the money of the order is credit, and he may want it back."""
    order = stage.order(stage.customer(username, "Rosa Steen"), LAMP, days=3, paid_minor=9395)
    orders.cancel(order.pk, reason="Out of stock", key=stage.key(), actor=stage.staff, now=stage.days_ago(2))


def asks_to_be_paid_out(username: str, stage: Stage) -> None:
    """The shop gave its customers pages of their own, and on hers she asked for 25.00 of her 31.05."""
    values = {"own_page": True, "own_page_methods": ["bank_transfer", "paypal"]}
    save("own_page", values, seen=version(), actor=stage.admin, now=stage.days_ago(4))
    customer = stage.customer(username, "Tessa Umber")
    stage.order(customer, LAMP, days=3, paid_minor=12500)
    asks.ask(
        customer_id=customer.pk, amount=stage.money(2500), method="paypal",
        payee=Payee("Tessa Umber", paypal_email="tessa.umber@example.com"), key=stage.key(),
        actor=Actor.customer(customer.pk, "own page"), now=stage.days_ago(1),
    )  # fmt: skip


def back_to_the_card(username: str, stage: Stage) -> None:
    """She paid two orders through gateways, too much each time; one part waits to go back to her card."""
    customer = stage.customer(username, "Uma Vale")
    by_card, by_paypal = Charge("stripe", "ch_3PDemoLamp00000001"), Charge("paypal", "8DE12345MO678901A")
    stage.order(customer, LAMP, days=9, paid_minor=12000, charge=by_card)
    stage.order(customer, MUGS, days=6, paid_minor=6000, charge=by_paypal)
    stage.refund(customer, 2605, days=1, method=Refund.Method.GATEWAY, charge=by_card)


def forgotten_cheque(username: str, stage: Stage) -> None:
    """He was sent a cheque last spring and never paid it in: it may be cancelled back to credit."""
    customer = stage.customer(username, "Victor Wells", days=220)
    stage.order(customer, THROW, days=205, paid_minor=15895)
    refund = stage.refund(
        customer, 3800, days=200, method=Refund.Method.CHEQUE, postal_address=customer.postal_address
    )
    refunds.complete(refund.pk, cheque_number="100482", actor=stage.admin, now=stage.days_ago(198))


def told_by_mail(username: str, stage: Stage) -> None:
    """From now on the shop mails its customers: her return, and the refund of it, are the first it tells.

    Where there is a mail server the mails stay off: the demo's people must not be written to.
    """
    if goes_to_files():
        mails = {kind: {"on": True} for kind in TO_CUSTOMERS}
        save("mails", {"mails": mails}, seen=version(), actor=stage.admin, now=stage.days_ago(4))
    customer = stage.customer(username, "Wanda Yates")
    rma = _return_throw(stage, stage.order(customer, THROW, days=12, paid_minor=12095), days=4)
    returns.close(rma.pk, key=stage.key(), actor=stage.staff, now=stage.days_ago(3))
    refund = stage.refund(
        customer, 5800, days=2, method=Refund.Method.PAYPAL, paypal_email=f"{username}@example.com"
    )
    refunds.complete(refund.pk, actor=stage.admin, now=stage.days_ago(1))


def year_of_trade(username: str, stage: Stage) -> None:
    """A shop that buys each month: deposits, returns, prepayments, and orders paid with what is left."""
    customer = stage.customer(username, "Samir Tran", days=380)
    for month, days in enumerate(range(355, 4, -30)):
        credit.give(
            customer_id=customer.pk, amount=stage.money(90_000 + month * 12_500),
            reason=GiveReason.DEPOSIT, refundable=True, expires_at=None, key=stage.key(),
            actor=stage.admin, now=stage.days_ago(days),
        )  # fmt: skip
        returned = stage.order(customer, _TRADE_THROWS, days=days - 1, paid_minor=174_495)
        rma = _return_line(stage, returned, 5 + month % 4, 58_00 * (5 + month % 4), days=days - 2)
        returns.close(rma.pk, key=stage.key(), actor=stage.staff, now=stage.days_ago(days - 3))
        prepaid = stage.order(customer, _TRADE_MUGS, days=days - 3, paid_minor=76_495 + month % 5 * 15_000)
        for overpaid in overpayment_credits(prepaid):
            keep(
                customer_id=customer.pk, credit_id=overpaid.id, key=stage.key(), actor=stage.staff,
                now=stage.days_ago(days - 3),
            )  # fmt: skip
        order = stage.order(customer, _TRADE_LAMPS, days=days - 4)
        orders.pay_with_credit(
            order.pk, amount=stage.money(89_495), key=stage.key(), actor=stage.staff,
            now=stage.days_ago(days - 4),
        )  # fmt: skip


_TRADE_THROWS = LineInput("THROW-3", "Wool throw", 30, 174_000)
_TRADE_MUGS = LineInput("MUG-12", "Stoneware mug", 80, 76_000)
_TRADE_LAMPS = LineInput("LAMP-01", "Brass reading lamp", 10, 89_000)

#: the customer's username -> the story, in the order in which they are told
STORIES: dict[str, Callable[[str, Stage], None]] = {
    "ada.birch": overpaid_order,
    "bruno.castel": part_spent_credit,
    "clara.dietz": pending_refund,
    "dmitri.evans": declined_refund,
    "elena.fox": completed_refund,
    "farid.green": expired_credit,
    "grace.holm": requested_reversal,
    "hugo.ito": rma_awaiting_outcome,
    "iris.jansen": credited_return,
    "jonas.kern": owing_order,
    "karin.lund": cancelled_order,
    "marta.novak": unpaid_order,
    "nora.quill": prospect,
    "olga.pratt": paid_twice,
    "pavel.quist": overpaid_one_and_owes_another,
    "quinn.reyes": rounded_payment,
    "rosa.steen": cancelled_after_paying,
    "samir.tran": year_of_trade,
    "tessa.umber": asks_to_be_paid_out,
    "uma.vale": back_to_the_card,
    "victor.wells": forgotten_cheque,
    "wanda.yates": told_by_mail,
}
