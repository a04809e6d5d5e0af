"""What a checkout takes, captures and releases shares a commit; each key still stands for one request."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

import pytest
from django.db import transaction

from tests.api.conftest import Program, gbp, told
from tests.databases import at_once
from tillbook.api.edge import limiter
from tillbook.common.actor import Actor, Role, Scope
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.credit.models import Credit, GiveReason
from tillbook.credit.queries import balance_of
from tillbook.customers import services as customers
from tillbook.customers.models import Customer
from tillbook.ledger.models import Transfer
from tillbook.ledger.verification import verify
from tillbook.orders import checkout
from tillbook.orders import queries as orders_queries
from tillbook.orders import services as orders
from tillbook.staff import answers, keys
from tillbook.staff import services as staff
from tillbook.staff.models import Answer

pytestmark = pytest.mark.usefixtures("own_database")


@pytest.fixture
def program(own_database: None, now: datetime) -> Program:
    """A checkout of a shop where Jo and Maria have 50.00 each."""
    limiter.cache_clear()
    by: dict[str, Any] = {"actor": Actor.system("test"), "now": now}
    owner = staff.add_user(username="ann", role=Role.ADMIN, password="correct horse battery", **by)
    for name in ("jo", "maria"):
        customer = customers.add(username=name, currency="GBP", **by)
        credit.give(
            customer_id=customer.pk, amount=Money(50_00, "GBP"), reason=GiveReason.DEPOSIT, refundable=True,
            expires_at=None, key="g", **by,
        )  # fmt: skip
    return Program(keys.add_key(owner=owner, name="checkout", scopes=[Scope.CREDIT], **by)[1])


def taking(amount: str, customer: str = "jo", reference: str = "WEB-1") -> dict[str, Any]:
    return {"customer": customer, "amount": gbp(amount), "reference": reference}


def available(customer: str = "jo") -> int:
    return balance_of(Customer.objects.get(username=customer).pk, "GBP").available_minor


class FirstAlone:
    """Work as the shared commits do it, but the first waits until so many others came."""

    def __init__(self, others: int) -> None:
        self.sizes: list[int] = []
        self._others = others
        self._real = checkout._shared._shared

    def __call__(self, asked: Sequence[Any]) -> Sequence[Any]:
        self.sizes.append(len(asked))
        while len(self.sizes) == 1 and len(checkout._shared._waiting) < self._others:
            threading.Event().wait(0.001)
        return self._real(asked)


def test_what_comes_during_a_commit_goes_into_the_next_one(program, monkeypatch):
    work = FirstAlone(others=5)
    monkeypatch.setattr(checkout._shared, "_shared", work)
    paths = ["/spends", "/holds"] * 3
    bodies = [taking("1.00", name) for name in ("jo", "maria")] * 3
    bodies[5] = taking("90.00", "maria")
    outcomes = at_once(
        [partial(Program(program.secret).post, *each) for each in zip(paths, bodies, strict=True)]
    )
    assert sorted(work.sizes) == [1, 5]
    assert [each.status_code for each in outcomes] == [201, 201, 201, 201, 201, 409]
    assert (available("jo"), available("maria")) == (47_00, 48_00)
    assert Answer.objects.count() == 6
    assert verify().broken == []


def held(program: Program, amount: str, customer: str = "jo") -> str:
    """The address of a new hold."""
    return f"/holds/{told(program.post('/holds', taking(amount, customer)), 201)['number']}"


def test_holds_end_in_the_commit_in_which_others_begin(program, monkeypatch):
    holds = [held(program, "10.00", name) for name in ("jo", "jo", "maria", "maria")]
    work = FirstAlone(others=5)
    monkeypatch.setattr(checkout._shared, "_shared", work)
    asked: list[tuple[str, dict[str, Any]]] = [
        (f"{holds[0]}/capture", {}),
        (f"{holds[1]}/release", {}),
        (f"{holds[2]}/capture", {"amount": gbp("4.00")}),
        (f"{holds[3]}/capture", {"amount": gbp("40.00")}),
        ("/holds", taking("5.00")),
        ("/spends", taking("1.00", "maria")),
    ]
    outcomes = at_once([partial(Program(program.secret).post, *each) for each in asked])
    assert sorted(work.sizes) == [1, 5]
    assert [each.status_code for each in outcomes] == [200, 200, 200, 409, 201, 201]
    assert [each.json().get("state") for each in outcomes[:3]] == ["captured", "released", "captured"]
    assert outcomes[2].json()["captured"] == gbp("4.00")
    assert outcomes[3].json()["code"] == "amount_above_hold"
    assert (available("jo"), available("maria")) == (35_00, 35_00)
    assert verify().broken == []


def test_a_repetition_hears_what_the_first_request_did(program):
    first = program.post("/holds", taking("10.00"), key="h")
    told(program.post(f"/holds/{told(first, 201)['number']}/capture", {}))
    again = program.post("/holds", taking("10.00"), key="h")
    assert (again.status_code, again.content) == (201, first.content)
    assert again["Idempotency-Replayed"] == "true"
    assert available() == 40_00


@pytest.mark.parametrize(
    ("path", "body", "left"),
    [("capture", {}, 40_00), ("capture", {"amount": gbp("4.00")}, 46_00), ("release", {}, 50_00)],
)
def test_an_ending_is_repeated_and_refused_as_it_was_first(program, path, body, left):
    hold = held(program, "10.00")
    first = program.post(f"{hold}/{path}", body, key="k")
    again = program.post(f"{hold}/{path}", body, key="k")
    assert (told(first), again.status_code, again.content) == (first.json(), 200, first.content)
    assert (first.has_header("Idempotency-Replayed"), again["Idempotency-Replayed"]) == (False, "true")
    for other in ("capture", "release"):
        refused = program.post(f"{hold}/{other}", {}, key=other)
        assert told(refused, 409)["code"] == "hold_already_resolved"
        repeated = program.post(f"{hold}/{other}", {}, key=other)
        assert (repeated.status_code, repeated.content) == (409, refused.content)
    for other in (hold, held(program, "1.00")):
        reused = "release" if path == "capture" or other != hold else "capture"
        assert told(program.post(f"{other}/{reused}", {}, key="k"), 422)["code"] == "key_reused"
    assert available() == left - 1_00
    assert Answer.objects.filter(key="k").values_list("body", flat=True).get() == ""


def test_an_ending_that_is_left_alone_keeps_its_key_too(program, now):
    """It pays an order of this shop, or gives something back to credit that has expired meanwhile."""
    by: dict[str, Any] = {"actor": Actor.system("test"), "now": now}
    jo = Customer.objects.get(username="jo")
    for_order, expired = held(program, "10.00"), held(program, "10.00", "maria")
    lines = [orders.LineInput("CUP", "A cup", 1, 30_00)]
    orders.place(customer_id=jo.pk, currency="GBP", lines=lines, number="WEB-1", key="o", **by)
    Credit.objects.filter(customer__username="maria").update(expires_at=now)
    for place, path in enumerate([f"{for_order}/capture", f"{expired}/release"]):
        first, again = (program.post(path, {}, key=f"k{place}") for _ in range(2))
        assert (told(first), again.content) == (first.json(), first.content)
        assert again["Idempotency-Replayed"] == "true"
        assert Answer.objects.filter(key=f"k{place}").count() == 1
    assert orders_queries.by_number("WEB-1").credit_used_minor == 10_00
    assert (available("jo"), available("maria")) == (40_00, 10_00)


def test_who_never_heard_how_a_hold_ended_gets_it_by_asking_again(program, monkeypatch):
    hold = held(program, "10.00")

    def lost(*_: object) -> None:
        raise RuntimeError("the answer is lost")

    with monkeypatch.context() as broken:
        broken.setattr("tillbook.api.credits._told_hold", lost)
        assert told(program.post(f"{hold}/capture", {}, key="k"), 500)["code"] == "internal_error"
    assert available() == 40_00
    assert told(program.post(f"{hold}/capture", {}, key="k"))["state"] == "captured"
    assert Transfer.objects.filter(kind="capture").count() == 1


@pytest.mark.parametrize("path", ["/spends", "/holds"])
def test_a_key_stands_for_one_request(program, path):
    told(program.post(path, taking("10.00"), key="k"), 201)
    others: list[tuple[str, dict[str, Any]]] = [
        (path, taking("11.00")),
        (path, taking("10.00", "maria")),
        ("/credits", {"customer": "jo", "amount": gbp("10.00"), "reason": "goodwill"}),
    ]
    for other, body in others:
        assert told(program.post(other, body, key="k"), 422)["code"] == "key_reused"
    assert (available("jo"), available("maria")) == (40_00, 50_00)


def test_a_refusal_is_the_answer_to_its_key_for_good(program, now):
    first = program.post("/spends", taking("60.00"), key="k")
    assert told(first, 409)["code"] == "insufficient_credit"
    body = {"customer": "jo", "amount": gbp("20.00"), "reason": "deposit"}
    told(program.post("/credits", body), 201)
    again = program.post("/spends", taking("60.00"), key="k")
    assert (again.status_code, again.content) == (409, first.content)
    assert again["Idempotency-Replayed"] == "true"
    assert told(program.post("/spends", taking("60.00"), key="k2"), 201)


def test_who_never_heard_the_answer_gets_it_by_asking_again(program, monkeypatch):
    def lost(*_: object) -> None:
        raise RuntimeError("the answer is lost")

    with monkeypatch.context() as broken:
        broken.setattr("tillbook.api.credits.of_key", lost)
        assert told(program.post("/holds", taking("10.00"), key="h"), 500)["code"] == "internal_error"
    assert available() == 40_00
    answer = told(program.post("/holds", taking("10.00"), key="h"), 201)
    assert (answer["state"], available()) == ("held", 40_00)
    assert Transfer.objects.filter(kind="hold").count() == 1


@pytest.mark.parametrize(
    ("body", "code"), [(taking("10.00"), "key_in_use"), (taking("10.00", "maria"), "key_reused")]
)
def test_of_two_processes_under_one_key_only_one_moves_credit(program, monkeypatch, body, code):
    told(program.post("/spends", taking("10.00"), key="k"), 201)
    real = answers.first_answer
    looked: list[str] = []

    def as_if_the_other_was_not_there_yet(caller: str, key: str, content: str) -> answers.Answer | None:
        looked.append(key)
        return None if len(looked) == 1 else real(caller, key, content)

    # The service does not stop the second request: only the row that keeps the key does.
    monkeypatch.setattr("tillbook.api.keyed.service_key", lambda _request, key: f"other:{key}")
    monkeypatch.setattr(answers, "first_answer", as_if_the_other_was_not_there_yet)
    answer = program.post("/spends", body, key="k")
    assert told(answer, 409 if code == "key_in_use" else 422)["code"] == code
    assert (available("jo"), available("maria")) == (40_00, 50_00)


@pytest.mark.only_on("postgresql")  # SQLite lets one write at a time, whosever the book is
def test_a_customer_whose_book_is_kept_for_long_holds_up_nobody_else(program):
    kept, let_go = threading.Event(), threading.Event()

    def keep() -> None:
        with transaction.atomic():
            credit.lock(Customer.objects.get(username="jo").pk, "GBP")
            kept.set()
            assert let_go.wait(timeout=60)

    def others() -> list[int]:
        assert kept.wait(timeout=60)
        post = Program(program.secret).post
        statuses = [post("/spends", taking("1.00", "maria")).status_code for _ in range(3)]
        let_go.set()
        return statuses

    def wait() -> int:
        assert kept.wait(timeout=60)
        return Program(program.secret).post("/spends", taking("1.00")).status_code

    assert at_once([keep, wait, wait, others]) == [None, 201, 201, [201, 201, 201]]
    assert (available("jo"), available("maria")) == (48_00, 47_00)
