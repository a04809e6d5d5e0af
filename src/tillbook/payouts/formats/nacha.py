"""The file that American banks take: PPD credits, records of 94 characters in blocks of ten.

Source: the record layouts of the Nacha Operating Rules, Appendix Three, as banks publish them.
"""

from __future__ import annotations

from collections.abc import Iterator
from string import ascii_uppercase, digits

from tillbook.payouts.formats import fixed
from tillbook.payouts.instructions import Instruction, Run, check_run
from tillbook.refunds.accounts import Scheme

ENDING = "ach"

_ALLOWED = f"{ascii_uppercase}{digits} .,'&/()-$#@%*+:;=?!"
_WIDTH, _BLOCK = 94, 10
_COMPANY = 10  # characters of its identification
_MOST = 10**10 - 1  # cents
_HASHED = 10**10  # the hash keeps its last ten digits
_CREDITS_ONLY, _CHECKING_CREDIT = "220", "22"
_MODIFIERS = ascii_uppercase + digits  # tell the files of one day apart


def check(run: Run) -> None:
    """Raise NotForThisFile or InvalidInput for what the file can't say."""
    said = {"name": _text(run.sender.name, 16), "user_id": _company(run), "bank": _bank(run)}
    check_run(run, currency="USD", scheme=Scheme.US, most_minor=_MOST, name=_name, sender=said)


def written(run: Run) -> bytes:
    """The file: one batch. Raises NotForThisFile or InvalidInput for what it can't say."""
    check(run)
    records = list(_records(run))
    filling = -len(records) % _BLOCK
    return fixed.lines([*records, *["9" * _WIDTH] * filling])


def _records(run: Run) -> Iterator[str]:
    sender = run.sender
    bank, company = sender.account.branch, _company(run)
    yield fixed.record(
        _WIDTH,
        "1", "01", fixed.right(bank, 10), company, f"{run.made_at:%y%m%d%H%M}",
        _MODIFIERS[(run.number - 1) % len(_MODIFIERS)], "094", "10", "1", _bank(run),
        _text(sender.name, 23), _text(run.reference, 8),
    )  # fmt: skip
    yield fixed.record(
        _WIDTH,
        "5", _CREDITS_ONLY, _text(sender.name, 16), _text(run.reference, 20), company, "PPD",
        _text("REFUND", 10), " " * 6, f"{run.pay_on:%y%m%d}", " " * 3, "1", bank[:8], fixed.digits(1, 7),
    )  # fmt: skip
    for place, each in enumerate(run.instructions, start=1):
        yield _entry(run, place, each)
    sums = _sums(run)
    yield fixed.record(
        _WIDTH,
        "8", _CREDITS_ONLY, fixed.digits(len(run.instructions), 6), *sums, company, " " * 19, " " * 6,
        bank[:8], fixed.digits(1, 7),
    )  # fmt: skip
    entries = len(run.instructions)
    blocks = -(-(entries + 4) // _BLOCK)
    yield fixed.record(
        _WIDTH,
        "9", fixed.digits(1, 6), fixed.digits(blocks, 6), fixed.digits(entries, 8), *sums, " " * 39,
    )  # fmt: skip


def _entry(run: Run, place: int, each: Instruction) -> str:
    account = each.account
    return fixed.record(
        _WIDTH,
        "6", _CHECKING_CREDIT, account.branch, account.number.ljust(17), fixed.digits(each.minor, 10),
        _text(each.reference, 15), _name(each.name), " " * 2, "0", run.sender.account.branch[:8],
        fixed.digits(place, 7),
    )  # fmt: skip


def _company(run: Run) -> str:
    """The company's identification; blank where it is too long, for a part of it is somebody else's."""
    given = run.sender.user_id
    return _text(given if len(given) <= _COMPANY else "", _COMPANY)


def _bank(run: Run) -> str:
    return _text(run.sender.bank, 23)


def _name(value: str) -> str:
    return _text(value, 22)


def _sums(run: Run) -> tuple[str, str, str]:
    """The hash of the payees' banks, what is debited, and what is credited."""
    hashed = sum(int(each.account.branch[:8]) for each in run.instructions) % _HASHED
    return fixed.digits(hashed, 10), fixed.digits(0, 12), fixed.digits(run.total_minor, 12)


def _text(value: str, width: int) -> str:
    return fixed.capitals(value, width, _ALLOWED)
