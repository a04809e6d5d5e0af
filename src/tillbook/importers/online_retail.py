"""The year of a real shop: customers, orders paid in full, returns credited.

Every part of the file is one transaction. What an earlier run wrote is found again by
number and key, so a run that was stopped can simply be started again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path

from django.db import transaction

from tillbook.common.actor import Actor
from tillbook.common.money import Money
from tillbook.customers import services as customers
from tillbook.customers.models import Customer
from tillbook.importers.delimited import DelimitedFile
from tillbook.importers.online_retail_rows import CURRENCY, HEADER, Document, LeftOut, Omissions, documents
from tillbook.orders.imports import PaidOrder, TakenOver, take_over_paid
from tillbook.returns.imports import PastReturn, take_over_closed

_DOCUMENTS_A_TRANSACTION = 500


@dataclass(slots=True)
class Sum:
    """How many documents, and what they are worth in minor units."""

    count: int = 0
    minor: int = 0

    def add(self, minor: int) -> None:
        self.count += 1
        self.minor += minor


@dataclass(slots=True)
class Report:
    """What an import took, found here already, and left out."""

    rows: int = 0
    rows_taken: int = 0
    rows_here_already: int = 0
    customers: int = 0
    orders: Sum = field(default_factory=Sum)
    returns: Sum = field(default_factory=Sum)
    orders_here_already: Sum = field(default_factory=Sum)
    returns_here_already: Sum = field(default_factory=Sum)
    omissions: Omissions = field(default_factory=Omissions)

    @property
    def rows_left_out(self) -> int:
        return self.omissions.rows.total()


def import_file(
    path: Path,
    *,
    actor: Actor,
    now: datetime,
    on_progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Import the file, CSV or gzipped CSV; `on_progress` hears (bytes read, bytes in all).

    Raises UnreadableFile, naming the row; what stood in whole parts before it stays imported.
    """
    report = Report()
    with DelimitedFile(path, HEADER) as file:
        found = documents(_counted(file, report), report.omissions, now=now)
        while part := list(islice(found, _DOCUMENTS_A_TRANSACTION)):
            _import_part(part, report, actor, now)
            if on_progress is not None:
                on_progress(file.position_bytes, file.size_bytes)
    return report


def _counted(file: DelimitedFile, report: Report) -> Iterator[tuple[int, list[str]]]:
    for row in file:
        report.rows += 1
        yield row


def _import_part(part: Sequence[Document], report: Report, actor: Actor, now: datetime) -> None:
    """One transaction: all of these documents, or none of them."""
    wanted = list(_wanted(part, report))
    sales = [each for each in wanted if not each.is_return]
    returns = [each for each in wanted if each.is_return]
    with transaction.atomic():
        ids, added = _customer_ids(wanted, actor, now)
        # Returns look only at earlier orders, so that a part's orders may all go first.
        sold = take_over_paid([_order(each, ids) for each in sales], actor=actor, now=now)
        returned = take_over_closed([_return(each, ids) for each in returns], actor=actor, now=now)
    report.customers += added
    _count(sales, sold, report.orders, report.orders_here_already, report)
    _count(returns, returned, report.returns, report.returns_here_already, report)


def _wanted(part: Sequence[Document], report: Report) -> Iterator[Document]:
    """The documents without returns worth nothing, and without those whose rows stand far apart."""
    numbers: set[str] = set()
    for document in part:
        if document.is_return and not document.total_minor:
            report.omissions.add(LeftOut.NO_VALUE, document.first_row, len(document.lines))
        elif document.number in numbers:
            report.omissions.add(LeftOut.DIFFERS, document.first_row, len(document.lines))
        else:
            numbers.add(document.number)
            yield document


def _customer_ids(part: Sequence[Document], actor: Actor, now: datetime) -> tuple[dict[str, int], int]:
    """username -> id of the documents' customers, and how many of them are new."""
    countries = {each.customer: each.country for each in reversed(part)}
    ids = dict(Customer.objects.filter(username__in=countries).values_list("username", "id"))
    missing = sorted(set(countries) - set(ids))
    for username in missing:
        customer = customers.add(
            username=username, currency=CURRENCY, country=countries[username], actor=actor, now=now
        )
        ids[username] = customer.pk
    return ids, len(missing)


def _order(document: Document, ids: dict[str, int]) -> PaidOrder:
    return PaidOrder(
        number=document.number,
        customer_id=ids[document.customer],
        currency=CURRENCY,
        placed_at=document.at,
        lines=document.lines,
        key=f"online-retail:{document.number}",
    )


def _return(document: Document, ids: dict[str, int]) -> PastReturn:
    return PastReturn(
        document=document.number,
        customer_id=ids[document.customer],
        currency=CURRENCY,
        returned_at=document.at,
        lines=document.lines,
        key=f"online-retail:{document.number}",
    )


def _count(part: Sequence[Document], outcome: TakenOver, new: Sum, here: Sum, report: Report) -> None:
    for document in part:
        if document.number in outcome.written:
            new.add(document.total_minor)
            report.rows_taken += len(document.lines)
        elif document.number in outcome.repeated:
            here.add(document.total_minor)
            report.rows_here_already += len(document.lines)
        else:
            report.omissions.add(LeftOut.DIFFERS, document.first_row, len(document.lines))


def described(report: Report) -> Iterator[tuple[str, str]]:
    """The report as (what, figure) lines for people."""
    yield "Rows", f"{report.rows:,}"
    yield "Rows taken", f"{report.rows_taken:,}"
    yield "Rows here already", f"{report.rows_here_already:,}"
    yield "Rows left out", f"{report.rows_left_out:,}"
    for why, count in report.omissions.rows.most_common():
        yield f"  {why}", f"{count:,} (first: row {report.omissions.first_row[why]})"
    yield "New customers", f"{report.customers:,}"
    for name, total in (
        ("New orders", report.orders),
        ("New returns, credited", report.returns),
        ("Orders here already", report.orders_here_already),
        ("Returns here already", report.returns_here_already),
    ):
        yield name, f"{total.count:,} worth {Money(total.minor, CURRENCY).localized()}"
