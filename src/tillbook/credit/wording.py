"""Explanations in words: one sentence on what a stored figure is, then facts with a label each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

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
CAUSES = gettext_lazy(
    "Tillbook writes a transfer and the figures that follow from it in one transaction. So a difference "
    "comes from a write past Tillbook, by someone with access to the database, from a backup that was "
    "restored in part, or from a fault of the version that wrote the entry. Whoever is named made that "
    "entry; it does not say that they caused the difference."
)

_RESTORE = gettext_lazy(
    "Restore the row from a backup exactly as it was: then the history is whole, and figures can be repaired."
)
_COMPARE = gettext_lazy(
    "Run tillbook verify --against FILE with a statement kept elsewhere: it says which credits still end as "
    "they did."
)
_BOOK = gettext_lazy(
    "If the row can't be restored, put the money right by approved transfers, each with its reason: an issue "
    "(Give Credit) where too little is left, a reversal (Reverse) where too much. tillbook verify goes "
    "on naming the row."
)
#: What an admin does where a history is broken.
ADVICE = (_RESTORE, _COMPARE, _BOOK)

#: What a moment is, after which the difference came about.
SINCE = {
    FIRST: gettext_lazy("when the first entry was recorded"),
    PARTING: gettext_lazy("when that entry was recorded"),
    NEWEST: gettext_lazy("when the newest entry was recorded"),
    SOUND: gettext_lazy("when the last sound transfer was recorded"),
    REPAIR: gettext_lazy("when the account was last repaired"),
    CHECK: gettext_lazy("when a check of the book found nothing wrong"),
}

_LEADS = {
    Verdict.OUTSIDE: gettext_lazy(
        "No state of the history gives this figure: it was written from outside the application, or by a "
        "repair."
    ),
    Verdict.UNMARKED: gettext_lazy(
        "Something of the credit is available and it was not marked so: nobody could use it."
    ),
    Verdict.TOGETHER: gettext_lazy(
        "It follows from the order's payments and credit together, not from these alone."
    ),
    Verdict.BROKEN: gettext_lazy(
        "The history itself is broken, so what it gives is no measure of this figure."
    ),
}


def lead(told: Explanation) -> str:
    """What the stored figure is, in a sentence."""
    if told.verdict == Verdict.MISSES:
        return _misses(told)
    if told.verdict == Verdict.LEFT_OUT:
        if told.missed == 1:
            return _("It is what the history gives without one entry.")
        alike = _(
            "It is what the history gives without one entry (%(number)s are alike; the newest is named)."
        )
        return alike % {"number": told.missed}
    if told.verdict == Verdict.DOCUMENTS:
        if told.made_of:
            return _(
                "No history of this figure is kept; the true one is the sum of what is owing on open orders."
            )
        return _("No history of this figure is kept; the true one is zero: nothing is owing.")
    return str(_LEADS[told.verdict])


def _misses(told: Explanation) -> str:
    number = {"number": told.missed}
    if told.agrees is not None:
        return (
            ngettext(
                "It was right once; the newest entry is not in it.",
                "It was right once; the newest %(number)s entries are not in it.",
                told.missed,
            )
            % number
        )
    return (
        ngettext(
            "It is the figure of before the history began: its one entry is not in it.",
            "It is the figure of before the history began: none of its %(number)s entries is in it.",
            told.missed,
        )
        % number
    )


def steps(told: Explanation) -> Iterator[tuple[str, Sequence[Step]]]:
    """The entries that the explanation names, each with its label."""
    first = _("Not in it") if told.verdict == Verdict.LEFT_OUT else _("They part at")
    if told.verdict == Verdict.UNMARKED:
        first = _("Available since")
    rows = ((_("Right up to"), told.agrees), (first, told.parting), (_("Newest entry"), told.newest))
    yield from ((label, [step]) for label, step in rows if step is not None)
    if told.parting is None and (told.parts > 1 or (told.made_of and told.newest is None)):
        older = told.parts - len(told.made_of)
        made = _("Made up of %(number)s older and") % {"number": older} if older else _("Made up of")
        yield made, told.made_of


def steps_of_break(told: Break) -> Iterator[tuple[str, Sequence[Step]]]:
    """The transfers around a broken row, each with its label."""
    rows = (
        (_("Last sound"), told.sound),
        (_("As it stands"), told.row),
        (_("Next after it"), told.following),
    )
    yield from ((label, [step]) for label, step in rows if step is not None)


def counted(told: Break) -> str:
    """What the account's own count says where it is not that of its transfers; else nothing."""
    if told.counted is None or told.counted == told.found:
        return ""
    if told.counted < told.found:
        said = _(
            "The account stands as it did after transfer %(counted)s, and %(found)s are there: an "
            "older row of the account seems to have been put back."
        )
    else:
        said = _("The account knows of %(counted)s transfers, and %(found)s are there.")
    return said % {"counted": told.counted, "found": told.found}


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
