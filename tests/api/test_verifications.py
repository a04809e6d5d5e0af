"""A check of the book over the API: a process beside the server does it."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest
from django.db import connection

from tests.api.conftest import Program
from tests.beside import process_of
from tests.ledger.test_sums import make_book
from tests.ledger.test_tampering import drop_triggers
from tillbook.api import background
from tillbook.common import beside
from tillbook.common.actor import Actor, Role, Scope
from tillbook.ledger import runs
from tillbook.ledger.models import Verification
from tillbook.ledger.verification import Proof
from tillbook.staff import services as staff


@pytest.fixture
def book(own_database, beside_the_server, now) -> None:
    make_book(now)


@pytest.fixture
def admin(book, system_actor: Actor, now) -> Actor:
    user = staff.add_user(
        username="ann", role=Role.ADMIN, password="correct horse battery", actor=system_actor, now=now
    )
    return user.as_actor("test")


@pytest.fixture
def clerk(book, system_actor: Actor, now) -> Actor:
    user = staff.add_user(
        username="cy", role=Role.STAFF, password="correct horse battery", actor=system_actor, now=now
    )
    return user.as_actor("test")


def ended(program: Program, number: int) -> dict:
    for _ in range(1800):
        told = json.loads(program.get(f"/verifications/{number}").content)
        if told["state"] != "running":
            return told
        time.sleep(0.1)
    raise AssertionError("The check did not end.")


def refused(answer) -> tuple[int, str]:
    assert answer["Content-Type"] == "application/problem+json"
    return answer.status_code, json.loads(answer.content)["code"]


@pytest.mark.parametrize("depth", ["sums", "full"])
def test_a_check_is_started_and_its_result_is_told(new_program, admin, depth):
    program = new_program(admin)
    answer = program.post("/verifications", {"depth": depth}, key="v")
    begun = json.loads(answer.content)
    assert (answer.status_code, begun["state"], begun["depth"]) == (202, "running", depth)
    assert (begun["started_by"], begun["parts_done"]) == ("ann (api 127.0.0.1)", 0)
    assert program.post("/verifications", {"depth": depth}, key="v").content == answer.content
    told = ended(program, begun["number"])
    assert (told["state"], told["transfers"], told["credits"]) == ("agrees", 18, 4)
    assert (told["broken"], told["found"]) == (0, [])
    assert told["parts"] == told["parts_done"] == 2
    assert Verification.objects.count() == 1


def test_what_does_not_agree_is_told_to_those_who_may_read_it(new_program, admin, clerk):
    drop_triggers()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE ledger_balance SET available_minor = available_minor + 1")
        wrong = cursor.rowcount
    program, reader = new_program(admin), new_program(clerk, *Scope)
    number = json.loads(program.post("/verifications", {"depth": "sums"}).content)["number"]
    told = ended(program, number)
    assert (told["state"], told["broken"], len(told["found"])) == ("broken", wrong, wrong)
    assert "projection that its transfers do not give" in told["found"][0]
    shown = json.loads(reader.get(f"/verifications/{number}").content)
    assert (shown["state"], shown["broken"], shown["found"]) == ("broken", None, None)


def test_one_check_runs_at_a_time(new_program, admin, monkeypatch):
    monkeypatch.setattr(beside, "_RUN", "import sys; sys.stdin.read()")  # one that goes on
    program = new_program(admin)
    first = json.loads(program.post("/verifications", {"depth": "sums"}).content)
    assert refused(program.post("/verifications", {"depth": "full"})) == (409, "verification_running")
    assert Verification.objects.count() == 1
    process = process_of(background._place)
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(timeout=30) == 0
    assert json.loads(program.get(f"/verifications/{first['number']}").content)["state"] == "unfinished"
    monkeypatch.undo()


def test_a_check_that_was_killed_before_it_was_divided_is_resumed_in_full(new_program, admin, monkeypatch):
    monkeypatch.setattr(beside, "_RUN", "import sys; sys.stdin.read()")
    program = new_program(admin)
    number = json.loads(program.post("/verifications", {"depth": "full"}).content)["number"]
    process = process_of(background._place)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(timeout=30)
    run = runs.interrupted(Verification.Depth.FULL)
    assert (run.pk, run.ranges) == (number, [])
    from tillbook.api.work import check

    check(run)
    told = json.loads(program.get(f"/verifications/{number}").content)
    assert (told["state"], told["transfers"]) == ("agrees", 18)


def test_only_who_may_read_what_is_found_starts_a_check(new_program, clerk, admin):
    for program in (new_program(clerk, *Scope), new_program(admin, Scope.READ, Scope.CREDIT)):
        assert refused(program.post("/verifications", {"depth": "sums"})) == (403, "permission_denied")
    assert refused(program.post("/verifications", {"depth": "deep"})) == (422, "invalid_input")
    assert (Verification.objects.count(), background._place.is_taken()) == (0, False)


def test_checks_are_listed_the_newest_first(new_program, admin, now):
    program = new_program(admin)
    first, second, third = (
        runs.begin(Verification.Depth.SUMS, [], actor=admin, now=now).pk for _ in range(3)
    )
    runs.finish(runs.by_id(second), Proof(transfers=7, accounts=3), [], now=now)

    def listed(**parameters):
        answer = json.loads(program.get("/verifications", **parameters).content)
        return [(each["number"], each["state"]) for each in answer["items"]], answer["next_cursor"]

    assert listed(limit=2) == ([(third, "unfinished"), (second, "agrees")], str(second))
    assert listed(limit=2, cursor=second) == ([(first, "unfinished")], None)
    assert refused(program.get(f"/verifications/{third + 1}")) == (404, "verification_not_found")
    assert refused(program.get("/verifications/0")) == (422, "invalid_input")
    assert refused(program.get("/verifications/x")) == (422, "invalid_input")
