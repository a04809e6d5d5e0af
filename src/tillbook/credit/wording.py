"""Explanations in words: one sentence on what a stored figure is, then facts with a label each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from tillbook.credit.explaining import (
    CHECK,
    FIRST,
    NEWEST,
    PARTING,
    REPAIR,
    SOUND,
    Break,
    Explanation,
    Step,
    Verdict,
)

#: What a difference comes from, and what a name in an explanation means.
CAUSES = (
    "Tillbook writes a transfer and the figures that follow from it in one transaction. So a difference "
    "comes from a write past Tillbook, by someone with access to the database, from a backup that was "
    "restored in part, or from a fault of the version that wrote the entry. Whoever is named made that "
    "entry; it does not say that they caused the difference."
)

_RESTORE = (
    "Restore the row from a backup exactly as it was: then the history is whole, and figures can be repaired."
)
_COMPARE = (
    "Run tillbook verify --against FILE with a statement kept elsewhere: it says which credits still end as "
    "they did."
)
_BOOK = (
    "If the row can't be restored, put the money right by approved transfers, each with its reason: an issue "
    "(Give Credit) where too little is left, a reversal (Reverse) where too much. tillbook verify goes "
    "on naming the row."
)
#: What an admin does where a history is broken.
ADVICE = (_RESTORE, _COMPARE, _BOOK)

#: What a moment is, after which the difference came about.
SINCE = {
    FIRST: "when the first entry was recorded",
    PARTING: "when that entry was recorded",
    NEWEST: "when the newest entry was recorded",
    SOUND: "when the last sound transfer was recorded",
    REPAIR: "when the account was last repaired",
    CHECK: "when a check of the book found nothing wrong",
}

_LEADS = {
    Verdict.OUTSIDE: (
        "No state of the history gives this figure: it was written from outside the application, or by a "
        "repair."
    ),
    Verdict.UNMARKED: "Something of the credit is available and it was not marked so: nobody could use it.",
    Verdict.TOGETHER: "It follows from the order's payments and credit together, not from these alone.",
    Verdict.BROKEN: "The history itself is broken, so what it gives is no measure of this figure.",
}


def lead(told: Explanation) -> str:
    """What the stored figure is, in a sentence."""
    if told.verdict == Verdict.MISSES:
        one = told.missed == 1
        if told.agrees is None:
            none = "its one entry is not" if one else f"none of its {told.missed} entries is"
            return f"It is the figure of before the history began: {none} in it."
        lacking = "newest entry is" if one else f"newest {told.missed} entries are"
        return f"It was right once; the {lacking} not in it."
    if told.verdict == Verdict.LEFT_OUT:
        alike = f" ({told.missed} are alike; the newest is named)" if told.missed > 1 else ""
        return f"It is what the history gives without one entry{alike}."
    if told.verdict == Verdict.DOCUMENTS:
        what = "the sum of what is owing on open orders" if told.made_of else "zero: nothing is owing"
        return f"No history of this figure is kept; the true one is {what}."
    return _LEADS[told.verdict]


def steps(told: Explanation) -> Iterator[tuple[str, Sequence[Step]]]:
    """The entries that the explanation names, each with its label."""
    first = "Not in it" if told.verdict == Verdict.LEFT_OUT else "They part at"
    if told.verdict == Verdict.UNMARKED:
        first = "Available since"
    rows = (("Right up to", told.agrees), (first, told.parting), ("Newest entry", told.newest))
    yield from ((label, [step]) for label, step in rows if step is not None)
    if told.parting is None and (told.parts > 1 or (told.made_of and told.newest is None)):
        older = told.parts - len(told.made_of)
        yield f"Made up of{f' {older} older and' if older else ''}", told.made_of


def steps_of_break(told: Break) -> Iterator[tuple[str, Sequence[Step]]]:
    """The transfers around a broken row, each with its label."""
    rows = (("Last sound", told.sound), ("As it stands", told.row), ("Next after it", told.following))
    yield from ((label, [step]) for label, step in rows if step is not None)


def counted(told: Break) -> str:
    """What the account's own count says where it is not that of its transfers; else nothing."""
    if told.counted is None or told.counted == told.found:
        return ""
    if told.counted < told.found:
        return (
            f"The account stands as it did after transfer {told.counted}, and {told.found} are there: an "
            "older row of the account seems to have been put back."
        )
    return f"The account knows of {told.counted} transfers, and {told.found} are there."


def step(told: Step, when: Callable[[datetime], str]) -> str:
    """An entry as a line of text; `when` writes a moment."""
    place = f" transfer {told.seq}" if told.seq is not None else ""
    why = f" for {told.reference}" if told.reference else f" (key {told.key})" if told.key else ""
    by = f", by {told.who}" if told.who else ""
    return f"{told.entry}{place}, {told.what} {told.amount}{why}{by}, {when(told.at)}"


def window(told: Explanation | Break, when: Callable[[datetime], str]) -> str:
    """In which time the difference came about."""
    before = f"before {when(told.until)}"
    if told.since is None:
        return before
    return f"after {when(told.since.at)}, {SINCE[told.since.by]}, and {before}"
