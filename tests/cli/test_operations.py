"""All that the API does, by commands: the same operations, rules, keys and answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from django.utils import timezone

from tests.api.conftest import Program
from tillbook.api.urls import api
from tillbook.cli import operations
from tillbook.cli.main import assembled
from tillbook.common.actor import Actor, Scope
from tillbook.customers import services as customers
from tillbook.staff import keys
from tillbook.staff.models import User

SLICE = Path(__file__).parents[2] / "examples" / "online-retail-slice.csv"

Run = Callable[..., tuple[int, str, str]]  # exit code, standard output, standard error


@pytest.fixture
def customer(db: None, system_actor, now):
    return customers.add(
        username="jo", kind="customer", first_name="Jo", last_name="Day", company="", email="", phone="",
        postal_address="", country="", currency="AUD", credit_limit_minor=None, on_credit_hold=False,
        actor=system_actor, now=now,
    )  # fmt: skip


@pytest.fixture
def told(run: Run) -> Callable[..., Any]:
    """What a command that must not fail answers, from JSON."""

    def _told(*arguments: str) -> Any:
        code, shown, wrong = run(*arguments, "--json")
        assert (code, wrong) == (0, "")
        return json.loads(shown)

    return _told


def give(*more: str) -> list[str]:
    return ["credit", "give", "--customer", "jo", "--amount", "12.34 AUD", "--reason", "goodwill", *more]


def commands() -> dict[str, Any]:
    """All commands of the program: "credit give" -> it."""
    found = {}
    for noun, group in typer.main.get_command(assembled()).commands.items():
        for verb, command in getattr(group, "commands", {}).items():
            found[f"{noun} {verb}"] = command
    return found


def test_each_operation_of_the_api_has_a_command_of_its_own():
    described = api.get_openapi_schema(path_prefix="")["paths"].values()
    names = {operation["operationId"] for methods in described for operation in methods.values()}
    assert set(operations.operations) == names
    places = {" ".join(operations.place(each)) for each in operations.operations.values()}
    assert len(places) == len(names) > 50
    assert places <= set(commands())


def test_no_command_has_two_parameters_that_are_written_alike():
    for name, command in commands().items():
        written = [each for param in command.params for each in [*param.opts, *param.secondary_opts]]
        assert len(written) == len(set(written)), name


def test_a_shop_s_day(db: None, run: Run, told: Callable[..., Any], tmp_path: Path):
    for name, role in [("sue", "staff"), ("ann", "admin")]:
        assert told("user", "add", name, "--role", role)["role"] == role
    assert told("customer", "add", "jo", "--first-name", "Jo", "--currency", "AUD")["first_name"] == "Jo"
    given = told(*give())
    assert given["available"] == {"amount": "12.34", "currency": "AUD"}
    line = "sku=LAMP,description=Lamp, red,quantity=2,amount=30.00 AUD"
    placed = told("order", "place", "--customer", "jo", "--number", "WEB-7", "--line", line)
    assert (placed["lines"][0]["description"], placed["lines"][0]["quantity"]) == ("Lamp, red", 2)
    spent = told("credit", "spend", "--customer", "jo", "--amount", "10.00 AUD", "--reference", "WEB-7")
    assert [each["credit"] for each in spent["credits"]] == [given["number"]]

    told("payment", "receive", "WEB-7", "--amount", "40.00 AUD", "--method", "card")
    order = told("order", "show", "WEB-7")
    assert (order["paid_status"], order["overpaid"]["amount"]) == ("over_paid", "20.00")
    rma = told(
        "rma",
        "open",
        "--customer",
        "jo",
        "--order",
        "WEB-7",
        "--line",
        "sku=LAMP,quantity=1",
        "--reason",
        "faulty",
    )
    assert told("rma", "close", rma["number"])["credits"][0]["amount"]["amount"] == "15.00"
    assert told("balance", "show", "jo")["balances"][0]["available"]["amount"] == "37.34"

    asked = [
        "refund", "request", "--customer", "jo", "--amount", "30.00 AUD", "--method", "bank_transfer",
        "--payee-name", "Jo Day", "--payee-bank-account", "062-000 12345678", "--payment-date", f"{timezone.now():%Y-%m-%d}",
    ]  # fmt: skip
    refund = told(*asked, "--by", "sue")
    assert (refund["requested_by"], refund["payee"]["name"]) == ("sue", "Jo Day")
    number = refund["number"]
    by_sue = ["refund", "list", "--requested-by", "sue", "--amount-from", "30", "--currency", "AUD"]
    assert [each["number"] for each in told(*by_sue)["items"]] == [number]
    assert told(*by_sue, "--requested-to", "2026-01-01")["items"] == []
    code, shown, wrong = run("refund", "complete", number, "--by", "sue")
    assert (code, shown, wrong) == (1, "", "Your role (staff) may not complete and decline refunds.\n")
    assert told("refund", "complete", number, "--by", "ann")["resolved_by"] == "ann"
    slip = tmp_path / "slip.pdf"
    assert run("slip", "show", number, "--output", str(slip)) == (0, "", "")
    assert slip.read_bytes().startswith(b"%PDF-")
    assert [each["action"] for each in told("event", "list", "--subject", number)["items"]] == [
        "refund.completed", "refund.requested",
    ]  # fmt: skip


def test_a_hold_is_captured_in_part_and_a_credit_reversed(customer, told: Callable[..., Any]):
    given = told(*give())["number"]
    chosen = f"credit={given},amount=5.00 AUD"
    held = told(
        "credit", "hold", "--customer", "jo", "--amount", "5 AUD", "--reference", "TILL-1", "--credit", chosen
    )
    captured = told("hold", "capture", held["number"], "--amount", "2.00 AUD")
    assert (captured["state"], captured["captured"]["amount"]) == ("captured", "2.00")
    other = json.dumps({"credit": given, "amount": {"amount": "1.00", "currency": "AUD"}})
    more = told(
        "credit", "hold", "--customer", "jo", "--amount", "1 AUD", "--reference", "TILL-2", "--credit", other
    )
    assert told("hold", "release", more["number"])["state"] == "released"
    second = told(*give())["number"]
    assert told("credit", "reverse", second, "--reason", "duplicate")["kind"] == "reversal"


def test_json_is_what_the_api_answers(customer, run: Run, system_actor: Actor, now):
    number = json.loads(run(*give("--json"))[1])["number"]
    run(*give())
    owner = User.objects.create(username="p", role="admin", created_at=now)
    _, secret = keys.add_key(owner=owner, name="p", scopes=[Scope.ADMIN], actor=system_actor, now=now)
    program = Program(secret)
    for path, *words in [
        (f"/credits/{number}", "credit", "show", number),
        ("/credits?customer=jo&limit=1", "credit", "list", "--customer", "jo", "--limit", "1"),
        ("/customers/jo", "customer", "show", "jo"),
        ("/customers/jo/balances", "balance", "show", "jo"),
        ("/transfers?customer=jo", "transfer", "list", "--customer", "jo"),
        ("/events", "event", "list"),
    ]:
        code, shown, _ = run(*words, "--json")
        assert (code, shown) == (0, program.get(path).content.decode() + "\n")
    code, shown, wrong = run("credit", "show", "CR-1", "--json")
    assert (code, shown, wrong) == (1, "", program.get("/credits/CR-1").content.decode() + "\n")


def test_the_same_key_moves_once_and_is_answered_the_same(customer, run: Run, told: Callable[..., Any]):
    first, again = (run(*give("--key", "once", "--json")) for _ in range(2))
    assert first == again
    assert first[0] == 0
    assert len(told("credit", "list", "--customer", "jo")["items"]) == 1
    code, _, wrong = run(*give("--key", "once", "--note", "other"))
    assert (code, len(wrong.splitlines())) == (1, 1)
    assert "was already used" in wrong
    assert told(*give("--key", "two"))["number"] != json.loads(first[1])["number"]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["credit", "give", "--customer", "jo", "--reason", "goodwill", "--amount", "12.34"], "--amount: Write an amount"),
        (["credit", "give", "--customer", "jo", "--reason", "goodwill", "--amount", "1 aud"], "--amount: "),
        (give("--expires-at", "soon"), "--expires-at: Write a moment"),
        (["order", "place", "--customer", "jo", "--line", "sku=A,quantity=x,amount=1 AUD"], "--line, 0, quantity: "),
        (["order", "place", "--customer", "jo", "--line", "sku=A,amuont=1 AUD,quantity=1"], "--line, 0, amount: "),
        (["order", "place", "--customer", "jo", "--line", "A"], "--line: Write sku=…"),
        (["order", "place", "--customer", "jo", "--line", "{"], "--line: "),
        (["credit", "list", "--customer", "jo", "--limit", "0"], "--limit: "),
        (["verification", "show", "0"], "NUMBER: "),
    ],
)  # fmt: skip
def test_what_is_written_wrong_is_one_line_that_names_the_option(customer, run: Run, words, named):
    code, shown, wrong = run(*words)
    assert (code, shown, len(wrong.splitlines())) == (2, "", 1)
    assert wrong.startswith(named)


@pytest.mark.parametrize("words", [["credit", "give"], ["credit", "show"], ["credit", "vanish"]])
def test_wrong_usage_is_exit_code_2(customer, run: Run, words):
    code, shown, wrong = run(*words)
    assert (code, shown) == (2, "")
    assert "Usage:" in wrong


def test_nobody_acts_as_a_user_who_is_not_there_or_has_left(customer, run: Run, staff_actor):
    assert run(*give("--by", "nobody")) == (1, "", "There is no user 'nobody'.\n")
    User.objects.update(is_active=False)
    assert run(*give("--by", "staff")) == (1, "", "staff can't log in any more.\n")
    assert json.loads(run("credit", "list", "--customer", "jo", "--json")[1])["items"] == []


def test_a_change_sets_what_it_names_and_none_ends_a_limit(customer, told: Callable[..., Any]):
    changed = told("customer", "change", "jo", "--credit-limit", "50.00 AUD", "--on-credit-hold")
    assert (changed["credit_limit"]["amount"], changed["on_credit_hold"]) == ("50.00", True)
    changed = told("customer", "change", "jo", "--credit-limit", "none", "--no-on-credit-hold")
    assert (changed["credit_limit"], changed["on_credit_hold"], changed["first_name"]) == (None, False, "Jo")


def test_a_list_is_a_table_and_can_be_read_to_its_end(customer, run: Run):
    for amount in ("1.00 AUD", "100.00 AUD", "20.00 AUD"):
        assert run("credit", "give", "--customer", "jo", "--amount", amount, "--reason", "goodwill")[0] == 0
    code, shown, said = run("credit", "list", "--customer", "jo", "--limit", "2")
    assert (code, len(shown.splitlines())) == (0, 3)
    assert said.startswith("There are more: --cursor CR-")
    code, shown, said = run("credit", "list", "--customer", "jo", "--limit", "2", "--all")
    head, *rows = shown.splitlines()
    assert (code, said, len(rows)) == (0, "", 3)
    end = head.index("issued") + len("issued")
    assert [row[:end].split("  ")[-1].strip() for row in rows] == ["20.00 AUD", "100.00 AUD", "1.00 AUD"]
    code, shown, said = run("credit", "list", "--customer", "jo", "--limit", "1", "--all", "--json")
    assert [json.loads(line)["issued"]["amount"] for line in shown.splitlines()] == [
        "20.00",
        "100.00",
        "1.00",
    ]


def test_a_batch_reads_json_or_lines_and_says_what_was_refused(customer, run: Run, tmp_path: Path):
    money = {"amount": "1.00", "currency": "AUD"}
    items = [
        {"key": "a", "customer": "jo", "amount": money, "reason": "goodwill"},
        {"key": "b", "customer": "nobody", "amount": money, "reason": "goodwill"},
    ]
    lines = tmp_path / "lines.jsonl"
    lines.write_text("".join(json.dumps(each) + "\n" for each in items))
    code, shown, wrong = run("credit", "give-many", str(lines), "--json")
    assert (code, wrong) == (1, "1 of 2 refused.\n")
    outcomes = json.loads(shown)["outcomes"]
    assert [each["status"] for each in outcomes] == [201, 404]
    for text in (json.dumps(items[:1]), json.dumps({"items": items[:1]}), json.dumps(items[0])):
        code, shown, wrong = run("credit", "give-many", "-", "--json", stdin=text)
        assert (code, json.loads(shown)["outcomes"], wrong) == (0, outcomes[:1], "")
    assert run("credit", "give-many", "-", stdin="{}\n{")[0] == 1
    code, _, wrong = run("credit", "give-many", "-", stdin="[" * 100_000)
    assert (code, "nested too deeply" in wrong) == (1, True)
    code, _, wrong = run("credit", "give-many", "-", stdin='[{"key": "a"}]')
    assert (code, wrong) == (2, "items.0.customer: Field required\n")


def test_a_check_of_the_book_runs_to_its_end(run_process: Run):
    assert run_process("migrate", "--json")[0] == 0
    code, shown, _ = run_process("verification", "start", "--depth", "sums", "--json")
    assert code == 0
    number = str(json.loads(shown)["number"])
    assert json.loads(run_process("verification", "show", number, "--json")[1])["state"] == "agrees"


def test_what_is_not_utf_8_is_one_line(run_process: Run):
    code, shown, wrong = run_process("order", "show", "\udcff")
    assert (code, shown, len(wrong.splitlines())) == (2, "", 1)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_get_a_script_that_completes(run_process: Run, shell: str):
    code, script, wrong = run_process(_TILLBOOK_COMPLETE=f"source_{shell}")
    assert (code, wrong) == (0, "")
    assert f"_TILLBOOK_COMPLETE=complete_{shell}" in script


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("tillbook cred", {"credit"}),
        ("tillbook credit gi", {"give", "give-many"}),
        ("tillbook credit give --pub", {"--public-note"}),
        ("tillbook refund list --status ", {"requested", "approved", "completed", "declined", "failed"}),
    ],
)
def test_nouns_verbs_options_and_choices_are_completed(run_process: Run, line: str, offered: set[str]):
    words = {"COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    code, shown, _ = run_process(_TILLBOOK_COMPLETE="complete_bash", **words)
    assert (code, set(shown.split())) == (0, offered)


def test_a_command_that_is_not_of_the_api_does_not_wait_for_it(tmp_path: Path):
    look = "import atexit, sys; atexit.register(lambda: print('ninja' in sys.modules)); "
    ours = {
        name: value for name, value in os.environ.items() if not name.startswith(("TILLBOOK_", "DJANGO_"))
    }
    for words, imported in [(["migrate"], "False"), (["credit", "--help"], "True")]:
        done = subprocess.run(
            [sys.executable, "-c", look + "from tillbook.cli.main import app; app()", *words],
            env=ours | {"TILLBOOK_DATA_DIR": str(tmp_path)}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout.splitlines()[-1] == imported


def test_keys_are_listed_and_ended_as_json(db: None, told: Callable[..., Any], admin_actor):
    made = told("key", "add", "till", "--owner", "admin", "--scope", "read")
    assert made["secret"].startswith(made["prefix"])
    [listed] = told("key", "list")
    assert (listed["name"], listed["scopes"], listed["revoked_at"]) == ("till", ["read"], None)
    assert told("key", "revoke", made["prefix"])["revoked_at"] is not None
    assert told("expire") == {"expired": 0, "announced": 0}
    assert told("deliver", "--once") == {"sent": 0}


def test_an_import_tells_its_figures_as_json(db: None, told: Callable[..., Any], tmp_path: Path):
    head, *rows = SLICE.read_text(encoding="utf-8").splitlines(keepends=True)
    few = tmp_path / "few.csv"
    few.write_text(head + "".join(rows[:40]), encoding="utf-8")
    first, again = (told("import", "online-retail", str(few)) for _ in range(2))
    assert first["rows"] == again["rows"] == again["rows_here_already"] + again["rows_left_out"] == 40
    assert first["orders"] == again["orders_here_already"] != again["orders"]
    assert first["orders"]["total_minor"] > 0
