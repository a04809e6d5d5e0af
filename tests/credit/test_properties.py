"""Random sequences against a tiny model of plain integers keep every rule.

The model knows credits as [left, held] pairs and the order in which they are used. Every
request arrives twice; every step is then compared: the outcome, each credit, the projection.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from tillbook.common.actor import Actor, Role
from tillbook.common.errors import Refusal
from tillbook.common.money import Money
from tillbook.credit import queries, services
from tillbook.credit.models import Credit, GiveReason
from tillbook.credit.services import Taking
from tillbook.customers.models import Customer
from tillbook.ledger.models import Kind
from tillbook.ledger.verification import verify

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
ADMIN = Actor("admin", Role.ADMIN, "test", 2)
SYSTEM = Actor.system("test")
DAY = 24 * 60 * 60
GRACE = 30 * DAY

amounts = st.integers(1, 500)
steps = st.one_of(
    st.tuples(st.just("give"), amounts, st.sampled_from([None, 3, 10])),
    st.tuples(st.just("spend"), amounts),
    st.tuples(st.just("batch"), st.lists(st.tuples(st.booleans(), amounts), min_size=1, max_size=5)),
    st.tuples(st.just("hold"), amounts),
    st.tuples(st.just("capture"), st.one_of(st.none(), amounts)),
    st.tuples(st.just("release")),
    st.tuples(st.just("restore"), amounts),
    st.tuples(st.just("days pass"), st.integers(1, 5)),
    st.tuples(st.just("expire")),
)


@dataclass
class Lot:
    """A credit of the model."""

    left: int
    expires: int | None  # seconds since NOW
    held: int = 0

    @property
    def free(self) -> int:
        return self.left - self.held


@dataclass
class Model:
    second: int = 0  # since NOW; each step takes one, as no two requests come at the same instant
    lots: list[Lot] = field(default_factory=list)
    holds: dict[str, list[tuple[int, int]]] = field(default_factory=dict)  # key -> [(lot, amount)]
    spent: list[tuple[int, int]] = field(default_factory=list)  # what orders got and did not give back

    def give(self, amount: int, days: int | None) -> bool:
        self.lots.append(Lot(amount, None if days is None else self.second + days * DAY))
        return True

    def take(self, amount: int) -> list[tuple[int, int]] | None:
        """Which lots the amount comes from, in the order of use; None if there is not enough."""
        usable = [n for n, lot in enumerate(self.lots) if lot.expires is None or lot.expires > self.second]
        usable.sort(key=lambda n: (self.lots[n].expires is None, self.lots[n].expires or 0, n))
        taken = []
        for n in usable:
            if part := min(amount, self.lots[n].free):
                taken.append((n, part))
                amount -= part
        return None if amount else taken

    def spend(self, amount: int) -> bool:
        taken = self.take(amount)
        for n, part in taken or ():
            self.lots[n].left -= part
            self.spent.append((n, part))
        return taken is not None

    def hold(self, amount: int, key: str) -> bool:
        taken = self.take(amount)
        if taken is not None:
            self.holds[key] = taken
            for n, part in taken:
                self.lots[n].held += part
        return taken is not None

    def resolve(self, captured: int | None) -> bool:
        """End the oldest hold; `captured` of it goes, the rest is free again."""
        if not self.holds:
            return False
        key, parts = next(iter(self.holds.items()))
        left = sum(part for _, part in parts) if captured is None else captured
        if left > sum(part for _, part in parts):
            return False
        del self.holds[key]
        for n, part in parts:
            gone = min(left, part)
            left -= gone
            self.lots[n].held -= part
            self.lots[n].left -= gone
            if gone:
                self.spent.append((n, gone))
            if gone < part:
                self.extend(n, part - gone)
        return True

    def restore(self, amount: int) -> bool:
        sums: dict[int, int] = {}
        for n, part in self.spent:
            sums[n] = sums.get(n, 0) + part
        sums = {n: part for n, part in sums.items() if part}
        if not sums or amount > sum(sums.values()):
            return False
        for n in reversed(sums):
            if back := min(amount, sums[n]):
                amount -= back
                self.lots[n].left += back
                self.spent.append((n, -back))
                self.extend(n, back)
        return True

    def extend(self, n: int, back: int) -> None:
        """What came back after its time gets the grace period; what was left besides is over."""
        lot = self.lots[n]
        if lot.expires is not None and lot.expires <= self.second:
            lot.left = lot.held + back
            lot.expires = self.second + GRACE

    def expire(self) -> int:
        due = [
            lot for lot in self.lots if lot.expires is not None and lot.expires <= self.second and lot.free
        ]
        for lot in due:
            lot.left = lot.held
        return len(due)


class Book:
    """The same steps through the services. Each request is sent twice."""

    def __init__(self) -> None:
        self.customer = Customer.objects.create(username="jo", currency="GBP", created_at=NOW)
        self.now = NOW

    def wait(self, model: Model, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        model.second += seconds

    def request(self, service, *args, **kwargs):
        outcomes = [self._attempt(service, *args, **kwargs) for _ in range(2)]
        assert outcomes[0] == outcomes[1], "a repeated request is answered as the first one"
        return outcomes[0]

    def _attempt(self, service, *args, **kwargs) -> bool:
        try:
            with transaction.atomic():
                service(*args, customer_id=self.customer.pk, actor=ADMIN, now=self.now, **kwargs)
        except Refusal:
            return False
        return True

    def lots(self) -> list[tuple[int, int]]:
        credits = sorted(queries.credits_of(self.customer.pk), key=lambda credit: credit.id)
        return [(credit.account.posted_minor, credit.account.held_minor) for credit in credits]


def gbp(minor: int) -> Money:
    return Money(minor, "GBP")


class TestRandomSequences(TestCase):
    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(steps, max_size=25))
    def test_every_sequence_ends_with_the_models_balances(self, sequence):
        model, book = Model(), Book()
        for number, (step, *arguments) in enumerate(sequence):
            book.wait(model, 1)
            _STEPS[step](model, book, f"k{number}", *arguments)
            assert book.lots() == [(lot.left, lot.held) for lot in model.lots]
        row = queries.balance_of(book.customer.pk, "GBP")
        available, held = sum(lot.free for lot in model.lots), sum(lot.held for lot in model.lots)
        assert (row.available_minor, row.held_minor) == (available, held)
        assert verify().broken == []


def give(model: Model, book: Book, key: str, amount: int, days: int | None) -> None:
    expires_at = None if days is None else book.now + timedelta(days=days)
    allowed = book.request(
        services.give, amount=gbp(amount), reason=GiveReason.DEPOSIT, refundable=True,
        expires_at=expires_at, key=key,
    )  # fmt: skip
    assert allowed == model.give(amount, days)
    # Credits of one moment are told apart by their number, as the model does by their place.
    assert Credit.objects.count() == len(model.lots)


def spend(model: Model, book: Book, key: str, amount: int) -> None:
    allowed = book.request(services.spend, amount=gbp(amount), reference="N1", key=key)
    assert allowed == model.spend(amount)


def batch(model: Model, book: Book, key: str, takings: list[tuple[bool, int]]) -> None:
    asked = [
        Taking(book.customer.pk, gbp(amount), "N1", f"{key}.{n}", Kind.HOLD if held else Kind.POST)
        for n, (held, amount) in enumerate(takings)
    ]
    first, second = (services.take_many(asked, actor=ADMIN, now=book.now) for _ in range(2))
    allowed = [
        model.hold(amount, f"{key}.{n}") if held else model.spend(amount)
        for n, (held, amount) in enumerate(takings)
    ]
    assert [not isinstance(each, Refusal) for each in first] == allowed
    assert [each for each in first if isinstance(each, list)] == [
        each for each in second if isinstance(each, list)
    ]


def hold(model: Model, book: Book, key: str, amount: int) -> None:
    allowed = book.request(services.hold, amount=gbp(amount), reference="N1", key=key)
    assert allowed == model.hold(amount, key)


def capture(model: Model, book: Book, key: str, amount: int | None) -> None:
    wanted = None if amount is None else gbp(amount)
    hold_key = next(iter(model.holds), "none")
    allowed = book.request(services.capture, hold_key=hold_key, amount=wanted, key=key)
    assert allowed == model.resolve(amount)


def release(model: Model, book: Book, key: str) -> None:
    allowed = book.request(services.release, hold_key=next(iter(model.holds), "none"), key=key)
    assert allowed == model.resolve(0)


def restore(model: Model, book: Book, key: str, amount: int) -> None:
    allowed = book.request(services.restore, currency="GBP", reference="N1", amount=gbp(amount), key=key)
    assert allowed == model.restore(amount)


def days_pass(model: Model, book: Book, _key: str, days: int) -> None:
    book.wait(model, days * DAY)


def expire(model: Model, book: Book, _key: str) -> None:
    assert services.expire_due(actor=SYSTEM, now=book.now) == model.expire()
    assert services.expire_due(actor=SYSTEM, now=book.now) == 0


_STEPS = {
    "give": give, "spend": spend, "batch": batch, "hold": hold, "capture": capture, "release": release,
    "restore": restore, "days pass": days_pass, "expire": expire,
}  # fmt: skip
