"""The commands about the book: verify, recalculate, expire, import."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from tillbook.common.actor import Actor
from tillbook.common.money import Money
from tillbook.credit import services as credit
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
        "30.00 GBP available, 0.00 GBP held.\n2 transfers of 1 credits and 1 balances checked: all agree.\n",
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


def test_recalculate_shows_and_repairs_each_difference(run: Run, given: Credit) -> None:
    Balance.objects.update(available_minor=1)
    assert run("recalculate", "jo") == (
        0,
        (
            "jo: available was 0.01 GBP, the history gives 30.00 GBP: repaired\n"
            "6 figures of 1 customers compared, 1 differed.\n"
        ),
        "",
    )
    assert Balance.objects.get().available_minor == 3000
    code, shown, _ = run("recalculate", "--all")
    assert (code, shown) == (0, "6 figures of 1 customers compared, 0 differed.\n")


def test_a_dry_run_of_recalculate_shows_each_difference_and_repairs_nothing(run: Run, given: Credit) -> None:
    Balance.objects.update(available_minor=1)
    for whom in ("jo", "--all"):
        code, shown, _ = run("recalculate", whom, "--dry-run")
        assert (code, shown) == (
            0,
            (
                "jo: available was 0.01 GBP, the history gives 30.00 GBP: not repaired\n"
                "6 figures of 1 customers compared, 1 differed.\n"
            ),
        )
    assert Balance.objects.get().available_minor == 1
    assert not Event.objects.filter(action="customer.recalculated").exists()


def test_recalculate_repairs_nothing_where_the_history_is_broken(run: Run, given: Credit) -> None:
    alter("UPDATE ledger_transfer SET reference = 'N2' WHERE key = 's'")
    Balance.objects.update(available_minor=1)
    code, shown, _ = run("recalculate", "jo")
    assert code == 1
    assert "available was 0.01 GBP, the history gives 30.00 GBP: not repaired" in shown
    assert f"jo: {given.number}, transfer 2 was changed: its digest does not follow" in shown
    assert Balance.objects.get().available_minor == 1


@pytest.mark.parametrize("arguments", [[], ["jo", "--all"], ["nobody"]])
def test_recalculate_of_nobody_is_one_line(run: Run, given: Credit, arguments: list[str]) -> None:
    code, shown, wrong = run("recalculate", *arguments)
    assert (code, shown, len(wrong.splitlines())) == (1, "", 1)
    assert not Event.objects.filter(action="customer.recalculated").exists()


def test_expire_takes_what_is_left_of_credit_whose_time_is_over(run: Run, given: Credit) -> None:
    assert run("expire") == (0, "1 credits expired.\n", "")
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
