"""Back to the card: what may go back to which charge, and what must go there first (R7).

Everything here is read and decided under the customer's lock, which the caller has.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.utils.translation import gettext as _

from tillbook.common import statements
from tillbook.common.errors import InvalidInput, Refusal
from tillbook.common.money import Money
from tillbook.credit.models import Credit
from tillbook.credit.queries import usable
from tillbook.orders.charged import Charged, Stock, charged, stock_of
from tillbook.orders.charges import Charge, charge_of, check_charge, payment_of
from tillbook.orders.models import Payment
from tillbook.refunds.models import Refund
from tillbook.shop.policies import shop

_SHOWN = 4  # characters of a masked charge


class ChargeLimit(Refusal):
    """More would go back to a charge than it brought, or than the credit holds of it (R7)."""

    code = "charge_limit"


class ChargeFirst(Refusal):
    """The shop pays what came by card or wallet back there first."""

    code = "charge_first"


@dataclass(frozen=True, slots=True)
class Room:
    """What may go back to a payment's charge, in minor units: in all, and from each stock of credits."""

    payment: Payment
    left_minor: int
    stocks: Mapping[Stock, int]

    @property
    def charge(self) -> Charge:
        return charge_of(self.payment)

    def drawn(self, available: Iterable[tuple[Credit, int]], most: int) -> dict[int, int]:
        """credit id -> minor units: how `most`, or what there is of it, goes back from these credits.

        They come in the order in which they are drawn on, each with what is available of it.
        """
        left, stocks, parts = min(most, self.left_minor), dict(self.stocks), {}
        for credit, minor in available:
            stock = stock_of(credit)
            if (part := min(left, minor, stocks.get(stock, 0))) > 0:
                parts[credit.id] = part
                stocks[stock] -= part
                left -= part
        return parts

    def possible(self, available: Iterable[tuple[Credit, int]]) -> int:
        """What at most may go back to it from these credits now, in minor units."""
        return sum(self.drawn(available, self.left_minor).values())


class Possible(NamedTuple):
    """A charge, and what may go back to it of some credits, in minor units; 0: nothing any more."""

    room: Room
    minor: int


def charges_of(credits: Sequence[Credit]) -> list[Possible]:
    """The charges that these credits of one customer came from, the oldest first.

    The credits come with their accounts, in the order of use. What may not be paid out goes nowhere.
    """
    available = [(each, each.account.available_minor if each.refundable else 0) for each in credits]
    return [Possible(room, room.possible(available)) for room in rooms_of(credits)]


def charges_of_refund(refund: Refund) -> list[Possible]:
    """The same of the credits that the refund holds, which may go back there instead."""
    sources = sources_of(refund)
    rooms = rooms_of([credit for credit, _minor in sources], leaving_out=refund.pk)
    return [Possible(room, room.possible(sources)) for room in rooms]


def rooms_of(credits: Collection[Credit], *, leaving_out: int | None = None) -> list[Room]:
    """The charges that the credits, all of one customer, came from, the oldest first; also the full ones.

    `leaving_out` is a refund that is not counted: one whose way is being decided.
    """
    held = charged(credits)
    if not held.payments:
        return []
    used = _used(held, leaving_out)
    rooms = []
    for payment in sorted(held.payments.values(), key=lambda each: (each.received_at, each.pk)):
        of_charge = used.get(charge_of(payment), {})
        stocks = {
            stock: max(0, parts[payment.pk] - of_charge.get(stock, 0))
            for stock, parts in held.held.items()
            if payment.pk in parts
        }
        rooms.append(Room(payment, max(0, _kept(payment) - sum(of_charge.values())), stocks))
    return rooms


def _kept(payment: Payment) -> int:
    """What the charge brought, less what its gateway paid back past Tillbook, in minor units."""
    return payment.amount_minor - payment.paid_back_minor


def _used(held: Charged, leaving_out: int | None) -> dict[Charge, dict[Stock, int]]:
    """charge -> stock -> minor units that went back, or are on their way."""
    found: dict[Charge, dict[Stock, int]] = defaultdict(lambda: defaultdict(int))
    for charge, stock, minor in _counted({charge_of(each) for each in held.payments.values()}, leaving_out):
        found[charge][stock] += minor
    return found


# Written out, for SQLite finds a partial index only by the very words of its condition.
_COUNTED = (
    "SELECT r.gateway, r.charge, c.source, c.order_reference, c.id, s.amount_minor "
    "FROM {wanted} CROSS JOIN refunds_refund AS r JOIN refunds_refundsource AS s ON s.refund_id = r.id "
    "JOIN credit_credit AS c ON c.customer_id = s.customer_id AND c.id = s.credit_id "
    "WHERE r.gateway = wanted.gateway AND r.charge = wanted.charge AND NOT (r.charge = '') "
    "AND r.status IN ('requested', 'approved', 'completed') AND r.id <> %s"
)


def _counted(charges: Collection[Charge], leaving_out: int | None) -> list[tuple[Charge, Stock, int]]:
    """(charge, stock, minor units) of all that went back to these charges, or is on its way there."""
    table, wanted = statements.wanted(
        {"gateway": "text", "charge": "text"}, [(each.gateway, each.id) for each in charges]
    )
    rows = statements.select(_COUNTED.format(wanted=table), [*wanted, leaving_out or 0])
    return [(Charge(*row[:2]), Stock.of(*row[2:5]), row[5]) for row in rows]


def charge_to(refund: Refund) -> Charge:
    """The charge that the refund goes back to, if any."""
    return Charge(refund.gateway, refund.charge)


def masked(charge: Charge) -> str:
    """The charge as papers have it: its gateway, and the last characters of its id."""
    return f"{charge.gateway} …{charge.id[-_SHOWN:]}" if len(charge.id) > _SHOWN else charge.gateway


def chosen_room(
    rooms: Sequence[Room], asked: Charge, minor: int, available: Sequence[tuple[Credit, int]]
) -> Room:
    """The room of the charge asked for, or of the only one that has room for so many minor units.

    Where none has, that of the largest, which says how much it could be. Raises InvalidInput.
    """
    check_charge(asked)
    if asked:
        if (room := next((each for each in rooms if each.charge == asked), None)) is None:
            raise InvalidInput(
                _("The credit did not come from the charge %(charge)s.") % {"charge": asked.id},
                field="charge",
            )
        return room
    if not rooms:
        raise InvalidInput(
            _("No card or wallet was charged for this credit. Choose another method."), field="method"
        )
    large_enough = [each for each in rooms if each.possible(available) >= minor]
    if len(large_enough) > 1:
        raise InvalidInput(
            _("Name the charge that the money goes back to: one of %(charges)s.")
            % {"charges": ", ".join(each.charge.id for each in large_enough)},
            field="charge",
        )
    return large_enough[0] if large_enough else max(rooms, key=lambda each: each.possible(available))


def check_no_charge(asked: Charge) -> None:
    """Raise InvalidInput for a charge where the method is no gateway."""
    if asked:
        raise InvalidInput(
            _("Only a refund by the method gateway goes back to a charge. Leave the charge out."),
            field="charge",
        )


def limit_of(room: Room, possible: int) -> ChargeLimit:
    """The refusal of more than may go back to the charge."""
    return ChargeLimit(
        _("At most %(left)s of this credit may go back to the charge %(charge)s.")
        % {"left": Money(possible, room.payment.order.currency), "charge": room.charge.id},
        field="amount",
    )


def check_fits(possible: Possible, minor: int) -> None:
    """Raise ChargeLimit for more minor units than may go back to the charge."""
    if minor > possible.minor:
        raise limit_of(possible.room, possible.minor)


def check_room(refund: Refund) -> None:
    """Raise ChargeLimit if the refund's charge does not stand any more, or more goes back than it brought."""
    charge = charge_to(refund)
    if refund.method != Refund.Method.GATEWAY and not charge:
        return
    payment = payment_of(charge)
    if payment is None or payment.order.customer_id != refund.customer_id:
        raise ChargeLimit(
            _(
                "The customer's payment by the charge %(charge)s was voided: nothing may go back to it. "
                "Decline %(number)s."
            )
            % {"charge": charge.id, "number": refund.number},
            field="charge",
        )
    others = sum(minor for _charge, _stock, minor in _counted([charge], refund.pk))
    if refund.amount_minor + others > _kept(payment):
        left = max(0, _kept(payment) - others)
        raise limit_of(Room(payment, left, {}), left)


def bound(refund: Refund, credit_id: int | None, asked: Charge, now: datetime) -> dict[int, int] | None:
    """Put the charge into a refund that is being asked for; returns what it takes of which credit.

    None leaves that to the book, which also refuses what is not there. Raises InvalidInput, ChargeLimit.
    """
    whole = None if credit_id is None else {credit_id: refund.amount_minor}
    if refund.method != Refund.Method.GATEWAY:
        check_no_charge(asked)
        return whole
    available = _available(refund, credit_id, now)
    if sum(minor for _credit, minor in available) < refund.amount_minor:
        return whole
    return _to_room(refund, rooms_of([each for each, _minor in available]), asked, available)


def _available(refund: Refund, credit_id: int | None, now: datetime) -> list[tuple[Credit, int]]:
    """What may be paid out of the credit, or of all, in the order of use."""
    credits = usable(refund.customer_id, refund.currency, now, refundable=True)
    return [(each, each.account.available_minor) for each in credits if credit_id in (None, each.id)]


def redirected(refund: Refund, asked: Charge, now: datetime) -> None:
    """Put the charge asked for into a refund whose credits are held, by the method that it has now.

    Raises InvalidInput, ChargeLimit, ChargeFirst.
    """
    if refund.method != Refund.Method.GATEWAY:
        check_no_charge(asked)
        refund.gateway = refund.charge = ""
        check_first(refund, now)
        return
    available = sources_of(refund)
    _to_room(refund, rooms_of([each for each, _minor in available], leaving_out=refund.pk), asked, available)


def _to_room(
    refund: Refund, rooms: Sequence[Room], asked: Charge, available: Sequence[tuple[Credit, int]]
) -> dict[int, int]:
    """Put the charge into the refund; returns what it takes of which credit."""
    room = chosen_room(rooms, asked, refund.amount_minor, available)
    check_fits(Possible(room, room.possible(available)), refund.amount_minor)
    refund.gateway, refund.charge = room.charge.gateway, room.charge.id
    return room.drawn(available, refund.amount_minor)


def sources_of(refund: Refund) -> list[tuple[Credit, int]]:
    """The credits that the refund comes from, each with what it gives, in minor units."""
    parts = refund.sources.select_related("credit__account").order_by("pk")
    return [(part.credit, part.amount_minor) for part in parts]


def check_first(refund: Refund, now: datetime) -> None:
    """Raise ChargeFirst if some of the refund's credits' money must go back to a charge first.

    The credits are held already. A charge that is older than the shop's limit, or to which a refund
    failed, is left alone: gateways refuse it, and the money must get to its owner somehow.
    """
    policy = shop()
    if not policy.charge_first or not policy.methods[Refund.Method.GATEWAY.value].on:
        return
    sources = sources_of(refund)
    before = [(credit, credit.account.available_minor + minor) for credit, minor in sources]
    oldest = now - timedelta(days=policy.charge_first_days)
    for room in rooms_of([credit for credit, _minor in sources], leaving_out=refund.pk):
        if room.payment.received_at >= oldest and (first := room.possible(before)) and not _has_failed(room):
            raise ChargeFirst(
                _("%(amount)s of this credit must first go back to the charge %(charge)s.")
                % {"amount": Money(first, refund.currency), "charge": room.charge.id},
                field="method",
            )


def _has_failed(room: Room) -> bool:
    """Whether a refund to it was tried in vain; one that was cancelled as unclaimed nobody ever sent."""
    failed = Refund.objects.filter(
        customer_id=room.payment.customer_id, status=Refund.Status.FAILED, was_unclaimed=False
    )
    return failed.filter(gateway=room.charge.gateway, charge=room.charge.id).exists()
