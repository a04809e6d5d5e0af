"""ISO 20022 bank-to-customer statements, camt.053 of any version.

Source: the message definition of camt.053.001.02 to .12 at iso20022.org; only the names read here
matter, and they are the same in all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from django.utils.translation import gettext as _

from tillbook.payouts.entries import Entry, UnreadableStatement, minor_of


def read(data: bytes) -> list[Entry]:
    """The booked entries, in their order. Raises UnreadableStatement."""
    try:
        root = fromstring(data, forbid_dtd=True)
    except (
        ParseError,
        DefusedXmlException,
        ValueError,
        LookupError,
    ) as error:  # the last: an unknown encoding
        raise UnreadableStatement(
            _("The file is not XML that can be read: %(error)s.") % {"error": error}
        ) from error
    statements = root.findall("./{*}BkToCstmrStmt/{*}Stmt")
    if not statements:
        raise UnreadableStatement(_("The file holds no camt.053 statement."))
    booked = (entry for each in statements for entry in each.findall("{*}Ntry") if _is_booked(entry))
    return [found for entry in booked for found in _entries(entry)]


def _is_booked(entry: Element) -> bool:
    return (_text(entry, "Sts/Cd") or _text(entry, "Sts")) in ("BOOK", "")


def _entries(entry: Element) -> Iterator[Entry]:
    """The entry, or each of its transactions where it is a batch whose parts have amounts."""
    details = entry.findall("{*}NtryDtls/{*}TxDtls")
    parts = [(each, _amount(each)) for each in details]
    if len(parts) > 1 and all(amount is not None for _, amount in parts):
        for each, amount in parts:
            yield _entry(entry, each, amount, _file(each.findall("{*}Refs")))
    else:
        named = entry.findall("{*}NtryDtls/{*}Btch") + entry.findall("{*}NtryDtls/{*}TxDtls/{*}Refs")
        yield _entry(entry, details[0] if len(details) == 1 else None, None, _file(named))


def _entry(entry: Element, details: Element | None, amount: Element | None, file: str) -> Entry:
    amount = amount if amount is not None else entry.find("{*}Amt")
    if amount is None:
        raise UnreadableStatement(_("An entry has no amount."))
    currency = amount.get("Ccy", "")
    minor = minor_of(amount.text or "", currency)
    came = _text(entry, "CdtDbtInd") == "CRDT"
    about = entry if details is None else details
    # What left went to the creditor; what came was sent by the debtor.
    party = "Dbtr" if came else "Cdtr"
    return Entry(
        booked_on=_day(entry),
        minor=minor if came else -minor,
        currency=currency,
        texts=tuple(_texts(entry, about)),
        name=_text(about, f"RltdPties/{party}/Nm") or _text(about, f"RltdPties/{party}/Pty/Nm"),
        account=_text(about, f"RltdPties/{party}Acct/Id/IBAN")
        or _text(about, f"RltdPties/{party}Acct/Id/Othr/Id"),
        bank_reference=_text(about, "Refs/AcctSvcrRef") or _text(entry, "AcctSvcrRef"),
        returned=about.find("{*}RtrInf") is not None or _text(entry, "RvslInd") == "true",
        cheque=_text(about, "Refs/ChqNb"),
        file=file,
    )


def _file(named: list[Element]) -> str:
    """What the batches or references call the file that was paid by it, each mark once."""
    marks = [_text(each, name) for each in named for name in ("PmtInfId", "MsgId")]
    return " ".join(dict.fromkeys(mark for mark in marks if mark not in ("", "NOTPROVIDED")))


def _amount(details: Element) -> Element | None:
    amount = details.find("{*}Amt")
    return amount if amount is not None else details.find("{*}AmtDtls/{*}TxAmt/{*}Amt")


def _texts(entry: Element, about: Element) -> Iterator[str]:
    places = [_text(about, "Refs/EndToEndId"), _text(about, "Refs/InstrId"), _text(entry, "AddtlNtryInf")]
    places += [each.text or "" for each in about.findall("{*}RmtInf/{*}Ustrd")]
    places += [each.text or "" for each in about.findall("{*}RmtInf/{*}Strd/{*}CdtrRefInf/{*}Ref")]
    yield from (" ".join(each.split()) for each in places if each and each != "NOTPROVIDED")


def _day(entry: Element) -> date:
    text = _text(entry, "BookgDt/Dt") or _text(entry, "BookgDt/DtTm")
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise UnreadableStatement(_("%(text)r is not a booking date.") % {"text": text[:40]}) from None


def _text(element: Element, path: str) -> str:
    found = element.find("/".join(f"{{*}}{part}" for part in path.split("/")))
    return (found.text or "").strip() if found is not None else ""
