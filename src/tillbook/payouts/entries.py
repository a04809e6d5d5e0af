"""What a bank's statement says, whatever its format."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from datetime import date

from django.utils.translation import gettext as _

from tillbook.common.errors import InvalidInput, Refusal
from tillbook.common.money import check_currency, exponent

_KEYED = 8  # of an entry's fields; the same since entries have keys, whatever is read from them beside
_AMOUNT = re.compile(r"(?P<whole>\d{1,13})(\.(?P<part>\d*))?", re.ASCII)


class UnreadableStatement(Refusal):
    """A file that is no statement of the format it was said to be."""

    code = "unreadable_statement"
    status = 422

    def __init__(self, message: str) -> None:
        super().__init__(message, field="file")


@dataclass(frozen=True, slots=True)
class Entry:
    """One booking. `minor` is below zero where money left the account.

    `texts` is all in which a reference may stand. `returned` says that the bank calls it the return of
    an earlier payment. `cheque` and `file` say again what stands in `texts`, or stand beside the rest of it.
    """

    booked_on: date
    minor: int
    currency: str
    texts: tuple[str, ...] = ()
    name: str = ""
    account: str = ""
    bank_reference: str = ""
    returned: bool = False
    cheque: str = ""  # the number of the cheque that was presented, as the bank writes it
    file: str = ""  # the marks of the file that the bank was given, where it says from which one the entry is


def keys_of(entries: Iterable[Entry]) -> list[str]:
    """A key for each entry: the same whenever a statement that has it is read again.

    Banks' own references are not always unique, so it is made from all that the entry says; of entries
    that say the same, the first, the second … of the day are told apart.
    """
    seen: Counter[str] = Counter()
    keys = []
    for each in entries:
        said = repr(astuple(each)[:_KEYED])
        place = seen[said]
        seen[said] += 1
        keys.append(hashlib.sha256(f"{said}{place}".encode()).hexdigest())
    return keys


def minor_of(text: str, currency: str) -> int:
    """Minor units of a plain amount without a sign, "12.3". Raises UnreadableStatement."""
    try:
        check_currency(currency)
    except InvalidInput as refusal:
        raise UnreadableStatement(refusal.message) from refusal
    found = _AMOUNT.fullmatch(text.strip())
    digits = exponent(currency)
    part = (found["part"] or "").rstrip("0") if found else ""
    if found is None or len(part) > digits:
        raise UnreadableStatement(
            _("%(text)r is not an amount in %(currency)s.") % {"text": text[:40], "currency": currency}
        )
    return int(found["whole"] + part.ljust(digits, "0"))


def text_of(data: bytes) -> str:
    """The text of a file from a bank: UTF-8, or what older programs write. Raises UnreadableStatement."""
    if b"\0" in data:  # a sheet or an archive, and nothing that PostgreSQL would keep
        raise UnreadableStatement(_("The file is not text. Save it as CSV first."))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")
