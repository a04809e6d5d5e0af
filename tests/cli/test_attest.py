"""A signed statement of the book, kept outside, tells later whether what stood then still stands."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from django.db import connection
from django.test import override_settings

from tests.ledger.test_sums import ACTOR, make_book
from tests.ledger.test_tampering import drop_triggers
from tillbook.common.money import Money
from tillbook.credit import services
from tillbook.ledger.book import Line, chained, genesis
from tillbook.ledger.models import Account, Transfer


@pytest.fixture
def statement(db, now, run, tmp_path: Path) -> Path:
    make_book(now)
    path = tmp_path / "statement.json"
    assert run("attest", "--output", str(path)) == (0, "", "")
    return path


def test_a_statement_says_what_the_book_is(statement: Path, run) -> None:
    said = json.loads(statement.read_text())
    assert {name: said[name] for name in ("format", "customers", "accounts", "transfers", "totals")} == {
        "format": "tillbook-attestation-1",
        "customers": 2,
        "accounts": 4,
        "transfers": 18,
        "totals": {
            "GBP": {
                "accounts": 4, "posted_minor": 1680, "held_minor": 200, "available_minor": 1480,
                "issued_minor": 4000, "houses": {"receipts": -4000, "orders": 2320},
            }
        },
    }  # fmt: skip
    customers = []
    for customer_id in sorted({each.customer_id for each in Account.objects.all()}):
        lines = [
            f"{each.id}:{each.transfers}:{bytes(each.digest).hex()}\n"
            for each in Account.objects.filter(customer_id=customer_id).order_by("id")
        ]
        customers.append(f"{customer_id}:{hashlib.sha256(''.join(lines).encode()).hexdigest()}\n")
    assert said["root"] == hashlib.sha256("".join(customers).encode()).hexdigest()


def test_later_transfers_are_no_difference(statement: Path, run, now) -> None:
    customer_id = Account.objects.order_by("id")[0].customer_id
    services.spend(
        customer_id=customer_id, amount=Money(1, "GBP"), reference="N9", key="later", actor=ACTOR, now=now
    )
    code, shown, told = run("verify", "--against", str(statement))
    assert (code, shown.splitlines()[-1].partition(": ")[2]) == (0, "all agree.")
    assert "4 credits" in told


def test_a_history_written_anew_with_right_digests_is_found_by_the_statement_alone(
    statement: Path, run
) -> None:
    drop_triggers()
    row = Transfer.objects.filter(key="s").order_by("customer_id", "account_id")[0]
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE ledger_transfer SET actor = 'user:9' WHERE customer_id = {row.customer_id} "
            f"AND account_id = {row.account_id} AND seq = {row.seq}"
        )
    forge(row.customer_id, row.account_id)
    assert run("verify")[0] == 0
    code, shown, _ = run("verify", "--against", str(statement))
    assert code == 1
    assert [line for line in shown.splitlines() if "signed statement" in line] == [
        f"customer jo, CR-{row.account_id + 1000}, transfer 2 is not what a signed statement says it was"
    ]


def forge(customer_id: int, account_id: int) -> None:
    """Chain the account's transfers anew, as somebody with the database and the program could."""
    digest = genesis(customer_id, account_id, "GBP")
    rows = Transfer.objects.filter(customer_id=customer_id, account_id=account_id).order_by("seq")
    for values in rows.values_list(*Line._fields):
        line = Line._make(values)
        digest = chained(digest, line)
        Transfer.objects.filter(customer_id=customer_id, account_id=account_id, seq=line.seq).update(
            digest=digest
        )
    Account.objects.filter(customer_id=customer_id, id=account_id).update(digest=digest)


def test_a_credit_that_disappeared_whole_is_found(statement: Path, run) -> None:
    drop_triggers()
    gone = Account.objects.order_by("-id")[0]
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM ledger_transfer WHERE account_id = {gone.id}")
        cursor.execute(f"DELETE FROM ledger_account WHERE id = {gone.id}")
    code, shown, _ = run("verify", "--sums", "--against", str(statement))
    assert code == 1
    assert "is missing: a signed statement knows of it" in shown


@pytest.mark.parametrize(
    "change",
    [
        lambda said: {**said, "transfers": 17},
        lambda said: {**said, "root": "0" * 64},
        lambda said: {**said, "signature": "0" * 64},
        lambda said: {**said, "format": "tillbook-attestation-2"},
    ],
)
def test_a_statement_that_was_changed_is_refused(statement: Path, run, change) -> None:
    statement.write_text(json.dumps(change(json.loads(statement.read_text()))))
    code, shown, told = run("verify", "--against", str(statement))
    assert (code, shown) == (1, "")
    assert "signature is not that of this shop's key" in told


def test_a_statement_of_another_shop_is_refused(statement: Path, run) -> None:
    with override_settings(SECRET_KEY="another shop's key"):
        code, shown, told = run("verify", "--against", str(statement))
    assert (code, shown) == (1, "")
    assert "signature" in told


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"null", b"1", b"\xff\xfe", b'{"signature": 1}'])
def test_what_is_no_statement_is_refused(db, run, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    code, shown, told = run("verify", "--against", str(path))
    assert (code, shown) == (1, "")
    assert told == "The file is not a statement that `tillbook attest` wrote.\n"


def test_a_missing_file_is_named_and_one_that_is_there_is_never_written_over(statement: Path, run) -> None:
    assert run("verify", "--against", "/nowhere/x")[2].startswith("/nowhere/x can't be read: ")
    before = statement.read_bytes()
    code, _, told = run("attest", "--output", str(statement))
    assert (code, statement.read_bytes()) == (1, before)
    assert "File exists" in told


def test_an_empty_book_has_a_statement_too(db, run, tmp_path: Path) -> None:
    path = tmp_path / "empty.json"
    assert run("attest", "--output", str(path))[0] == 0
    assert run("verify", "--against", str(path))[0] == 0
