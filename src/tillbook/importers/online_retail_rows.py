"""From the rows of an Online Retail file to its documents: sales, and returns (`C` numbers)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from tillbook.common.money import MAX_MINOR
from tillbook.orders.imports import SoldLine

HEADER = (
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
)
# The shop stood in the United Kingdom, and the file gives its local time and its pounds.
TIME_ZONE = ZoneInfo("Europe/London")
CURRENCY = "GBP"

# A document's rows stand together, a few strays apart. One is complete once this many rows went by
# without any of its own.
_PATIENCE_ROWS = 5_000
_LARGEST_QUANTITY = 10**9
_LARGEST_LINE_MINOR = MAX_MINOR // 1_000

_NUMBER = re.compile(r"C?[0-9]{1,20}", re.ASCII)
_CUSTOMER = re.compile(r"([0-9]{1,18})(\.0)?", re.ASCII)
_QUANTITY = re.compile(r"-?[0-9]{1,12}", re.ASCII)
_PRICE = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,6})?", re.ASCII)


class LeftOut(StrEnum):
    """Why a row was not taken; the words of the report."""

    COLUMNS = "wrong number of columns"
    NO_CUSTOMER = "no customer"
    CUSTOMER = "customer is not a number"
    NUMBER = "document is neither a sale nor a return"
    STOCK_CODE = "no stock code, or one too long"
    QUANTITY = "quantity is not a whole number"
    ZERO_QUANTITY = "quantity is zero"
    SIGN = "quantity's sign does not fit the document"
    PRICE = "price is not an amount"
    TOO_LARGE = "amount is too large"
    DATE = "date is not a date"
    OTHER_CUSTOMER = "document belongs to another customer"
    NO_VALUE = "return is worth nothing"
    DIFFERS = "document is already here with other content"


@dataclass(slots=True)
class Document:
    """A sale or a return with all its rows. `at` is the earliest time that a row gives."""

    number: str
    customer: str
    country: str
    at: datetime
    first_row: int
    last_row: int
    total_minor: int = 0
    lines: list[SoldLine] = field(default_factory=list)

    @property
    def is_return(self) -> bool:
        return self.number.startswith("C")


@dataclass(slots=True)
class Omissions:
    """Rows left out: how many for each reason, and the first row of each."""

    rows: Counter[LeftOut] = field(default_factory=Counter)
    first_row: dict[LeftOut, int] = field(default_factory=dict)

    def add(self, why: LeftOut, row: int, count: int = 1) -> None:
        self.rows[why] += count
        self.first_row.setdefault(why, row)


class _Unusable(Exception):
    """A row that can't be taken; caught where rows are counted."""

    def __init__(self, why: LeftOut) -> None:
        self.why = why


def documents(
    rows: Iterable[tuple[int, list[str]]], omissions: Omissions, *, now: datetime
) -> Iterator[Document]:
    """The file's documents in the order in which they begin; rows left out go to `omissions`.

    What is dated after `now` is left out. Memory holds the documents of the last few thousand rows, however
    long the file is.
    """
    waiting: dict[str, Document] = {}
    for row, fields in rows:
        try:
            _take(row, fields, waiting, now)
        except _Unusable as unusable:
            omissions.add(unusable.why, row)
        while waiting and row - (oldest := next(iter(waiting.values()))).last_row > _PATIENCE_ROWS:
            yield waiting.pop(oldest.number)
    yield from waiting.values()


def _take(row: int, fields: list[str], waiting: dict[str, Document], now: datetime) -> None:
    """Add the row to its document. Raises _Unusable."""
    if len(fields) != len(HEADER):
        raise _Unusable(LeftOut.COLUMNS)
    # PostgreSQL stores no NUL character in a text.
    number, sku, description, quantity, at, price, customer, country = (
        text.replace("\0", "").strip() for text in fields
    )
    buyer = _customer(customer)
    if _NUMBER.fullmatch(number) is None:
        raise _Unusable(LeftOut.NUMBER)
    moment, line = _moment(at), _line(number, sku, description, quantity, price)
    if moment > now:
        raise _Unusable(LeftOut.DATE)
    document = waiting.setdefault(number, Document(number, buyer, country[:100], moment, row, row))
    if document.customer != buyer:
        raise _Unusable(LeftOut.OTHER_CUSTOMER)
    if document.total_minor + line.amount_minor > MAX_MINOR:
        raise _Unusable(LeftOut.TOO_LARGE)
    document.at = min(document.at, moment)
    document.last_row = row
    document.total_minor += line.amount_minor
    document.lines.append(line)


def _customer(text: str) -> str:
    """The customer's number as text: the file writes 17850 as "17850.0"."""
    if not text:
        raise _Unusable(LeftOut.NO_CUSTOMER)
    match = _CUSTOMER.fullmatch(text)
    if match is None:
        raise _Unusable(LeftOut.CUSTOMER)
    return match[1]


def _line(number: str, sku: str, description: str, quantity: str, price: str) -> SoldLine:
    if not 1 <= len(sku) <= 60:
        raise _Unusable(LeftOut.STOCK_CODE)
    pieces = _pieces(number, quantity)
    if _PRICE.fullmatch(price) is None or price.startswith("-"):
        raise _Unusable(LeftOut.PRICE)
    amount_minor = int((Decimal(price) * pieces * 100).quantize(Decimal(1), ROUND_HALF_UP))
    if amount_minor > _LARGEST_LINE_MINOR:
        raise _Unusable(LeftOut.TOO_LARGE)
    return SoldLine(sku, description[:300], pieces, amount_minor)


def _pieces(number: str, text: str) -> int:
    """How many pieces were sold or came back, at least 1: returns are written with a minus."""
    if _QUANTITY.fullmatch(text) is None or abs(int(text)) > _LARGEST_QUANTITY:
        raise _Unusable(LeftOut.QUANTITY)
    quantity = int(text)
    if quantity == 0:
        raise _Unusable(LeftOut.ZERO_QUANTITY)
    if (quantity < 0) != number.startswith("C"):
        raise _Unusable(LeftOut.SIGN)
    return abs(quantity)


@lru_cache(maxsize=256)  # a document's rows bear the same time
def _moment(text: str) -> datetime:
    try:
        local = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=TIME_ZONE)
    except ValueError:
        raise _Unusable(LeftOut.DATE) from None
    if local.year < 1900:
        raise _Unusable(LeftOut.DATE)
    return local.astimezone(UTC)
