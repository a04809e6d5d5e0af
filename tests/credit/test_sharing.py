"""Callers share a commit: each has its own outcome, whoever led, and an error is nobody else's."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from tests.databases import at_once
from tillbook.common.actor import Actor, Role
from tillbook.common.errors import Refusal
from tillbook.common.money import Money
from tillbook.credit import queries, services
from tillbook.credit.batch import Asked
from tillbook.credit.models import GiveReason
from tillbook.credit.moving import move_each
from tillbook.credit.sharing import SharedCommit
from tillbook.credit.taking import Taking
from tillbook.customers.models import Customer
from tillbook.events.models import Event
from tillbook.ledger.models import Transfer
from tillbook.ledger.verification import verify

ADMIN = Actor("admin", Role.ADMIN, "test", 2)
STAFF = Actor("staff", Role.STAFF, "test", 1)


def gbp(minor: int) -> Money:
    return Money(minor, "GBP")


class Gate:
    """Work that waits until it is let go, and remembers what was done together."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.began = threading.Event()
        self.go = threading.Event()

    def work(self, asked: Sequence[int]) -> list[int]:
        self.batches.append(list(asked))
        self.began.set()
        assert self.go.wait(timeout=30)
        if 13 in asked:
            raise IntegrityError("13")
        if 666 in asked:
            raise ZeroDivisionError
        return [each * 2 for each in asked]


@pytest.fixture
def gate() -> Gate:
    return Gate()


def while_one_is_under_way(gate: Gate, *others: int) -> list[int | Exception]:
    """What 1 and `others` are answered when the others come while 1 is at work."""
    shared: SharedCommit[int, int] = SharedCommit(gate.work, gate.work)
    queued = threading.Semaphore(0)

    def other(asked: int) -> int:
        assert gate.began.wait(timeout=30)
        queued.release()
        return shared.do(asked)

    def let_go() -> int:
        for _ in others:
            assert queued.acquire(timeout=30)
        while len(shared._waiting) < len(others):
            threading.Event().wait(0.001)
        gate.go.set()
        return 0

    calls = [lambda: shared.do(1), let_go, *[lambda each=each: other(each) for each in others]]
    answers = at_once(calls)
    return [answers[0], *answers[2:]]


@pytest.mark.usefixtures("own_database")
def test_what_comes_during_a_commit_goes_into_the_next_one(gate):
    assert while_one_is_under_way(gate, 2, 3, 4) == [2, 4, 6, 8]
    assert [sorted(batch) for batch in gate.batches] == [[1], [2, 3, 4]]


@pytest.mark.usefixtures("own_database")
def test_what_the_database_refuses_to_one_is_done_for_the_others(gate):
    one, two, thirteen, four = while_one_is_under_way(gate, 2, 13, 4)
    assert (one, two, four) == (2, 4, 8)
    assert isinstance(thirteen, DatabaseError)
    assert sorted(gate.batches[1]) == [2, 4, 13]
    assert sorted(batch[0] for batch in gate.batches[2:]) == [2, 4, 13], "each by itself"


@pytest.mark.usefixtures("own_database")
def test_a_fault_reaches_every_caller_and_the_next_one_is_served(gate):
    answers = while_one_is_under_way(gate, 2, 666)
    assert answers[0] == 2
    assert [type(each) for each in answers[1:]] == [ZeroDivisionError, ZeroDivisionError]
    assert SharedCommit(gate.work, gate.work).do(5) == 10


@pytest.mark.django_db
def test_inside_a_transaction_work_is_done_alone(gate):
    gate.go.set()
    shared: SharedCommit[int, int] = SharedCommit(gate.work, gate.work)
    with transaction.atomic():
        assert shared.do(5) == 10
    assert gate.batches == [[5]]


@pytest.mark.usefixtures("own_database")
def test_sharing_answers_as_one_by_one_does(now):
    """Sixty requests of two actors for three customers, some refused, some sent twice."""
    people = [Customer.objects.create(username=f"c{n}", currency="GBP", created_at=now) for n in range(3)]
    for customer in people:
        services.give(
            customer_id=customer.pk, amount=gbp(1000), reason=GiveReason.DEPOSIT, refundable=True,
            expires_at=None, key="g", actor=ADMIN, now=now,
        )  # fmt: skip

    shared = SharedCommit(move_each, move_each)

    def spend(n: int) -> str:
        customer_id = people[n % 3].pk if n % 10 else 10**9
        taking = Taking(customer_id, gbp(0 if n % 7 == 6 else 100), f"N{n % 30}", f"k{n % 30}")
        outcome = shared.do(Asked(taking, ADMIN if n % 2 else STAFF, now))
        return outcome.code if isinstance(outcome, Refusal) else "done"

    def expected(n: int) -> str:
        if n % 7 == 6:
            return "invalid_input"
        return "done" if n % 10 else "customer_not_found"

    outcomes = at_once([lambda n=n: spend(n) for n in range(60)])
    assert outcomes == [expected(n) for n in range(60)]
    once = len({n % 30 for n in range(60) if expected(n) == "done"})
    spent = Transfer.objects.filter(reason="order")
    assert (spent.count(), Event.objects.filter(action="credit.spent").count()) == (once, once)
    assert {row.actor for row in spent} == {"user:1", "user:2"}
    left = [queries.balance_of(customer.pk, "GBP").available_minor for customer in people]
    assert sum(left) == 3000 - 100 * once
    assert verify().broken == []
