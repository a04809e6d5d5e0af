"""A book of any size, built fast: what the services would have written, in bulk and by several processes.

Every hundred transfers belong to a customer of their own with ten credits: deposits, checkouts that
hold and capture or hold and release, spends on orders, and refunds in each state. Digests, counters,
projections, orders and refunds agree, so that `tillbook verify` finds nothing. Events are written
only where verification reads them: the requests of the refunds, and how they ended.
"""

from __future__ import annotations

import os
import random
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import cache
from multiprocessing import get_context
from typing import Any

import django
from django.core.management.color import no_style
from django.db import connection, transaction

from tillbook.common import statements
from tillbook.common.actor import Actor
from tillbook.common.money import Money
from tillbook.common.numbering import public_number
from tillbook.common.sealing import mark, seal
from tillbook.credit.issuing import Issue
from tillbook.credit.models import GiveReason, Source
from tillbook.customers.models import Customer
from tillbook.events.services import content_of
from tillbook.ledger.book import Book, Counters, Draft, Line, Pending, Stamp, genesis
from tillbook.ledger.models import House, Kind
from tillbook.orders.models import Order
from tillbook.refunds.accounts import plain
from tillbook.refunds.models import Refund
from tillbook.refunds.payees import Payee, content_of_request
from tillbook.refunds.services import RESOLVED

CURRENCY = "GBP"
PER_CUSTOMER = 100  # transfers: those of the credits, checkouts, spends and refunds below
CREDITS = 10
ORDERS = 5
CAPTURED, RELEASED, SPENT = 10, 10, 45
REFUNDS = (Refund.Status.COMPLETED, Refund.Status.DECLINED, Refund.Status.REQUESTED)
TOGETHER = 200  # customers of a piece of work: their transfers lie mixed, as they came in

_START = datetime(2025, 1, 6, 9, tzinfo=UTC)
_ISSUED_MINOR = 1_000_000
_ACTOR = Actor.system("bench")
_PAYEE = Payee("Jo Holt", "12 34 56 12345678")
_PAYMENT_DATE = date(2026, 3, 2)

Rows = dict[str, list[tuple[Any, ...]]]  # table -> rows in the order of its columns

_COLUMNS: dict[str, dict[str, str]] = {
    "customers_customer": {
        "id": "bigint", "username": "text", "kind": "text", "first_name": "text", "last_name": "text",
        "company": "text", "email": "text", "phone": "text", "postal_address": "text", "country": "text",
        "currency": "text", "on_credit_hold": "bool", "created_at": "timestamptz",
    },
    "ledger_account": {
        "customer_id": "bigint", "id": "bigint", "currency": "text", "posted_minor": "bigint",
        "held_minor": "bigint", "transfers": "int", "digest": "bytea",
    },
    "ledger_transfer": dict.fromkeys(Line._fields, ""),
    "ledger_balance": {
        "customer_id": "bigint", "currency": "text", "available_minor": "bigint", "held_minor": "bigint",
        "owing_minor": "bigint",
    },
    "credit_credit": {
        "customer_id": "bigint", "id": "bigint", "currency": "text", "issued_minor": "bigint",
        "source": "text", "source_reference": "text", "order_reference": "text", "house": "text",
        "reason": "text", "note": "text", "public_note": "text", "refundable": "bool",
        "issued_at": "timestamptz", "issued_by": "text", "key": "text", "usable": "bool",
    },
    "orders_order": {
        "id": "bigint", "number": "text", "customer_id": "bigint", "currency": "text", "status": "text",
        "paid_status": "text", "shipping_minor": "bigint", "surcharge_minor": "bigint",
        "total_minor": "bigint", "received_minor": "bigint", "credit_used_minor": "bigint",
        "overpaid_minor": "bigint", "reversed_minor": "bigint", "returned_minor": "bigint",
        "returned_shipping_minor": "bigint", "returned_surcharge_minor": "bigint", "note": "text",
        "placed_at": "timestamptz", "created_at": "timestamptz",
    },
    "orders_orderline": {
        "order_id": "bigint", "position": "int", "sku": "text", "description": "text", "quantity": "int",
        "amount_minor": "bigint", "returned_quantity": "int", "returned_minor": "bigint",
    },
    "refunds_refund": {
        "id": "bigint", "customer_id": "bigint", "kind": "text", "status": "text", "currency": "text",
        "amount_minor": "bigint", "method": "text", "payee_name": "text", "bank_account": "text",
        "paypal_email": "text", "postal_address": "text", "payment_date": "date", "reverse_reason": "text",
        "note": "text", "hold_key": "text", "requested_by": "text", "requested_at": "timestamptz",
        "resolved_by": "text", "resolved_at": "timestamptz", "decline_reason": "text", "account_mark": "text",
        "payout": "text", "fail_reason": "text", "completed_at": "timestamptz",
    },
    "refunds_refundsource": {
        "refund_id": "bigint", "customer_id": "bigint", "credit_id": "bigint", "amount_minor": "bigint",
    },
    "events_event": {
        "action": "text", "customer_id": "bigint", "subject": "text", "key": "text", "content": "text",
        "actor_name": "text", "actor_role": "text", "origin": "text", "reason": "text", "note": "text",
        "public_note": "text", "data": "jsonb", "recorded_at": "timestamptz",
    },
}  # fmt: skip


@cache
def _sealed() -> str:
    """The payee's account, sealed once: sealing each would measure the cipher."""
    return seal(_PAYEE.bank_account)


def build(transfers: int) -> int:
    """Fill the migrated, empty database that the settings name; returns how many transfers it has.

    That is `transfers`, rounded up to whole customers.
    """
    customers = -(-transfers // PER_CUSTOMER)
    pieces = [(start, min(start + TOGETHER, customers + 1)) for start in range(1, customers + 1, TOGETHER)]
    writes_itself = connection.vendor == "postgresql"
    connection.close()
    with get_context("spawn").Pool(os.cpu_count(), initializer=django.setup) as pool, _unhindered():
        for rows in pool.imap(_written if writes_itself else _piece, pieces):
            _write(rows)
    _count_on()
    return customers * PER_CUSTOMER


def _written(piece: tuple[int, int]) -> Rows:
    _write(_piece(piece))
    return {}


@transaction.atomic
def _write(rows: Rows) -> None:
    for table, columns in _COLUMNS.items():
        statements.write([statements.Insert(table, columns, rows.get(table, []))])


@contextmanager
def _unhindered() -> Iterator[None]:
    """On SQLite: without the trigger that looks for a row to be replaced, which there is none of."""
    if connection.vendor == "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE name = 'ledger_transfer_no_replace'")
        ((name, trigger),) = cursor.fetchall()
        cursor.execute(f"DROP TRIGGER {name}")
        cursor.execute("PRAGMA synchronous=OFF")
        yield
        cursor.execute(trigger)
        cursor.execute("PRAGMA synchronous=FULL")


def _count_on() -> None:
    """Let new numbers begin after those used here, and the database know what it holds."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT setval('ledger_account_ids', max(id)) FROM ledger_account")
            for statement in connection.ops.sequence_reset_sql(no_style(), [Customer, Order, Refund]):
                cursor.execute(statement)
            cursor.execute("VACUUM ANALYZE")
        else:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            cursor.execute("ANALYZE")


def _piece(piece: tuple[int, int]) -> Rows:
    """The rows of the customers from the first to before the second; their transfers as they came in."""
    rows: Rows = defaultdict(list)
    lines: list[tuple[datetime, Line]] = []
    for customer_id in range(*piece):
        lines += [(line.recorded_at, line) for line in _History(customer_id, rows).lines]
    adapt = connection.ops.adapt_datetimefield_value
    lines.sort(key=lambda each: each[0])
    rows["ledger_transfer"] = [
        (*line[:14], adapt(line.effective_at), adapt(line.recorded_at), *line[16:]) for _, line in lines
    ]
    return dict(rows)


class _History:
    """One customer's: what happens to ten credits, and the documents it happens for."""

    def __init__(self, customer_id: int, rows: Rows) -> None:
        self.customer_id = customer_id
        self.rows = rows
        self.chance = random.Random(customer_id)  # noqa: S311 - the same book every time
        self.book = Book()
        self.moment = _START + timedelta(seconds=self.chance.randrange(86_400))
        self.keys = 0
        self.orders = [(customer_id - 1) * ORDERS + place + 1 for place in range(ORDERS)]
        self.paid = dict.fromkeys(self.orders, 0)
        self.accounts = [self._issue((customer_id - 1) * CREDITS + place + 1) for place in range(CREDITS)]
        steps = [*["capture"] * CAPTURED, *["release"] * RELEASED, *["spend"] * SPENT, *REFUNDS]
        self.chance.shuffle(steps)
        for step in steps:
            self._step(step)
        self._documents()
        self.lines = self.book.lines

    def _post(self, draft: Draft, content: str = "0" * 64) -> Line:
        self.moment += timedelta(seconds=self.chance.randrange(1, 400_000))
        self.keys += 1
        stamp = Stamp(
            self.customer_id, f"key-{self.keys}", content, _ACTOR.identity, self.moment, self.moment
        )
        return self.book.post(stamp, [draft])[0]

    def _issue(self, account_id: int) -> int:
        own = (self.customer_id, account_id, CURRENCY)
        self.book.add([Counters(*own, 0, 0, 0, genesis(*own), opened=True)])
        issue = Issue(
            self.customer_id, Money(_ISSUED_MINOR, CURRENCY), Source.MANUAL, House.RECEIPTS,
            GiveReason.DEPOSIT, "", "",
        )  # fmt: skip
        draft = Draft(
            account_id, Kind.POST, House.RECEIPTS, True, _ISSUED_MINOR, GiveReason.DEPOSIT, issue.reference
        )
        line = self._post(draft, issue.content)
        at = connection.ops.adapt_datetimefield_value(line.effective_at)
        self.rows["credit_credit"].append(
            (
                self.customer_id, account_id, CURRENCY, _ISSUED_MINOR, Source.MANUAL.value, "", "",
                House.RECEIPTS.value, GiveReason.DEPOSIT.value, "", "", True, at, _ACTOR.name, line.key,
                True,
            )
        )  # fmt: skip
        return account_id

    def _step(self, step: str) -> None:
        account_id = self.chance.choice(self.accounts)
        amount = self.chance.randrange(1, 5_000)
        if step in REFUNDS:
            self._refund(step, account_id, amount)
            return
        order = self.chance.choice(self.orders)
        draft = Draft(account_id, Kind.POST, House.ORDERS, False, amount, "order", f"N{order}")
        if step == "spend":
            self._post(draft)
        else:
            held = self._hold(draft)
            self._resolve(draft, held, Kind.CAPTURE if step == "capture" else Kind.RELEASE)
        self.paid[order] += 0 if step == "release" else amount

    def _hold(self, draft: Draft) -> Line:
        return self._post(draft._replace(kind=Kind.HOLD))

    def _resolve(self, draft: Draft, held: Line, kind: Kind) -> Line:
        hold = Pending(
            held.account_id, held.seq, held.amount_minor, draft.house, draft.reason, draft.reference,
            CURRENCY, resolved=False,
        )  # fmt: skip
        return self._post(draft._replace(kind=kind, hold=hold))

    def _refund(self, status: str, account_id: int, amount: int) -> None:
        refund_id = (self.customer_id - 1) * len(REFUNDS) + REFUNDS.index(Refund.Status(status)) + 1
        number = public_number("RF", refund_id)
        draft = Draft(account_id, Kind.POST, House.PAYOUTS, False, amount, "refund", number)
        held = self._hold(draft)
        adapt = connection.ops.adapt_datetimefield_value
        resolved_at = None
        if status != Refund.Status.REQUESTED:
            kind = Kind.CAPTURE if status == Refund.Status.COMPLETED else Kind.RELEASE
            resolved_at = adapt(self._resolve(draft, held, kind).recorded_at)
        self.rows["refunds_refund"].append(
            (
                refund_id, self.customer_id, Refund.Kind.REFUND.value, Refund.Status(status).value, CURRENCY,
                amount, Refund.Method.BANK_TRANSFER.value, _PAYEE.name, _sealed(), "", "",
                connection.ops.adapt_datefield_value(_PAYMENT_DATE), "", "", held.key, _ACTOR.name,
                adapt(held.recorded_at), "" if resolved_at is None else _ACTOR.name, resolved_at, "",
                mark(plain(_PAYEE.bank_account)), "", "",
                resolved_at if status == Refund.Status.COMPLETED else None,
            )
        )  # fmt: skip
        self.rows["refunds_refundsource"].append((refund_id, self.customer_id, account_id, amount))
        content = content_of_request(
            Money(amount, CURRENCY), Refund.Method.BANK_TRANSFER, _PAYEE, _PAYMENT_DATE, "", None
        )
        self._tell(
            "refund.requested", number, content_of("key", of=held.key), content, adapt(held.recorded_at)
        )
        if resolved_at is not None:
            self._tell(RESOLVED[Refund.Kind.REFUND, status], number, None, None, resolved_at)

    def _tell(self, action: str, number: str, key: str | None, content: str | None, at: Any) -> None:
        self.rows["events_event"].append(
            (
                action, self.customer_id, number, key, content, _ACTOR.name, _ACTOR.role.value, _ACTOR.origin,
                "", "", "", "{}", at,
            )
        )  # fmt: skip

    def _documents(self) -> None:
        """The customer, their orders, counters and projection, as the transfers made them."""
        at = connection.ops.adapt_datetimefield_value(_START)
        name = f"customer-{self.customer_id}"
        self.rows["customers_customer"].append(
            (self.customer_id, name, "customer", "Jo", "Holt", "", "", "", "", "", CURRENCY, False, at)
        )
        for order, used in self.paid.items():
            status = Order.PaidStatus.FULLY_PAID.value
            self.rows["orders_order"].append(
                (
                    order, f"N{order}", self.customer_id, CURRENCY, Order.Status.OPEN.value, status, 0, 0,
                    used, 0, used, 0, 0, 0, 0, 0, "", at, at,
                )
            )  # fmt: skip
            self.rows["orders_orderline"].append((order, 0, "SKU", "", 1, used, 0, 0))
        accounts = list(self.book.accounts.values())
        self.rows["ledger_account"] += [
            (each.customer_id, each.account_id, CURRENCY, each.posted, each.held, each.transfers, each.digest)
            for each in accounts
        ]
        available, held = (sum(getattr(each, name) for each in accounts) for name in ("available", "held"))
        self.rows["ledger_balance"].append((self.customer_id, CURRENCY, available, held, 0))
