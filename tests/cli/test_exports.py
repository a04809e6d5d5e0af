"""`tillbook export`: the whole way, from the command to the file and the program that reads it."""

from __future__ import annotations

import re
import stat
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.utils import timezone

from tests.exporters.programs import bean_check, hledger
from tillbook.common.actor import Actor
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.credit.models import GiveReason
from tillbook.customers import services as customers
from tillbook.importers.online_retail import import_file
from tillbook.ledger.models import Account

Run = Callable[..., tuple[int, str, str]]

SLICE = Path(__file__).parents[2] / "examples" / "online-retail-slice.csv"
MARCH = ["--from", "2026-03-01", "--to", "2026-03-31"]


@pytest.fixture
def given(db: None) -> None:
    """Jo's 50.00 GBP of 2 March 2026."""
    by = {"actor": Actor.system("test"), "now": datetime(2026, 3, 2, 10, 30, tzinfo=UTC)}
    jo = customers.add(username="jo", currency="GBP", **by)
    credit.give(
        customer_id=jo.pk, amount=Money(5000, "GBP"), reason=GiveReason.DEPOSIT, refundable=True,
        expires_at=None, key="g", **by,
    )  # fmt: skip


def test_the_same_command_writes_the_same_bytes(run: Run, given: None, tmp_path: Path) -> None:
    file = tmp_path / "march.beancount"
    command = ["export", "beancount", *MARCH, "--detail", "transfer", "--output", str(file)]
    assert run(*command)[:2] == (0, "")
    first = file.read_bytes()
    assert run(*command)[:2] == (0, "")
    assert file.read_bytes() == first
    assert bean_check(file) == ""
    assert [each.name for each in tmp_path.iterdir()] == [file.name], "nothing is left beside it"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_standard_output_takes_the_file_whole(run: Run, given: None) -> None:
    code, shown, _ = run("export", "quickbooks", *MARCH, "--output", "-")
    assert (code, shown.splitlines()) == (
        0,
        [
            "Journal No.,Journal Date,Account Name,Description,Debits,Credits",
            "TB-20260302-GBP,03/02/2026,Credit clearing:Receipts,Money received became credit,50.00,",
            "TB-20260302-GBP,03/02/2026,Customer credit,Credit issued or given back,,50.00",
        ],
    )


@pytest.mark.parametrize(
    ("arguments", "exit_code", "named"),
    [
        (["xero", *MARCH], 1, "export-accounts xero"),
        (["hledger", *MARCH, "--accounts", "missing.toml"], 1, "missing.toml"),
        (["hledger", "--from", "2026-03-01", "--to", "2999-03-31"], 1, "--unfinished"),
        (["hledger", *MARCH, "--currency", "POUNDS"], 2, "--currency: 'POUNDS' is not a currency."),
        (["hledger", "--from", "2026-13-01", "--to", "2026-03-31"], 2, "--from: '2026-13-01' is no date."),
        (["hledger", *MARCH, "--by", "effective"], 2, "--recorded-by: It goes with --by effective"),
        (["hledger", *MARCH, "--recorded-by", "2026-04-01"], 2, "--recorded-by: It goes with --by effective"),
        (
            ["hledger", *MARCH, "--by", "effective", "--recorded-by", "soon"],
            2,
            "--recorded-by: 'soon' is no moment.",
        ),
    ],
)
def test_what_can_t_be_exported_is_one_line_and_leaves_the_file_as_it_was(
    run: Run, given: None, tmp_path: Path, arguments: list[str], exit_code: int, named: str
) -> None:
    file = tmp_path / "out"
    file.write_text("as it was")
    code, shown, wrong = run("export", *arguments, "--output", str(file))
    assert (code, shown, len(wrong.splitlines())) == (exit_code, "", 1)
    assert named in wrong
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("out", "as it was")]


def test_a_refusal_half_way_leaves_no_file(run: Run, given: None, tmp_path: Path) -> None:
    by = {"actor": Actor.system("test"), "now": datetime(2026, 3, 3, tzinfo=UTC)}
    credit.give(
        customer_id=Account.objects.get().customer_id, amount=Money(1, "JPY"), reason=GiveReason.DEPOSIT,
        refundable=True, expires_at=None, key="h", **by,
    )  # fmt: skip
    code, _, wrong = run("export", "quickbooks", *MARCH, "--output", str(tmp_path / "out.csv"))
    assert (code, "GBP and JPY" in wrong, list(tmp_path.iterdir())) == (1, True, [])


def test_a_folder_that_is_not_there_is_named(run: Run, given: None, tmp_path: Path) -> None:
    code, _, wrong = run("export", "hledger", *MARCH, "--output", str(tmp_path / "none" / "out"))
    assert (code, "No such file" in wrong) == (1, True)


def test_the_accounts_to_start_from_are_printed(run: Run, given: None, tmp_path: Path) -> None:
    code, shown, _ = run("export-accounts", "xero")
    accounts, file = tmp_path / "accounts.toml", tmp_path / "march.csv"
    accounts.write_text(shown, encoding="utf-8")
    assert code == 0
    assert run("export", "xero", *MARCH, "--accounts", str(accounts), "--output", str(file))[0] == 0
    narration = '"TB-20260302-GBP Customer credit of 2026-03-02, GBP"'
    assert file.read_text(encoding="utf-8").splitlines()[1:] == [
        f"{narration},02/03/2026,Money received became credit,841,No VAT,50.00",
        f"{narration},02/03/2026,Credit issued or given back,840,No VAT,-50.00",
    ]


def test_a_real_shop_s_year_comes_out_as_it_stands(run: Run, db: None, tmp_path: Path) -> None:
    now = timezone.now()
    import_file(SLICE, actor=Actor.system("test"), now=now)
    wide = ["--from", "2010-01-01", "--to", "2035-12-31", "--unfinished"]
    bean, plain = tmp_path / "b.beancount", tmp_path / "h.journal"
    for detail in ("transfer", "month"):
        assert run("export", "beancount", *wide, "--detail", detail, "--output", str(bean))[0] == 0
        assert run("export", "hledger", *wide, "--detail", detail, "--output", str(plain))[0] == 0
        assert bean_check(bean) == ""
        posted: dict[str, int] = defaultdict(int)
        for account in Account.objects.all():
            posted[account.currency] -= account.posted_minor
        owed = hledger(plain)["Liabilities:Customer-Credit", "GBP"]
        assert posted == {"GBP": int(owed.replace(".", ""))}
        assert re.fullmatch(r"-[1-9][0-9]*\.[0-9]{2}", owed)
