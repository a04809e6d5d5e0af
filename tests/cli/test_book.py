"""The commands about the book: verify, recalculate, expire, import."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tillbook.cli import book
from tillbook.common.actor import Actor
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.credit import wording
from tillbook.credit.models import Credit, GiveReason
from tillbook.customers import services as customers
from tillbook.customers.models import Customer
from tillbook.events.models import Event
from tillbook.ledger.models import Balance, Transfer

Run = Callable[..., tuple[int, str, str]]

SLICE = Path(__file__).parents[2] / "examples" / "online-retail-slice.csv"


@pytest.fixture
def given(db: None, now) -> Credit:
    """Jo's 50.00 GBP, of which 20.00 are spent; it expired yesterday."""
    by = {"actor": Actor.system("test"), "now": timezone.now() - timedelta(days=9)}
    customer = customers.add(username="jo", currency="GBP", **by)
    made = credit.give(
        customer_id=customer.pk, amount=Money(5000, "GBP"), reason=GiveReason.DEPOSIT, refundable=True,
        expires_at=timezone.now() - timedelta(days=1), key="g", **by,
    )  # fmt: skip
    credit.spend(customer_id=customer.pk, amount=Money(2000, "GBP"), reference="N1", key="s", **by)
    return made


def alter(statement: str) -> None:
    """Change the book behind the program's back."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ALTER TABLE ledger_transfer DISABLE TRIGGER USER")
        else:
            cursor.execute("DROP TRIGGER ledger_transfer_no_update")
            cursor.execute("DROP TRIGGER ledger_transfer_no_delete")
        cursor.execute(statement)


def test_verify_says_what_it_checked(run: Run, given: Credit) -> None:
    assert run("verify") == (
        0,
        "30.00 GBP available, 0.00 GBP held.\n2 transfers of 1 credit and 1 balance checked: all agree.\n",
        "",
    )


def test_verify_of_an_empty_book_agrees(run: Run, db: None) -> None:
    assert run("verify") == (0, "0 transfers of 0 credits and 0 balances checked: all agree.\n", "")


def test_verify_names_the_first_broken_row_of_each_account(run: Run, given: Credit) -> None:
    alter("UPDATE ledger_transfer SET amount_minor = 1000 WHERE key = 's'")
    code, shown, wrong = run("verify")
    assert (code, wrong) == (1, "")
    lines = shown.splitlines()
    assert lines[0] == (f"customer jo, {given.number}, transfer 2 was changed: its digest does not follow")
    assert lines[-1].endswith("2 broken.")


def when(at: datetime) -> str:
    """A moment as the command writes it."""
    return f"{at.astimezone(ZoneInfo('Europe/London')):%-d %b %Y, %H:%M}"


def told(given: Credit, done: str) -> list[str]:
    """How `recalculate` explains that Jo's available figure says 0.01 GBP."""
    at = when(given.issued_at)
    return [
        f"jo: available was 0.01 GBP, the history gives 30.00 GBP: {done}",
        "  No state of the history gives this figure: it was written from outside the application, or by a repair.",
        f"  Newest entry: {given.number} transfer 2, spent 20.00 GBP for N1, by system, {at}",
        f"  It happened after {at}, when the first entry was recorded, and before {when(timezone.now())}.",
        wording.CAUSES,
        "6 figures of 1 customer compared, 1 differed.",
    ]


@time_machine.travel("2026-03-02 10:30Z", tick=False)
def test_recalculate_explains_and_repairs_each_difference(run: Run, given: Credit) -> None:
    Balance.objects.update(available_minor=1)
    code, shown, wrong = run("recalculate", "jo")
    assert (code, shown.splitlines(), wrong) == (0, told(given, "repaired"), "")
    assert Balance.objects.get().available_minor == 3000
    code, shown, _ = run("recalculate", "--all")
    assert (code, shown) == (0, "6 figures of 1 customer compared, 0 differed.\n")


@time_machine.travel("2026-03-02 10:30Z", tick=False)
def test_a_dry_run_of_recalculate_explains_each_difference_and_repairs_nothing(
    run: Run, given: Credit
) -> None:
    Balance.objects.update(available_minor=1)
    for whom in ("jo", "--all"):
        code, shown, _ = run("recalculate", whom, "--dry-run")
        assert (code, shown.splitlines()) == (0, told(given, "not repaired"))
    assert Balance.objects.get().available_minor == 1
    assert not Event.objects.filter(action="customer.recalculated").exists()


def test_recalculate_as_json_is_a_document(run: Run, given: Credit) -> None:
    Balance.objects.update(available_minor=5000)
    code, shown, _ = run("recalculate", "jo", "--json")
    result = json.loads(shown)
    [difference] = result.pop("differences")
    assert (code, result) == (0, {"customer": "jo", "compared": 6, "repaired": True, "broken": []})
    why = difference.pop("explanation")
    assert difference == {
        "entry": "", "figure": "available", "stored": {"minor": 5000, "currency": "GBP"},
        "derived": {"minor": 3000, "currency": "GBP"},
    }  # fmt: skip
    assert (why["verdict"], why["missed"]) == ("misses", 1)
    assert (why["agrees"]["entry"], why["agrees"]["seq"]) == (given.number, 1)
    parting = why["parting"]
    assert (parting["seq"], parting["kind"], parting["what"]) == (2, "post", "spent")
    assert (parting["reference"], parting["key"], parting["who"]) == ("N1", "s", "system")
    assert why["since"] == {"at": parting["at"], "by": "parting"}
    code, shown, _ = run("recalculate", "jo", "--json")
    assert json.loads(shown) == {
        "customer": "jo", "compared": 6, "repaired": False, "differences": [], "broken": []
    }  # fmt: skip


def test_recalculate_of_all_as_json_is_a_line_for_each_who_differs_and_one_for_all(
    run: Run, given: Credit
) -> None:
    for name in ("al", "bo"):
        customers.add(username=name, currency="GBP", actor=Actor.system("test"), now=timezone.now())
    Balance.objects.update(available_minor=1)
    code, shown, _ = run("recalculate", "--all", "--dry-run", "--json")
    first, last = map(json.loads, shown.splitlines())
    assert (code, first["customer"], first["repaired"], len(first["differences"])) == (0, "jo", False, 1)
    assert last == {"customers": 3, "compared": 6, "differed": 1, "repaired": 0, "broken": 0}


def test_recalculate_of_all_locks_only_who_differs_and_names_each_in_order(
    run: Run, given: Credit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book, "_AT_ONCE", 3)
    by = {"actor": Actor.system("test"), "now": timezone.now()}
    for name in ("al", "bo", "cy"):
        made = customers.add(username=name, currency="GBP", **by)
        credit.give(
            customer_id=made.pk, amount=Money(700, "GBP"), reason=GiveReason.DEPOSIT, refundable=True,
            expires_at=None, key="g", **by,
        )  # fmt: skip
    wrong = Customer.objects.filter(username__in=("jo", "bo"))
    Balance.objects.filter(customer_id__in=wrong.values("pk")).update(held_minor=1)
    with CaptureQueriesContext(connection) as queries:
        code, shown, _ = run("recalculate", "--all", "--json")
    lines = [json.loads(each) for each in shown.splitlines()]
    assert [each.get("customer") for each in lines] == ["jo", "bo", None]
    assert (code, lines[-1]) == (
        0, {"customers": 4, "compared": 24, "differed": 2, "repaired": 2, "broken": 0}
    )  # fmt: skip
    begun = [query["sql"] for query in queries if query["sql"].startswith("SAVEPOINT")]
    assert len(begun) == 4  # for each who differs one of orders and one of credit
    assert set(Balance.objects.values_list("held_minor", flat=True)) == {0}


def test_recalculate_as_json_of_a_broken_history_says_where_and_ends_with_1(run: Run, given: Credit) -> None:
    alter("UPDATE ledger_transfer SET amount_minor = 1000 WHERE key = 's'")
    for whom in ("jo", "--all"):
        code, shown, _ = run("recalculate", whom, "--json")
        result = json.loads(shown.splitlines()[0])
        assert (code, result["repaired"]) == (1, False)
        [broken] = result["broken"]
        assert (broken["entry"], broken["seq"]) == (given.number, 2)
        assert (broken["sound"]["seq"], broken["sound"]["who"], broken["following"]) == (1, "system", None)
        assert {each["explanation"]["verdict"] for each in result["differences"]} == {"broken"}
    assert json.loads(shown.splitlines()[-1])["broken"] == 1


def test_recalculate_repairs_nothing_where_the_history_is_broken(run: Run, given: Credit) -> None:
    alter("UPDATE ledger_transfer SET reference = 'N2' WHERE key = 's'")
    Balance.objects.update(available_minor=1)
    code, shown, _ = run("recalculate", "jo")
    assert code == 1
    assert "available was 0.01 GBP, the history gives 30.00 GBP: not repaired" in shown
    assert f"jo: {given.number}, transfer 2 was changed: its digest does not follow" in shown
    assert f"  Last sound: {given.number} transfer 1, issued 50.00 GBP (key g), by system, " in shown
    for advice in wording.ADVICE:
        assert f"- {advice}\n" in shown
    assert Balance.objects.get().available_minor == 1


@pytest.mark.parametrize(
    ("arguments", "exit_code", "says"),
    [
        ([], 2, "Name one customer, or give --all."),
        (["jo", "--all"], 2, "Name one customer, or give --all."),
        (["nobody"], 1, "There is no customer 'nobody'."),
    ],
)
def test_recalculate_of_nobody_is_one_line(
    run: Run, given: Credit, arguments: list[str], exit_code: int, says: str
) -> None:
    assert run("recalculate", *arguments) == (exit_code, "", says + "\n")
    assert not Event.objects.filter(action="customer.recalculated").exists()


def test_expire_takes_what_is_left_of_credit_whose_time_is_over(run: Run, given: Credit) -> None:
    assert run("expire") == (0, "1 credit expired.\n", "")
    assert run("expire") == (0, "0 credits expired.\n", "")
    last = Transfer.objects.order_by("seq").last()
    assert (last.amount_minor, last.house, last.effective_at) == (3000, "breakage", given.expires_at)


def test_import_reports_what_was_taken_and_left_out(run: Run, db: None) -> None:
    code, shown, _ = run("import", "online-retail", str(SLICE))
    assert code == 0
    assert "Rows left out: 25\n  no customer: 25 (first: row " in shown
    assert Customer.objects.count() > 0


def test_a_file_that_is_not_one_is_a_line(run: Run, db: None, tmp_path: Path) -> None:
    for name, content in (
        ("a.csv", b""),
        ("b.csv.gz", b"\x1f\x8bbroken"),
        ("c.csv", "Größe".encode("latin-1")),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        code, shown, wrong = run("import", "online-retail", str(path))
        assert (code, shown) == (1, "")
        assert wrong.splitlines()[-1].startswith(name)
    assert run("import", "online-retail", str(tmp_path / "none.csv"))[0] == 1
    assert Customer.objects.count() == 0
