"""Many clients at once over HTTP, with repetitions, requests given up, and a server that is killed."""

from __future__ import annotations

import json
import os
import random
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import count, takewhile
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from tests.api.shop_server import GONE, Caller, Program, Server
from tests.databases import at_once
from tests.delivery.receiver import Answer, Got, Receiver
from tillbook.common.actor import Actor, Role, Scope
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.credit.models import GiveReason
from tillbook.customers.models import Customer
from tillbook.delivery import webhooks
from tillbook.delivery.messages import data_of
from tillbook.delivery.models import Delivery, Endpoint
from tillbook.delivery.running import deliver_once
from tillbook.delivery.sending import LEASE
from tillbook.events.models import Event
from tillbook.ledger.models import Balance, Transfer
from tillbook.ledger.verification import verify
from tillbook.staff import keys
from tillbook.staff import services as staff

CUSTOMERS = 100
CLIENTS = 64
ROUNDS = 3  # spends, and holds with their captures, of each client
KILLS = int(os.environ.get("TILLBOOK_TEST_KILLS", "5"))  # 50 take some minutes
GIVEN = 1_000_00

pytestmark = pytest.mark.usefixtures("own_database")


@pytest.fixture
def secret() -> str:
    """The API key of a shop with a hundred customers who have credit."""
    by = {"actor": Actor.system("test"), "now": datetime(2026, 3, 2, 10, 30, tzinfo=UTC)}
    owner = staff.add_user(username="ann", role=Role.ADMIN, password="correct horse battery", **by)
    people = [Customer(username=f"c{n}", currency="GBP", created_at=by["now"]) for n in range(CUSTOMERS)]
    Customer.objects.bulk_create(people)
    gifts = [
        credit.Gift(each.pk, Money(GIVEN, "GBP"), GiveReason.DEPOSIT, "g") for each in Customer.objects.all()
    ]
    credit.accepted(credit.give_many(gifts, **by))
    return keys.add_key(owner=owner, name="checkout", scopes=[Scope.CREDIT], **by)[1]


@pytest.fixture
def server(tmp_path: Path, secret: str) -> Iterator[Server]:
    running = Server(tmp_path)
    running.start()
    yield running
    running.close()


@pytest.fixture
def deliverer(tmp_path: Path, secret: str) -> Iterator[Program]:
    """On SQLite the server sends webhooks too; on PostgreSQL only this does."""
    running = Program(tmp_path, "deliver")
    running.start()
    yield running
    running.close()


class Client:
    """A checkout that sends each request until it is answered, and then twice more."""

    def __init__(self, server: Server, secret: str, name: str, answers: dict[str, set[tuple[int, str]]]):
        self._caller = Caller(server.port, secret)
        self._name = name
        self._answers = answers
        self._chance = random.Random(name)  # noqa: S311  the same moves each time

    def work(self, rounds: Iterable[int]) -> int:
        """Do these rounds; returns how many there were."""
        done = 0
        with closing(self._caller):
            for number in rounds:
                self._spend(f"{self._name}.s{number}")
                self._hold_and_capture(f"{self._name}.h{number}")
                done += 1
        return done

    def _spend(self, key: str) -> None:
        self._sent("/spends", self._taking(100, key), key)

    def _hold_and_capture(self, key: str) -> None:
        held = json.loads(self._sent("/holds", self._taking(300, key), key)[1])
        self._sent(f"/holds/{held['number']}/capture", {"amount": gbp("2.00")}, f"{key}.c")

    def _taking(self, minor: int, reference: str) -> dict[str, object]:
        customer = f"c{self._chance.randrange(CUSTOMERS)}"
        return {"customer": customer, "amount": gbp(f"{minor / 100:.2f}"), "reference": reference}

    def _sent(self, path: str, body: object, key: str) -> tuple[int, str]:
        for _ in range(3):
            if self._chance.random() < 0.2:
                self._given_up(path, body, key)
            self._answers.setdefault(key, set()).add(self._answered(path, body, key))
        (answer,) = self._answers[key]
        assert answer[0] in (200, 201), answer
        return answer

    def _given_up(self, path: str, body: object, key: str) -> None:
        try:
            self._caller.send("POST", path, body, key, give_up=True)
        except GONE:
            return

    def _answered(self, path: str, body: object, key: str) -> tuple[int, str]:
        until = time.monotonic() + 400
        while time.monotonic() < until:
            try:
                answer = self._caller.send("POST", path, body, key)
            except GONE:
                time.sleep(0.05)  # the server is away
                continue
            if answer[0] < 500 and '"key_in_use"' not in answer[1]:
                return answer
            time.sleep(0.02)
        raise AssertionError("no answer in time")


def gbp(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "GBP"}


def check(answers: dict[str, set[tuple[int, str]]], rounds: int) -> None:
    """Every answer to a key was the same, and each key moved its amount once."""
    assert len(answers) == rounds * 3
    assert {key: len(each) for key, each in answers.items() if len(each) != 1} == {}
    assert verify().broken == []
    moved = rounds * (1_00 + 2_00)
    rows = Balance.objects.all()
    assert (sum(row.available_minor for row in rows), sum(row.held_minor for row in rows)) == (
        CUSTOMERS * GIVEN - moved, 0,
    )  # fmt: skip
    assert Transfer.objects.exclude(key="g").count() == len(answers)


def test_sixty_four_clients_who_repeat_themselves_move_each_amount_once(server: Server, secret: str) -> None:
    answers: dict[str, set[tuple[int, str]]] = {}
    clients = [Client(server, secret, f"k{n}", answers) for n in range(CLIENTS)]
    done = at_once([lambda each=each: each.work(range(ROUNDS)) for each in clients])
    assert done == [ROUNDS] * CLIENTS
    check(answers, CLIENTS * ROUNDS)


def test_a_server_killed_again_and_again_loses_nothing_it_answered_and_tells_of_all_of_it(
    server: Server, deliverer: Program, secret: str, receiver: Receiver
) -> None:
    endpoint = webhooks.add_endpoint(url=receiver.url, actor=Actor.system("test"), now=datetime.now(UTC))
    receiver.answer = signed_by(endpoint)
    answers: dict[str, set[tuple[int, str]]] = {}
    clients = [Client(server, secret, f"k{n}", answers) for n in range(8)]
    over = threading.Event()

    def kill_server() -> int:
        try:
            assert await_more(receiver.got, unless=over)
            for _ in range(KILLS):
                time.sleep(0.2 + secrets.randbelow(1300) / 1000)
                server.kill()
                server.start()
        finally:
            over.set()
        return KILLS

    def kill_deliverer() -> int:
        while await_more(receiver.got, unless=over):
            time.sleep(secrets.randbelow(500) / 1000)  # at whatever it does by then
            deliverer.kill()
            deliverer.start()
        return 0

    def work(client: Client) -> int:
        return client.work(takewhile(lambda _: not over.is_set(), count()))

    outcomes = at_once([kill_server, kill_deliverer, *[lambda each=each: work(each) for each in clients]])
    rounds = [each for each in outcomes if isinstance(each, int)]
    assert len(rounds) == len(outcomes), outcomes
    check(answers, sum(rounds[2:]))
    server.kill()
    deliverer.kill()
    assert receiver.got  # while they were being killed
    deliver_the_rest()
    check_told(receiver, endpoint)


def await_more(got: list[Got], unless: threading.Event) -> bool:
    """Wait until there is more of it: whoever sends is up and at work. False where that is over, or too late."""
    before = len(got)
    until = time.monotonic() + 60
    while len(got) == before:
        if unless.wait(0.02) or time.monotonic() > until:
            return False
    return True


def signed_by(endpoint: Endpoint) -> Callable[[Got], Answer]:
    """Takes what is signed; at anything else it hangs up, so that it is never delivered."""

    def answer(got: Got) -> Answer:
        Webhook(endpoint.secret).verify(got.body, got.headers)
        return 204, b""

    return answer


def deliver_the_rest() -> None:
    """What the killed had claimed can be sent when their claims have run out."""
    deliver_once(lambda: datetime.now(UTC))
    deliver_once(lambda: datetime.now(UTC) + LEASE)
    assert not Delivery.objects.exclude(state=Delivery.State.DELIVERED).exists()


def check_told(receiver: Receiver, endpoint: Endpoint) -> None:
    """Exactly what is in the book arrived, each at least once and in its order."""
    first: dict[str, Got] = {}
    for got in receiver.got:
        assert first.setdefault(got.id, got).body == got.body
    events = {f"evt_{each.pk}_{endpoint.pk}": each for each in Event.objects.filter(pk__gt=endpoint.seen_id)}
    assert first.keys() == events.keys()
    usernames = dict(Customer.objects.values_list("pk", "username"))
    last: dict[str, int] = {}
    for webhook_id, got in first.items():
        event = events[webhook_id]
        assert json.loads(got.body)["data"] == data_of(event, usernames.get(event.customer_id))
        assert last.get(event.subject, 0) < event.pk
        last[event.subject] = event.pk
