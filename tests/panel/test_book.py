"""The home page says how the book stands; the book's page says what each check found, to admins."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.test import Client

from tillbook.common.actor import Actor
from tillbook.customers.models import Customer
from tillbook.ledger import runs
from tillbook.ledger.models import Verification
from tillbook.ledger.verification import Proof


@pytest.fixture(autouse=True)
def open_shop(maria: Customer) -> None:
    """Home tells a shop without customers how to begin."""


def shown(client: Client, path: str) -> str:
    return " ".join(client.get(path).content.decode().split())


@pytest.fixture
def check(system_actor: Actor, now):
    def finish(*sentences: str, at=now) -> None:
        run = runs.begin(Verification.Depth.FULL, [], actor=system_actor, now=at)
        runs.finish(run, Proof(transfers=7, accounts=3), list(sentences), now=at)

    with time_machine.travel(now, tick=False):
        yield finish


def test_a_book_never_verified_says_so(as_staff: Client) -> None:
    assert "The book has never been verified." in shown(as_staff, "/")
    assert "No checks yet" in shown(as_staff, "/book/")


def test_a_good_check_is_one_calm_line(as_staff: Client, check) -> None:
    check()
    page = shown(as_staff, "/")
    assert "all 7 transfers agree" in page
    assert "notice" not in page.split("<main", 1)[1]


def test_a_check_older_than_two_days_says_so(as_staff: Client, check, now) -> None:
    check(at=now - timedelta(days=2, seconds=1))
    assert "more than two days ago. All agreed then." in shown(as_staff, "/")


def test_what_was_found_is_for_admins(as_staff: Client, as_admin: Client, check) -> None:
    check("customer jo, CR-1001, transfer 2 was changed")
    for client in (as_staff, as_admin):
        assert "found rows of the book that do not agree" in shown(client, "/")
    assert "CR-1001" not in shown(as_staff, "/book/")
    assert "customer jo, CR-1001, transfer 2 was changed" in shown(as_admin, "/book/")


def test_a_check_under_way_does_not_hide_the_last_result(as_staff: Client, check, system_actor, now) -> None:
    check()
    runs.begin(Verification.Depth.FULL, [], actor=system_actor, now=now)
    assert "all 7 transfers agree" in shown(as_staff, "/")
    assert "Not finished" in shown(as_staff, "/book/")
