"""Takings and the ends of holds in one batch, for callers who came together by chance."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import pytest

from tillbook.common import statements
from tillbook.common.actor import Actor
from tillbook.common.errors import KeyReused, Refusal
from tillbook.common.money import Money
from tillbook.common.statements import Query
from tillbook.credit import queries, services
from tillbook.credit.batch import Asked
from tillbook.credit.moving import LeftAlone, move_each
from tillbook.credit.services import Part, Resolution, Taking
from tillbook.ledger.models import House, Kind, Transfer
from tillbook.ledger.verification import verify

pytestmark = pytest.mark.django_db


def gbp(minor: int) -> Money:
    return Money(minor, "GBP")


def of_these(documents: Collection[str] = (), credits: Collection[int] = ()) -> LeftAlone:
    """What leaves alone these documents, and what would give something back to these credits."""

    def named(references: Collection[str]) -> Query:
        table, rows = statements.wanted({"number": "text"}, [(each,) for each in references])
        marks = ", ".join(["%s"] * len(documents)) or "NULL"
        return Query(f"SELECT number FROM {table} WHERE number IN ({marks})", [*rows, *documents])

    def among(places: Collection[tuple[int, int]]) -> Query:
        table, rows = statements.wanted({"customer_id": "bigint", "id": "bigint"}, places)
        marks = ", ".join(["%s"] * len(credits)) or "NULL"
        return Query(f"SELECT customer_id, id FROM {table} WHERE id IN ({marks})", [*rows, *credits])

    return LeftAlone(named, among)


@pytest.fixture
def move(staff_actor: Actor, now: datetime):
    def move(*things: Taking | Resolution, left_alone: LeftAlone | None = None) -> list[Sequence[Part] | str]:
        outcomes = move_each([Asked(each, staff_actor, now) for each in things], left_alone=left_alone)
        assert verify().broken == []
        return [
            each.code if isinstance(each, Refusal) else "left alone" if each is None else each
            for each in outcomes
        ]

    return move


@pytest.fixture
def held(customer, staff_actor, now):
    """Hold of the customer's credit for WEB-1."""

    def hold(minor: int, key: str, **more: object) -> list[Part]:
        asked = {"customer_id": customer.pk, "amount": gbp(minor), "reference": "WEB-1", "key": key}
        return services.hold(**asked, **more, actor=staff_actor, now=now)

    return hold


def figures(customer) -> tuple[int, int]:
    row = queries.balance_of(customer.pk, "GBP")
    return row.available_minor, row.held_minor


def test_each_gets_its_own_answer_in_the_order_of_asking(customer, given, held, move):
    credit = given(1000, "g")
    held(100, "h1")
    held(200, "h2")
    assert move(
        Resolution(customer.pk, "h1", "c1", Kind.CAPTURE),
        Taking(customer.pk, gbp(50), "WEB-2", "s"),
        Resolution(customer.pk, "h1", "r1", Kind.RELEASE),
        Taking(customer.pk, gbp(9_000), "WEB-3", "s2"),
        Resolution(customer.pk, "none", "r2", Kind.RELEASE),
        Resolution(customer.pk, "h2", "r3", Kind.RELEASE),
        Taking(customer.pk, gbp(60), "WEB-4", "h3", Kind.HOLD),
        Resolution(customer.pk, "h1", "c1", Kind.CAPTURE),
        Resolution(customer.pk, "h2", "s", Kind.RELEASE),
    ) == [
        [Part(credit.id, 100)], [Part(credit.id, 50)], "hold_already_resolved", "insufficient_credit",
        "hold_not_found", [Part(credit.id, 200)], [Part(credit.id, 60)], [Part(credit.id, 100)],
        "key_reused",
    ]  # fmt: skip
    assert figures(customer) == (790, 60)


def test_what_a_release_gives_back_is_no_ones_in_the_same_batch(customer, given, held, move):
    given(100, "g")
    held(100, "h")
    release, spend = (
        Resolution(customer.pk, "h", "r", Kind.RELEASE),
        Taking(customer.pk, gbp(100), "W", "s"),
    )
    answers = move(release, spend)
    assert (answers[1], figures(customer)) == ("insufficient_credit", (100, 0))
    assert isinstance(move(spend)[0], list)


def test_what_comes_back_to_an_expired_credit_is_left_alone(customer, given, held, move, staff_actor, now):
    given(1000, "g", days=1)
    for key in ("released", "captured", "in part"):
        held(100, key)
    later = now + timedelta(days=2)
    endings = [
        Resolution(customer.pk, "released", "r", Kind.RELEASE),
        Resolution(customer.pk, "captured", "c", Kind.CAPTURE),
        Resolution(customer.pk, "in part", "p", Kind.CAPTURE, gbp(40)),
    ]
    outcomes = move_each([Asked(each, staff_actor, later) for each in endings])
    assert [each is None for each in outcomes] == [True, False, True]
    assert figures(customer) == (700, 200)


def test_what_is_left_alone_moves_nothing(customer, given, held, move):
    credit, other = given(1000, "g"), given(1000, "g2")
    for key in ("released", "captured", "in part"):
        held(100, key, credits={credit.id: 100})
    held(100, "others", credits={other.id: 100})
    asked = [
        Resolution(customer.pk, "released", "r", Kind.RELEASE),
        Resolution(customer.pk, "captured", "c", Kind.CAPTURE),
        Resolution(customer.pk, "in part", "p", Kind.CAPTURE, gbp(40)),
        Resolution(customer.pk, "others", "o", Kind.RELEASE),
        Taking(customer.pk, gbp(50), "WEB-1", "s"),
        Taking(customer.pk, gbp(50), "WEB-2", "s2"),
    ]
    before = Transfer.objects.count()
    documents = of_these(documents=["WEB-1"], credits=[credit.id])
    alone = "left alone"
    assert move(*asked, left_alone=documents) == [
        alone, alone, alone, [Part(other.id, 100)], alone, [Part(credit.id, 50)],
    ]  # fmt: skip
    assert Transfer.objects.count() == before + 2
    credits = move(asked[1], asked[2], left_alone=of_these(credits=[credit.id]))
    assert credits == [[Part(credit.id, 100)], alone]
    # What a key moved before is its answer, whatever came since.
    assert move(asked[1], asked[3], asked[5], left_alone=of_these(["WEB-1", "WEB-2"], [credit.id, other.id])) == [
        [Part(credit.id, 100)], [Part(other.id, 100)], [Part(credit.id, 50)],
    ]  # fmt: skip


def test_a_hold_towards_another_house_is_none(customer, given, held, move, admin_actor, now):
    credit = given(1000, "g")
    held(100, "h", house=House.PAYOUTS, reason="refund", refundable_only=True)
    ending = Resolution(customer.pk, "h", "c", Kind.CAPTURE, house=House.ORDERS)
    assert move(ending) == ["hold_not_found"]
    done = services.resolve_many([ending._replace(house=House.PAYOUTS)], actor=admin_actor, now=now)
    assert done == [[Part(credit.id, 100)]]


def test_one_key_ends_one_hold_in_one_way(customer, given, held, staff_actor, now):
    given(1000, "g")
    held(100, "h")
    services.capture(customer_id=customer.pk, hold_key="h", key="c", actor=staff_actor, now=now)
    (outcome,) = move_each([Asked(Resolution(customer.pk, "h", "c", Kind.RELEASE), staff_actor, now)])
    assert isinstance(outcome, KeyReused)
