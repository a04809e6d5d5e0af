"""SEPA credit transfers as ISO 20022 pain.001.001.09, written and held against the schema by sepaxml."""

from __future__ import annotations

from string import ascii_letters, digits
from xml.etree.ElementTree import Element, ParseError, tostring

from defusedxml.ElementTree import fromstring
from django.utils.translation import gettext as _
from sepaxml import SepaTransfer
from sepaxml.validation import ValidationError, try_valid_xml

from tillbook.common.errors import InvalidInput
from tillbook.payouts.formats import characters
from tillbook.payouts.instructions import NotForThisFile, Run, check_run
from tillbook.refunds.accounts import BankAccount, Scheme

ENDING = "xml"

# What the IBANs of SEPA begin with: EPC409-09, the EPC's list of SEPA scheme countries. Guernsey, Jersey and
# the Isle of Man have British IBANs, and the islands of other countries those of the country.
_COUNTRIES = {
    "AD", "AL", "AT", "BE", "BG", "CH", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR",
    "GB", "GI", "GR", "HR", "HU", "IE", "IS", "IT", "LI", "LT", "LU", "LV", "MC", "MD",
    "ME", "MK", "MT", "NL", "NO", "PL", "PT", "RO", "RS", "SE", "SI", "SK", "SM", "VA",
}  # fmt: skip

_SCHEMA = "pain.001.001.09"
_SPACE = f"urn:iso:std:iso:20022:tech:xsd:{_SCHEMA}"
_ALLOWED = f"{ascii_letters}{digits}/-?:().,'+ "  # what all banks of SEPA take, EPC217-08
_LONGEST_ID, _LONGEST_NAME, _LONGEST_TEXT = 35, 70, 140
_MOST = 99_999_999_999  # cents: the scheme's largest amount, EPC125-05


def check(run: Run) -> None:
    """Raise NotForThisFile or InvalidInput for what the file can't say."""
    said = {"name": _name(run.sender.name)}
    check_run(run, currency="EUR", scheme=Scheme.IBAN, most_minor=_MOST, name=_name, sender=said)
    if not _is_in_sepa(run.sender.account):
        raise InvalidInput(
            _("The account %(source)r is in a country outside SEPA.") % {"source": run.sender.source},
            field="source",
        )
    for each in run.instructions:
        if not _is_in_sepa(each.account):
            raise NotForThisFile(
                _("%(reference)s goes to an account in a country outside SEPA. Leave it out.")
                % {"reference": each.reference},
                field="refunds",
            )


def written(run: Run) -> bytes:
    """The file: one batch, all in EUR. Raises NotForThisFile or InvalidInput for what it can't say."""
    check(run)
    try:
        file = _with_our_marks(_transfer(run).export(validate=False), run)
        try_valid_xml(file, _SCHEMA)
    except (ValidationError, ParseError) as error:
        why = getattr(error.__cause__, "reason", None) or error
        raise NotForThisFile(
            _("The file would not keep to its schema: %(why)s") % {"why": why}, field="format"
        ) from error
    return file


def _transfer(run: Run) -> SepaTransfer:
    sender = run.sender
    config = {"name": _name(sender.name), "batch": True, "currency": run.currency, **_place(sender.account)}
    transfer = SepaTransfer(config, schema=_SCHEMA, clean=False)
    for each in run.instructions:
        transfer.add_payment(
            {
                "name": _name(each.name),
                **_place(each.account),
                "amount": each.minor,
                "execution_date": run.pay_on,
                "description": characters.plain(f"{each.reference} {sender.name}", _ALLOWED, _LONGEST_TEXT),
                "endtoend_id": each.reference,
            }
        )
    return transfer


def _with_our_marks(file: bytes, run: Run) -> bytes:
    """The file with what sepaxml makes up itself, or leaves empty, as the run says it."""
    root = fromstring(file)
    # The bank gives the mark back where it books the file as one sum, and takes each mark once: the time
    # tells this payout from one of the same number, in a book that was restored.
    mark = f"{run.reference}-{run.made_at:%Y%m%d%H%M%S}"[:_LONGEST_ID]
    for name, text in [("MsgId", mark), ("PmtInfId", mark), ("CreDtTm", f"{run.made_at:%Y-%m-%dT%H:%M:%S}")]:
        for each in root.iter(f"{{{_SPACE}}}{name}"):
            each.text = text
    for bank in root.iter(f"{{{_SPACE}}}FinInstnId"):
        if len(bank) == 0:
            bank.append(_bank_not_provided())
    return bytes(tostring(root, "UTF-8", xml_declaration=True))  # sepaxml has registered the namespace


def _bank_not_provided() -> Element:
    """Stands for the shop's bank where only its IBAN is known (EPC132-08)."""
    other, id = Element(f"{{{_SPACE}}}Othr"), Element(f"{{{_SPACE}}}Id")
    id.text = "NOTPROVIDED"
    other.append(id)
    return other


def _is_in_sepa(account: BankAccount) -> bool:
    return account.number[:2] in _COUNTRIES


def _name(value: str) -> str:
    return characters.plain(value, _ALLOWED, _LONGEST_NAME)


def _place(account: BankAccount) -> dict[str, str]:
    return {"IBAN": account.number} | ({"BIC": account.bic} if account.bic else {})
