"""What a recalculation found, as the session carries it to the customer's page and as the page shows it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from tillbook.credit import wording
from tillbook.credit.explaining import Break, Explanation, Step, steps_in
from tillbook.credit.recalculation import Difference, Recalculation
from tillbook.panel.credit_lines import pages_of
from tillbook.panel.words import in_words

Facts = Iterable[tuple[str, Sequence[Step]]]


def portable(result: Recalculation, customer_id: int) -> dict[str, Any]:
    """The customer's result in values that a session can keep."""
    steps = [*steps_in(result.explanations), *steps_in(result.breaks)]
    documents = {each.entry for each in result.differences} | {each.entry for each in result.breaks}
    named = {step.entry for step in steps} | {step.reference for step in steps} | documents
    pages = pages_of(customer_id, named)
    explained = zip(result.differences, result.explanations, strict=True)
    return {
        "compared": result.compared,
        "differences": [_difference(each, why, pages) for each, why in explained],
        "broken": [_broken(each, pages) for each in result.breaks],
    }


def shown(kept: dict[str, Any]) -> dict[str, Any]:
    """The same as the page's template takes it: with moments, and what is always said."""
    for each in [*kept["differences"], *kept["broken"]]:
        each["since"] = each["since"] and datetime.fromisoformat(each["since"])
        each["until"] = each["until"] and datetime.fromisoformat(each["until"])
        for fact in each["facts"]:
            for step in fact["steps"]:
                step["at"] = datetime.fromisoformat(step["at"])
    return {**kept, "causes": wording.CAUSES, "advice": wording.ADVICE}


def _difference(each: Difference, why: Explanation, pages: dict[str, str]) -> dict[str, Any]:
    return {
        "entry": each.entry,
        "url": pages.get(each.entry, ""),
        "figure": in_words(each.figure),
        "currency": each.stored.currency,
        "stored": each.stored.minor,
        "derived": each.derived.minor,
        "lead": wording.lead(why),
        **_came_about(why, wording.steps(why), pages, until=None),
    }


def _broken(each: Break, pages: dict[str, str]) -> dict[str, Any]:
    # Where the row's own figures were wrong already, it happened before the row; else simply before now.
    until = each.until if each.row is not None and each.until == each.row.at else None
    return {
        "entry": each.entry,
        "url": pages.get(each.entry, ""),
        "problem": _("transfer %(number)s %(problem)s")
        % {"number": each.seq, "problem": in_words(each.problem)},
        "lead": wording.counted(each),
        **_came_about(each, wording.steps_of_break(each), pages, until=until),
    }


def _came_about(
    told: Explanation | Break, facts: Facts, pages: dict[str, str], *, until: datetime | None
) -> dict[str, Any]:
    """The entries, and the time it happened in; `until` is said where it is not simply now."""
    return {
        "facts": [
            {"label": label, "steps": [_step(each, pages) for each in steps]} for label, steps in facts
        ],
        "since": told.since and told.since.at.isoformat(),
        "since_what": told.since and str(wording.SINCE[told.since.by]),
        "until": until and until.isoformat(),
    }


def _step(step: Step, pages: dict[str, str]) -> dict[str, Any]:
    return {
        "entry": step.entry,
        "url": pages.get(step.entry, ""),
        "seq": step.seq,
        "what": in_words(step.what),
        "minor": step.amount.minor,
        "currency": step.amount.currency,
        "reference": step.reference,
        "reference_url": pages.get(step.reference, ""),
        "who": step.who,
        "at": step.at.isoformat(),
    }
