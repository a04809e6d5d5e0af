"""What the command line says no to: the option that is meant is named, and nothing has happened."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.db import OperationalError, ProgrammingError

from tillbook.cli.main import _hint
from tillbook.cli.output import counted, named
from tillbook.common.actor import Actor
from tillbook.customers import services as customers
from tillbook.customers.models import Customer
from tillbook.events.models import Event

Run = Callable[..., tuple[int, str, str]]  # exit code, standard output, standard error

GIVE = ["credit", "give", "--customer", "jo", "--reason", "goodwill"]
ASK = ["refund", "request", "--customer", "jo", "--method", "bank_transfer", "--payment-date", "2036-10-31"]


@pytest.fixture(autouse=True)
def jo(db: None, system_actor: Actor, now: datetime) -> Customer:
    return customers.add(username="jo", currency="GBP", actor=system_actor, now=now)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["customer", "add", "eve", "--currency", "GBP", "--credit-limit", "10.00 AUD"],
         "--credit-limit: This must be in GBP."),
        ([*GIVE, "--amount", "5.001 AUD"], "--amount: AUD has 2 decimal places. Write it like 12.34."),
        ([*GIVE, "--amount", "5.00 QQQ"],
         "--amount: 'QQQ' is not a currency. Use a three-letter ISO 4217 code such as AUD."),
        (["credit", "spend", "--customer", "jo", "--amount", "1.00 GBP", "--reference", "X"],
         "--amount: Only 0.00 GBP is available."),
        (["credit", "give", "--customer", "bob", "--reason", "goodwill", "--amount", "1.00 GBP"],
         "--customer: There is no customer 'bob'."),
        ([*ASK, "--amount", "1.00 GBP", "--payee-name", "Jo"], "--payee-bank-account: Enter the payee's bank account: branch code and account number, or an IBAN."),
        (["customer", "add", "jo"], "The username 'jo' is taken. Choose another."),  # the line is about it
        (["customer", "show", "bob"], "There is no customer 'bob'."),
    ],
)  # fmt: skip
def test_a_refusal_names_the_option_that_it_is_about(run: Run, words: list[str], says: str) -> None:
    before = Event.objects.count()
    assert run(*words) == (1, "", says + "\n")
    assert (Event.objects.count(), Customer.objects.count()) == (before, 1)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([*GIVE, "--amount", "5,00 AUD"],
         "--amount: Write an amount without a sign, with a point, like 12.34."),
        ([*GIVE, "--amount", "5.00 aud"], "--amount: Write a three-letter currency code, like AUD."),
        (["order", "place", "--customer", "jo", "--line", '{"sku": "B", "quantity": 1'],
         ("--line: This is no JSON: Expecting ',' delimiter: line 1 column 27 (char 26). "
          "Write it whole, or sku=…,[description=…],quantity=…,amount=….")),
        (["customer", "recalculate", "jo"], "Give --repair or --no-repair."),
        (["refund", "end", "RF-1002", "--reason", "seen"], "Give --paid or --no-paid."),
    ],
)  # fmt: skip
def test_what_is_written_wrong_is_told_how_to_write_it(run: Run, words: list[str], says: str) -> None:
    before = Event.objects.count()
    assert run(*words) == (2, "", says + "\n")
    assert Event.objects.count() == before


def test_a_refusal_in_json_is_the_api_s_own(run: Run) -> None:
    code, _, wrong = run(*GIVE, "--amount", "5.001 AUD", "--json")
    problem = json.loads(wrong)
    assert (code, problem["detail"]) == (1, "AUD has 2 decimal places. Write it like 12.34.")
    assert problem["errors"][0]["pointer"] == "#/amount"


@pytest.mark.parametrize(
    ("option", "message", "shown"),
    [
        ("--amount", "Only 1.00 GBP is available.", "--amount: Only 1.00 GBP is available."),
        ("--as-of", "As of: write a date.", "--as-of: write a date."),
        ("--as-of", "As of can't lie in the future.", "As of can't lie in the future."),
        ("--line", "Line 2: There is no such line.", "Line 2: There is no such line."),
        ("--to", "Too much.", "--to: Too much."),
        ("--line", "--line is too long.", "--line is too long."),
    ],
)
def test_an_option_is_named_once(option: str, message: str, shown: str) -> None:
    assert named(option, message) == shown


def test_one_is_no_plural() -> None:
    assert [counted(count, "credit") for count in (0, 1, 2)] == ["0 credits", "1 credit", "2 credits"]


def test_a_file_that_is_not_there_is_said_in_words(run: Run) -> None:
    says = "nofile.jsonl can't be read: No such file or directory.\n"
    assert run("credit", "give-many", "nofile.jsonl") == (1, "", says)


@pytest.mark.parametrize(
    ("error", "asks"),
    [
        (OperationalError("no such table: ledger_transfer"), True),
        (ProgrammingError('relation "ledger_transfer" does not exist'), True),
        (OperationalError("database or disk is full"), False),
        (OperationalError("attempt to write a readonly database"), False),
    ],
)
def test_migrating_is_asked_for_where_a_table_is_missing_and_nowhere_else(error: Any, asks: bool) -> None:
    assert ("tillbook migrate" in _hint(error)) == asks
