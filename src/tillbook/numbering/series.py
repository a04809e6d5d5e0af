"""The series that a shop may begin higher: what they are called, and what the database counts them by.

A public number is its row's id and a thousand (`common.numbering`), so a series is moved by moving what the
database gives as the next id. On PostgreSQL that is a sequence, on SQLite a row of `sqlite_sequence`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection
from django.utils.translation import gettext_lazy as _

from tillbook.common import statements
from tillbook.common.numbering import public_number, row_id

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

_ASKED = "SELECT coalesce(max(id), 0) FROM {}"


@dataclass(frozen=True, slots=True)
class Series:
    """A series. `table` has the ids; `counter` is what counts them where that has another name."""

    prefix: str
    label: StrOrPromise
    table: str
    counter: str = ""

    def number(self, digits: int) -> str:
        """The public number of these digits: "RF-20001"."""
        return f"{self.prefix}-{digits}"

    def next_digits(self) -> int:
        """The digits of the number that comes next; one more where somebody else is just taking it."""
        given = max(self._counted(), statements.select(_ASKED.format(self.table), [])[0][0])
        return int(public_number(self.prefix, given + 1).rpartition("-")[2])

    def locked(self) -> None:
        """Let nobody else take a number of it until the transaction ends."""
        if statements.is_postgresql():  # SQLite has one writer at a time
            self._execute(f"ALTER SEQUENCE {self._sequence()} NO CYCLE")

    def move(self, digits: int) -> None:
        """Have the next number be this one. It must be above all that were given, under the lock."""
        following = row_id(self.prefix, self.number(digits)) or 0
        if statements.is_postgresql():
            self._execute(f"ALTER SEQUENCE {self._sequence()} RESTART WITH {following:d}")
            return
        name = self.counter or self.table
        self._execute("DELETE FROM sqlite_sequence WHERE name = %s", name)
        self._execute("INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", name, following - 1)

    def _counted(self) -> int:
        """The last id that the database's own counter gave."""
        if statements.is_postgresql():
            [(last, was_given)] = statements.select(
                f"SELECT last_value, is_called FROM {self._sequence()}", []
            )
            return int(last) if was_given else int(last) - 1
        rows = statements.select(
            "SELECT seq FROM sqlite_sequence WHERE name = %s", [self.counter or self.table]
        )
        return int(rows[0][0]) if rows else 0

    def _sequence(self) -> str:
        if self.counter:
            return f"{self.counter}_ids"
        return str(statements.select("SELECT pg_get_serial_sequence(%s, 'id')", [self.table])[0][0])

    @staticmethod
    def _execute(statement: str, *parameters: str | int) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters or None)


#: name -> series. A credit has the id of its account; an adjustment note the number of its RMA.
SERIES: dict[str, Series] = {
    "credit": Series("CR", _("Credit"), "credit_credit", "ledger_account"),
    "refund": Series("RF", _("Refund"), "refunds_refund"),
    "rma": Series("RMA", _("Return, and its adjustment note AN"), "returns_rma"),
    "payment": Series("PAY", _("Payment"), "orders_payment"),
    "order": Series("SO", _("Order that is given no number"), "orders_order"),
    "payout": Series("PO", _("Payout"), "payouts_payout"),
}
