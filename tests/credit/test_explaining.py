"""Explaining a difference, in plain values: where stored figure and history part, and since when."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tillbook.common.money import Money
from tillbook.credit import wording
from tillbook.credit.explaining import (
    CHECK,
    FIRST,
    NEWEST,
    PARTING,
    REPAIR,
    SOUND,
    Explanation,
    Known,
    Step,
    Trace,
    Verdict,
    explain,
    explain_break,
    explain_document,
    explain_mark,
    named,
    plain,
    points_of_account,
    points_of_customer,
    points_of_sum,
    step_of,
    steps_in,
)
from tillbook.ledger.book import Line
from tillbook.ledger.queries import Broken

DAY = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
NOW = DAY + timedelta(days=9)

# What happens to a credit in these tests: kind, inward, amount, posted and held after it.
ISSUE = ("post", True, 5000, 5000, 0)
HOLD = ("hold", False, 2000, 5000, 2000)
RELEASE = ("release", False, 2000, 5000, 0)
SPEND = ("post", False, 1500, 3500, 0)


def at(day: int) -> datetime:
    return DAY + timedelta(days=day)


def chain(*moves: tuple[str, bool, int, int, int], account_id: int = 1, first_day: int = 0) -> list[Line]:
    """An account's transfers, one a day, the n-th under the key `k<day>`."""
    return [
        Line(
            7, account_id, seq, kind, "orders" if kind == "post" and not inward else "receipts", inward, amount,
            None, "", "", f"k{first_day + seq - 1}", 0, "", "user:2", at(0), at(first_day + seq - 1), posted,
            held, b"",
        )
        for seq, (kind, inward, amount, posted, held) in enumerate(moves, 1)
    ]  # fmt: skip


def of_account(stored: tuple[int, int], lines: list[Line], figure: int = 0, known=()) -> Explanation:
    derived = (lines[-1].posted_minor, lines[-1].held_minor)[figure]
    trace = Trace(points_of_account(lines, "GBP"), adds=False)
    return explain(stored, derived, figure, trace, known=known, now=NOW)


def of_customer(stored: tuple[int, int], *chains: list[Line], figure: int = 0, known=()) -> Explanation:
    points = points_of_customer(chains, "GBP")
    return explain(stored, points[-1].after[figure], figure, Trace(points), known=known, now=NOW)


def places(told: Explanation) -> tuple[Verdict, int | None, int | None]:
    """The verdict, and the places of the last entry that agrees and of the first that doesn't."""
    return told.verdict, told.agrees and told.agrees.seq, told.parting and told.parting.seq


def test_a_figure_of_an_earlier_moment_misses_the_transfers_since() -> None:
    told = of_account((5000, 2000), chain(ISSUE, HOLD, RELEASE, SPEND))
    assert places(told) == (Verdict.MISSES, 2, 3)
    assert told.missed == 2
    assert told.parting == Step(
        "CR-1001", 3, "release", "released", Money(2000, "GBP"), "", "k2", "user:2", at(2)
    )


@pytest.mark.parametrize(
    ("stored", "moves", "sentence"),
    [
        ((5000, 0), (ISSUE, SPEND), "It was right once; the newest entry is not in it."),
        (
            (5000, 2000),
            (ISSUE, HOLD, RELEASE, SPEND),
            "It was right once; the newest 2 entries are not in it.",
        ),
        ((0, 0), (ISSUE,), "It is the figure of before the history began: its one entry is not in it."),
        (
            (0, 0),
            (ISSUE, HOLD),
            "It is the figure of before the history began: none of its 2 entries is in it.",
        ),
    ],
)
def test_what_is_missing_is_said_in_a_sentence(stored, moves, sentence: str) -> None:
    assert wording.lead(of_account(stored, chain(*moves))) == sentence


def test_of_two_moments_with_the_same_figures_it_is_the_last() -> None:
    told = of_account((5000, 0), chain(ISSUE, HOLD, RELEASE, SPEND))
    assert places(told) == (Verdict.MISSES, 3, 4)
    assert told.missed == 1


def test_a_figure_of_before_the_first_transfer_parts_at_the_first() -> None:
    told = of_account((0, 0), chain(ISSUE, SPEND))
    assert places(told) == (Verdict.MISSES, None, 1)
    assert told.missed == 2


def test_the_whole_row_is_compared_before_one_figure_of_it() -> None:
    # 5000 alone stood last after the release; with 2000 held it stood after the hold.
    assert places(of_account((5000, 2000), chain(ISSUE, HOLD, RELEASE, SPEND))) == (Verdict.MISSES, 2, 3)
    assert places(of_account((5000, 1), chain(ISSUE, HOLD, RELEASE, SPEND))) == (Verdict.MISSES, 3, 4)


def test_a_figure_that_never_was_says_so_and_names_the_newest_transfer() -> None:
    told = of_account((4999, 0), chain(ISSUE, SPEND))
    assert places(told) == (Verdict.OUTSIDE, None, None)
    assert told.newest is not None and told.newest.seq == 2
    assert wording.lead(told).startswith(
        "No state of the history gives this figure: it was written from outs"
    )


def test_counters_were_right_when_the_newest_transfer_was_written() -> None:
    for stored in ((5000, 0), (4999, 0)):
        assert of_account(stored, chain(ISSUE, SPEND, SPEND)).since == Known(at(2), NEWEST)


def test_a_projection_may_be_wrong_since_the_transfer_that_parts_them() -> None:
    assert of_customer((5000, 0), chain(ISSUE, SPEND)).since == Known(at(1), PARTING)
    assert of_customer((4999, 0), chain(ISSUE, SPEND)).since == Known(at(0), FIRST)


def test_a_later_repair_or_check_narrows_the_time() -> None:
    known = [Known(at(3), REPAIR), Known(at(5), CHECK)]
    told = of_customer((5000, 0), chain(ISSUE, SPEND), known=known)
    assert (told.since, told.until) == (Known(at(5), CHECK), NOW)
    assert of_customer((5000, 0), chain(ISSUE, SPEND), known=[Known(at(0), CHECK)]).since == Known(
        at(1), PARTING
    )


def test_a_check_says_nothing_of_a_figure_that_it_does_not_look_at() -> None:
    known = [Known(at(3), REPAIR), Known(at(5), CHECK)]
    trace = Trace(points_of_account(chain(ISSUE, SPEND), "GBP"), checked=False)
    assert explain((5000, 0), 3500, 0, trace, known=known, now=NOW).since == Known(at(3), REPAIR)


def test_the_accounts_of_a_customer_are_merged_by_time() -> None:
    one = chain(ISSUE, ("post", False, 1000, 4000, 0), account_id=1, first_day=0)
    other = chain(("post", True, 300, 300, 0), ("post", False, 100, 200, 0), account_id=2, first_day=1)
    one[1] = one[1]._replace(recorded_at=at(5), key="k5")
    points = points_of_customer([one, other], "GBP")
    assert [point.after for point in points] == [(5000, 0), (5300, 0), (5200, 0), (4200, 0)]
    told = of_customer((5300, 0), one, other)
    assert told.parting is not None
    assert (told.parting.entry, told.parting.seq, told.missed) == ("CR-1002", 2, 2)


def test_an_account_s_own_order_holds_where_all_was_recorded_at_one_moment() -> None:
    issue, spend = chain(ISSUE, SPEND)
    lines = [issue._replace(key="z"), spend._replace(key="a", recorded_at=at(0))]
    assert [point.after for point in points_of_customer([lines], "GBP")] == [(5000, 0), (3500, 0)]


def test_nothing_ever_stood_between_the_parts_of_one_operation() -> None:
    one = chain(ISSUE, ("post", False, 5000, 0, 0), account_id=1)
    other = chain(ISSUE, ("post", False, 1000, 4000, 0), account_id=2)
    other = [other[0]._replace(key="k0b"), other[1]._replace(part=1)]
    told = of_customer((5000, 0), one, other)  # stood after the first issue, and between the two spends
    assert (told.parting and (told.parting.entry, told.parting.seq), told.missed) == (("CR-1002", 1), 2)


def test_a_held_amount_leaves_what_is_available() -> None:
    points = points_of_customer([chain(ISSUE, HOLD)], "GBP")
    assert [point.after for point in points] == [(5000, 0), (3000, 2000)]


def test_a_sum_without_one_of_its_entries_names_that_entry() -> None:
    lines = chain(ISSUE, ("post", True, 700, 5700, 0), ("post", False, 100, 5600, 0))
    told = of_customer((4900, 0), lines)
    assert (told.verdict, told.parting and told.parting.seq, told.missed) == (Verdict.LEFT_OUT, 2, 1)
    assert told.agrees is None
    assert wording.lead(told) == "It is what the history gives without one entry."


def test_of_entries_alike_the_newest_is_named() -> None:
    lines = chain(
        ISSUE, ("post", False, 700, 4300, 0), ("post", False, 700, 3600, 0), ("post", False, 100, 3500, 0)
    )
    told = of_customer((4200, 0), lines)
    assert (told.verdict, told.parting and told.parting.seq, told.missed) == (Verdict.LEFT_OUT, 3, 2)
    assert "(2 are alike; the newest is named)" in wording.lead(told)


def test_counters_are_written_whole_so_no_transfer_can_be_left_out_of_them() -> None:
    lines = chain(ISSUE, ("post", True, 700, 5700, 0), ("post", False, 100, 5600, 0))
    assert of_account((4900, 0), lines).verdict == Verdict.OUTSIDE


def payment(number: int, minor: int) -> tuple[Step, int]:
    step = Step("N1", None, "payment", "payment received", Money(minor, "GBP"), "", "", "ann", at(number))
    return step, minor


def test_a_sum_of_payments_parts_at_the_first_that_is_missing() -> None:
    paid = [payment(1, 500), payment(2, 300), payment(3, 200)]
    trace = Trace(points_of_sum(paid), [step for step, _ in paid])
    told = explain((500,), 1000, 0, trace, known=[], now=NOW)
    assert (told.verdict, told.agrees, told.parting, told.missed) == (
        Verdict.MISSES, paid[0][0], paid[1][0], 2
    )  # fmt: skip
    assert told.made_of == (paid[0][0], paid[1][0], paid[2][0])


def test_a_sum_that_its_entries_alone_do_not_give_claims_no_parting() -> None:
    paid = [payment(1, 500), payment(2, 300)]
    trace = Trace(points_of_sum(paid), [step for step, _ in paid])
    told = explain((500,), 750, 0, trace, known=[], now=NOW)
    assert (told.verdict, told.parting, told.parts) == (Verdict.TOGETHER, None, 2)


def test_a_figure_with_no_entries_at_all_was_written_from_outside() -> None:
    told = explain((700,), 0, 0, Trace(), known=[], now=NOW)
    assert (told.verdict, told.newest, told.since) == (Verdict.OUTSIDE, None, None)
    assert wording.window(told, str) == f"before {NOW}"


def test_what_is_owing_is_explained_by_the_orders_that_make_it_up() -> None:
    orders = [payment(1, 500)[0], payment(2, 300)[0]]
    told = explain_document(7, 800, Trace(made_of=orders), known=[Known(at(4), REPAIR)], now=NOW)
    assert (told.verdict, told.made_of, told.parts) == (Verdict.DOCUMENTS, tuple(orders), 2)
    assert told.since == Known(at(4), REPAIR)
    left_out = explain_document(500, 800, Trace(made_of=orders), known=[], now=NOW)
    assert (left_out.verdict, left_out.parting) == (Verdict.LEFT_OUT, orders[1])


def test_of_many_entries_the_ten_newest_are_named_and_the_others_counted() -> None:
    orders = [payment(day, 100)[0] for day in range(12)]
    told = explain_document(7, 1200, Trace(made_of=orders), known=[], now=NOW)
    assert (told.made_of, told.parts) == (tuple(orders[2:]), 12)
    assert [label for label, _ in wording.steps(told)] == ["Made up of 2 older and"]


def test_a_credit_not_marked_is_available_since_the_transfer_that_made_it_so() -> None:
    spent = ("post", False, 5000, 0, 0)
    back = ("post", True, 900, 900, 0)
    told = explain_mark(chain(ISSUE, spent, back, ("post", True, 100, 1000, 0)), "GBP", known=[], now=NOW)
    assert (told.verdict, told.parting and told.parting.seq) == (Verdict.UNMARKED, 3)
    assert told.since == Known(at(2), PARTING)


@pytest.mark.parametrize(
    ("problem", "seq", "lines", "around"),
    [
        ("was changed: its digest does not follow", 2, (1, 2, 3), (1, 2, 3)),
        ("is missing", 2, (1, 3, 4), (1, None, 3)),
        ("was changed: its digest does not follow", 1, (1, 2), (None, 1, 2)),
        ("is missing: the account knows of other transfers", 3, (1, 2), (2, None, None)),
        ("belongs to no account", 1, (), (None, None, None)),
    ],
)
def test_around_a_broken_row_stand_the_last_sound_one_and_the_next(problem, seq, lines, around) -> None:
    whole = chain(ISSUE, HOLD, RELEASE, SPEND)
    there = [whole[each - 1] for each in lines]
    told = explain_break(Broken(7, 1, seq, problem), there, "GBP", 4, known=[Known(at(8), CHECK)], now=NOW)
    assert tuple(each and each.seq for each in (told.sound, told.row, told.following)) == around
    assert (told.since, told.until) == (Known(at(8), CHECK), NOW)


def test_a_balance_that_does_not_continue_was_wrong_when_the_row_was_written() -> None:
    lines = chain(ISSUE, HOLD, RELEASE)
    broken = Broken(7, 1, 3, "has a running balance that does not continue")
    told = explain_break(broken, lines, "GBP", 3, known=[Known(at(8), CHECK)], now=NOW)
    assert (told.since, told.until) == (Known(at(1), SOUND), at(2))
    assert wording.window(told, lambda each: f"day {(each - DAY).days}") == (
        "after day 1, when the last sound transfer was recorded, and before day 2"
    )


def test_an_account_that_counts_less_than_is_there_says_so() -> None:
    lines = chain(ISSUE, HOLD, RELEASE)
    broken = Broken(7, 1, 4, "is missing: the account knows of other transfers")
    told = explain_break(broken, lines, "GBP", 1, known=[], now=NOW)
    assert wording.counted(told).startswith("The account stands as it did after transfer 1, and 3 are there:")
    assert wording.counted(replace(told, counted=5)) == "The account knows of 5 transfers, and 3 are there."
    assert wording.counted(replace(told, counted=3)) == ""


def test_names_go_to_every_entry_that_is_named() -> None:
    orders = tuple(payment(day, 100)[0] for day in (1, 2))
    told = replace(of_account((5000, 0), chain(ISSUE, SPEND)), made_of=orders)
    assert [step.actor for step in steps_in([told])] == ["user:2", "user:2", "ann", "ann"]
    whole = named(told, lambda step: f"<{step.actor}>")
    assert [step.who for step in steps_in([whole])] == ["<user:2>", "<user:2>", "<ann>", "<ann>"]
    assert (whole.since, whole.missed) == (told.since, told.missed)


def test_as_plain_values_money_is_minor_units_and_moments_are_text() -> None:
    told = plain(of_account((5000, 0), chain(ISSUE, SPEND)))
    assert (told["verdict"], told["missed"], told["newest"]) == ("misses", 1, None)
    assert told["since"] == {"at": "2026-03-03T10:00:00+00:00", "by": "newest"}
    assert told["parting"] == {
        "entry": "CR-1001", "seq": 2, "kind": "post", "what": "spent", "reference": "", "key": "k1",
        "amount": {"minor": 1500, "currency": "GBP"}, "actor": "user:2", "who": "",
        "at": "2026-03-03T10:00:00+00:00",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "house", "inward", "what"),
    [
        ("post", "receipts", True, "issued"),
        ("post", "orders", True, "restored"),
        ("post", "orders", False, "spent"),
        ("post", "breakage", False, "expired"),
        ("post", "receipts", False, "reversed"),
        ("hold", "payouts", False, "held"),
        ("capture", "payouts", False, "captured"),
        ("release", "payouts", False, "released"),
    ],
)
def test_a_transfer_is_called_by_what_happened(kind: str, house: str, inward: bool, what: str) -> None:
    [line] = chain(ISSUE)
    assert step_of(line._replace(kind=kind, house=house, inward=inward), "GBP").what == what


def test_a_line_of_text_names_document_person_and_moment() -> None:
    step = replace(step_of(chain(ISSUE)[0], "GBP"), who="ann")
    assert wording.step(step, str) == f"CR-1001 transfer 1, issued 50.00 GBP (key k0), by ann, {DAY}"
    paid = payment(0, 500)[0]
    assert wording.step(replace(paid, reference="X9"), str) == (
        f"N1, payment received 5.00 GBP for X9, {DAY}"
    )
