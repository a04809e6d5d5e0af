"""SWIFT MT940 statements, read by the library mt-940."""

from __future__ import annotations

import io
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import mt940
from django.utils.translation import gettext as _

from tillbook.payouts.entries import Entry, UnreadableStatement, minor_of, text_of

_CHEQUES = ("NCHK", "NCHQ", "FCHK", "SCHK")  # a transaction by cheque, whose number is its reference
_REVERSED = ("RC", "RD")  # a credit or a debit taken back


def read(data: bytes) -> list[Entry]:
    """The entries, in their order. Raises UnreadableStatement."""
    text = text_of(data)
    try:
        # A file, not a text: the library would take a text that names a file for that file.
        transactions = mt940.parse(io.StringIO(text), options=mt940.Options.all())
        entries = [_entry(each.data) for each in transactions]
    except UnreadableStatement:
        raise
    except Exception as error:  # the library raises whatever a wrong line leads to
        raise UnreadableStatement(
            _("The file is not an MT940 statement: %(error)s.") % {"error": error}
        ) from error
    if not entries and ":60" not in text:
        raise UnreadableStatement(_("The file holds no MT940 statement."))
    return entries


def _entry(said: dict[str, Any]) -> Entry:
    amount = said["amount"]
    currency = str(said.get("currency") or amount.currency)
    minor = minor_of(str(abs(Decimal(amount.amount))), currency)
    status = str(said.get("status", "")).upper()
    came = status in ("C", "RD")
    return Entry(
        booked_on=said.get("entry_date") or said["date"],
        minor=minor if came else -minor,
        currency=currency,
        texts=tuple(_texts(said)),
        name=str(said.get("applicant_name") or ""),
        account=str(said.get("applicant_iban") or ""),
        bank_reference=str(said.get("bank_reference") or ""),
        returned=status in _REVERSED,
        cheque=str(said.get("customer_reference") or "") if said.get("id") in _CHEQUES else "",
    )


def _texts(said: dict[str, Any]) -> Iterator[str]:
    for name in (
        "end_to_end_reference",
        "customer_reference",
        "purpose",
        "extra_details",
        "transaction_details",
    ):
        text = " ".join(str(said.get(name) or "").split())
        if text and text not in ("NONREF", "NOTPROVIDED"):
            yield text
