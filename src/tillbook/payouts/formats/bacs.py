"""Bacs Standard 18: labels of 80 characters around records of 100, for one processing day.

Source: the layouts that Bacs's banks publish as message implementation guides for Standard 18. A bank
credit has the code 99; the contra, which takes the total from the shop's account, the code 17. The day of a
file is the processing day: payees have their money on the banking day after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from string import ascii_uppercase, digits

from tillbook.payouts.formats import fixed
from tillbook.payouts.instructions import Instruction, Run, check_run
from tillbook.refunds.accounts import Scheme

ENDING = "bacs"

_ALLOWED = f"{ascii_uppercase}{digits} .-/&"
_LABEL, _RECORD = 80, 100
_MOST = 10**11 - 1  # pence
_CREDIT, _CONTRA = "99", "17"
_EVERYONE = "999999"  # the receiving party: Bacs itself


def check(run: Run) -> None:
    """Raise NotForThisFile or InvalidInput for what the file can't say."""
    said = {"name": _name(run.sender.name), "user_id": _user_number(run)}
    check_run(run, currency="GBP", scheme=Scheme.GB, most_minor=_MOST, name=_name, sender=said)


def written(run: Run) -> bytes:
    """The file. Raises NotForThisFile or InvalidInput for what it can't say."""
    check(run)
    return fixed.lines(_records(run))


def _records(run: Run) -> Iterator[str]:
    sender = run.sender
    user = _user_number(run)
    serial = fixed.digits(run.number % 10**6, 6)
    yield fixed.record(_LABEL, "VOL1", serial, " " * 31, user, " " * 32, "1")
    first, second = _file_labels(run, user, serial)
    yield f"HDR1{first}"
    yield f"HDR2{second}"
    yield fixed.record(
        _LABEL, "UHL1", _day(run.pay_on), _EVERYONE, " " * 4, "00", "000000", "1 DAILY  ", "001", " " * 40
    )
    for each in run.instructions:
        yield _entry(run, _CREDIT, each, narrative=sender.name)
    # Its reference must be this word; the bank's statement shows the narrative.
    contra = Instruction("CONTRA", sender.name, sender.account, run.total_minor)
    yield _entry(run, _CONTRA, contra, narrative=run.reference)
    yield f"EOF1{first}"
    yield f"EOF2{second}"
    total = fixed.digits(run.total_minor, 13)
    counts = fixed.digits(1, 7), fixed.digits(len(run.instructions), 7)
    yield fixed.record(_LABEL, "UTL1", total, total, *counts, " " * 8, fixed.digits(0, 7), " " * 21)


def _file_labels(run: Run, user: str, serial: str) -> tuple[str, str]:
    """What the labels before and after the file have in common."""
    made = _day(run.made_at.date())
    first = fixed.record(
        _LABEL - 4,
        f"A{user}S  1{user}", serial, "0001", "0001", " " * 6, made, _day(run.pay_on), "0", "000000",
        " " * 20,
    )  # fmt: skip
    second = fixed.record(_LABEL - 4, "F", "02000", fixed.digits(_RECORD, 5), " " * 35, "00", " " * 28)
    return first, second


def _entry(run: Run, code: str, each: Instruction, *, narrative: str) -> str:
    own = run.sender.account
    return fixed.record(
        _RECORD,
        each.account.branch, each.account.number, "0", code, own.branch, own.number, " " * 4,
        fixed.digits(each.minor, 11), _text(narrative, 18), _text(each.reference, 18), _name(each.name),
    )  # fmt: skip


def _user_number(run: Run) -> str:
    return fixed.number(run.sender.user_id, 6)


def _name(value: str) -> str:
    return _text(value, 18)


def _day(day: date) -> str:
    """A space, the year's last two digits and the day of the year."""
    return f" {day:%y%j}"


def _text(value: str, width: int) -> str:
    return fixed.capitals(value, width, _ALLOWED)
