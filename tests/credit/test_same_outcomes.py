"""The same random traffic one by one, in batches and in shared commits: same answers, same rows.

So it is with batches that hand over each few rows while they decide the rest.

Each way runs on a fresh copy of the same empty book. The credits that traffic begins with are
issued in one order, so their numbers are the same everywhere and so must be their transfers,
digests included. A credit issued on the way may get another number, as numbers are given out
over all customers; there the rest of the row is compared, and `verify` vouches for the digests.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.databases import at_once, begin_anew
from tillbook.common.actor import Actor, Role
from tillbook.common.errors import Refusal
from tillbook.common.money import Money
from tillbook.common.numbering import public_number
from tillbook.credit import batch, services
from tillbook.credit.models import Credit, GiveReason, Source
from tillbook.credit.moving import move_each
from tillbook.credit.services import Issue, Resolution, Taking
from tillbook.credit.sharing import SharedCommit
from tillbook.customers.models import Customer
from tillbook.events.models import Event
from tillbook.ledger.models import Account, Balance, House, Kind, Transfer
from tillbook.ledger.verification import verify

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
ADMIN = Actor("admin", Role.ADMIN, "test", 2)
NOBODY = 10**12
EXAMPLES = 15

Asked = Issue | Taking | Resolution
Answer = tuple[Any, ...]  # the parts, or a refusal's code and message
Run = Callable[[Sequence[Asked]], list[Answer]]


@dataclass(frozen=True)
class Step:
    """One operation of one customer, by places in lists: ids are known when the book is there."""

    person: int  # one beyond the last is nobody
    kind: str
    minor: int
    currency: str
    reference: str
    key_of: int | None  # -1: no key; even: the person's last request again; odd: only its key
    chosen: list[tuple[int, int]] | None  # (place among the person's first credits, minor units)
    hold: int  # for one that ends a hold: its place among the person's holds so far
    payout: bool


@dataclass(frozen=True)
class FirstCredit:
    person: int
    minor: int
    currency: str
    days: int | None  # until it expires; below zero: it has
    refundable: bool


currencies = st.sampled_from(["GBP"] * 7 + ["EUR"])


def mostly(usual: st.SearchStrategy[Any], *others: Any) -> st.SearchStrategy[Any]:
    """`usual`, but for one in eight."""
    return st.integers(0, 7).flatmap(lambda drawn: usual if drawn else st.sampled_from(others))


def first_credits(people: int) -> st.SearchStrategy[list[FirstCredit]]:
    return st.lists(
        st.builds(
            FirstCredit, st.integers(0, people - 1), st.integers(100, 600), currencies,
            st.sampled_from([None, None, 5, 2, -1]), st.booleans(),
        ),
        min_size=3 * people, max_size=4 * people,
    )  # fmt: skip


def steps(people: int) -> st.SearchStrategy[list[Step]]:
    """Runs of one kind, so that there are batches of more than one."""
    one = st.builds(
        Step,
        person=mostly(st.integers(0, people - 1), people),
        kind=st.just(""),
        minor=mostly(st.integers(1, 150), 0, -1, 100_000),
        currency=currencies,
        reference=mostly(st.sampled_from(["N1", "N2", "N3"]), ""),
        key_of=mostly(st.none(), *range(6), -1),
        chosen=st.one_of(st.none(), st.lists(st.tuples(st.integers(0, 9), st.integers(1, 90)), max_size=3)),
        hold=st.integers(0, 9),
        payout=st.booleans(),
    )
    kinds = st.sampled_from([["issue"], ["spend"], ["hold", "capture"], ["hold", "release", "capture"]])
    runs = st.tuples(kinds, st.lists(one, min_size=4, max_size=10)).map(
        lambda drawn: [
            replace(each, kind=drawn[0][place * len(drawn[0]) // len(drawn[1])])
            for place, each in enumerate(drawn[1])
        ]
    )
    return st.lists(runs, min_size=4, max_size=5).map(lambda found: [step for run in found for step in run])


traffic = st.integers(2, 4).flatmap(lambda people: st.tuples(first_credits(people), steps(people)))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(drawn=traffic)
@pytest.mark.usefixtures("own_database")
def test_one_by_one_in_batches_and_sharing_commits_give_the_same(
    template_database: Path, drawn: tuple[list[FirstCredit], list[Step]]
) -> None:
    alone = outcome_of(one_by_one, template_database, *drawn)
    for other in (in_batches, in_batches_handed_over_early, at_the_same_time):
        answers, rows = outcome_of(other, template_database, *drawn)
        assert answers == alone[0], other.__name__
        for table, there in rows.items():
            assert there == alone[1][table], f"{other.__name__}: {table}"


def outcome_of(
    run: Run, template: Path, credits: Sequence[FirstCredit], steps: Sequence[Step]
) -> tuple[list[Answer], dict[str, list[Any]]]:
    """What each step was answered when the traffic came that way, and every row it left."""
    begin_anew(template)
    people = [
        Customer.objects.create(username=f"c{n}", currency="GBP", created_at=NOW).pk
        for n in range(max(each.person for each in credits) + 1)
    ]
    people += [NOBODY] * 4
    issues = [_first(each, people[each.person], place) for place, each in enumerate(credits)]
    made = services.accepted(services.issue_many(issues, actor=ADMIN, now=NOW - timedelta(days=9)))
    answers = run(asked_of(steps, people, made))
    assert verify().broken == []
    known = names()
    return [_by_name(each, known) for each in answers], rows_by_name(known, {credit.id for credit in made})


def _first(each: FirstCredit, customer_id: int, place: int) -> Issue:
    expires_at = None if each.days is None else NOW + timedelta(days=each.days)
    return Issue(
        customer_id, Money(each.minor, each.currency), Source.MANUAL, House.RECEIPTS, GiveReason.DEPOSIT, "",
        f"first{place}", each.refundable, expires_at,
    )  # fmt: skip


def asked_of(steps: Sequence[Step], people: Sequence[int], made: Sequence[Credit]) -> list[Asked]:
    """The requests that the steps stand for, now that it is known who and which credit that is."""
    asked: list[Asked] = []
    holds: defaultdict[int, list[str]] = defaultdict(list)
    for place, step in enumerate(steps):
        earlier = [each for each in asked[-4:] if each.customer_id == people[step.person]]
        if earlier and step.key_of in (0, 2, 4):
            asked.append(earlier[-1])  # the same request once more
            continue
        key = f"k{place}" if step.key_of != -1 else ""
        if earlier and step.key_of is not None and step.key_of > 0 and step.key_of % 2:
            key = earlier[-1].key
        owned = [credit.id for credit in made if credit.customer_id == people[step.person]]
        if step.kind == "hold":
            holds[step.person].append(key)
        hold = ["none", *holds[step.person]][-1 - step.hold % (len(holds[step.person]) + 1)]
        asked.append(_asked(step, people[step.person], key, owned, hold))
    return asked


def _asked(step: Step, customer_id: int, key: str, owned: Sequence[int], hold_key: str) -> Asked:
    amount = Money(step.minor, step.currency)
    if step.kind == "issue":
        return Issue(
            customer_id, amount, Source.MANUAL, House.GOODWILL, GiveReason.GOODWILL, step.reference, key
        )
    if step.kind in ("spend", "hold"):
        chosen = None
        if step.chosen is not None:
            chosen = {owned[place % len(owned)] if owned else 1: minor for place, minor in step.chosen}
            amount = Money(sum(chosen.values()) if step.minor % 9 else step.minor, step.currency)
        kind = Kind.POST if step.kind == "spend" else Kind.HOLD
        paid_out = step.payout and kind == Kind.HOLD
        house, reason = (House.PAYOUTS, "refund") if paid_out else (House.ORDERS, "order")
        return Taking(customer_id, amount, step.reference, key, kind, chosen, house, reason, paid_out)
    kind = Kind.CAPTURE if step.kind == "capture" else Kind.RELEASE
    part = amount if kind == Kind.CAPTURE and step.payout else None
    return Resolution(customer_id, hold_key, key, kind, part)


def one_by_one(asked: Sequence[Asked]) -> list[Answer]:
    return [answered(each) for each in asked]


def in_batches(asked: Sequence[Asked]) -> list[Answer]:
    """Those of one kind that come one after the other are one batch."""
    many = {Issue: services.issue_many, Taking: services.take_many, Resolution: services.resolve_many}
    return [
        _told(outcome)
        for kind, batch in groupby(asked, key=type)
        for outcome in many[kind](list(batch), actor=ADMIN, now=NOW)
    ]


def in_batches_handed_over_early(asked: Sequence[Asked]) -> list[Answer]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tillbook.credit.batch._AHEAD", 4)
        return in_batches(asked)


def at_the_same_time(asked: Sequence[Asked]) -> list[Answer]:
    """Each customer's in their order, in a thread of their own; all but issues share commits."""
    answers: list[Answer] = [()] * len(asked)
    shared = SharedCommit(move_each, move_each)

    def answer(each: Asked) -> Answer:
        outcome = None if isinstance(each, Issue) else shared.do(batch.Asked(each, ADMIN, NOW))
        # What gives something back to an expired credit is left alone.
        return answered(each) if outcome is None else _told(outcome)

    def work(places: Sequence[int]) -> None:
        for place in places:
            answers[place] = answer(asked[place])

    owners = sorted({each.customer_id for each in asked})
    lists = [[n for n, each in enumerate(asked) if each.customer_id == owner] for owner in owners]
    for ended in at_once([lambda places=places: work(places) for places in lists]) if lists else ():
        if ended is not None:
            raise ended
    return answers


def answered(asked: Asked) -> Answer:
    """What the service for a single one of these answers."""
    by = {"customer_id": asked.customer_id, "key": asked.key, "actor": ADMIN, "now": NOW}
    try:
        if isinstance(asked, Issue):
            return _told(
                services.issue(
                    amount=asked.amount, source=asked.source, house=asked.house, reason=asked.reason,
                    reference=asked.reference, **by,
                )
            )  # fmt: skip
        if isinstance(asked, Taking):
            wanted = {"amount": asked.amount, "reference": asked.reference, "credits": asked.credits, **by}
            if asked.kind == Kind.POST:
                return _told(services.spend(**wanted))
            return _told(
                services.hold(
                    **wanted, house=asked.house, reason=asked.reason, refundable_only=asked.refundable_only
                )
            )
        if asked.kind == Kind.CAPTURE:
            return _told(services.capture(hold_key=asked.hold_key, amount=asked.amount, **by))
        return _told(services.release(hold_key=asked.hold_key, **by))
    except Refusal as refusal:
        return _told(refusal)


def _told(outcome: Any) -> Answer:
    if isinstance(outcome, Refusal):
        return "refused", outcome.code, outcome.message, outcome.field
    if isinstance(outcome, Credit):
        return ("credit", outcome.id)
    return ("parts", *((part.credit_id, part.amount_minor) for part in outcome))


def names() -> dict[int, str]:
    """Credit id -> what it is called in every run: its owner's id and the key that issued it."""
    return {id: f"{owner}/{key}" for id, owner, key in Credit.objects.values_list("id", "customer_id", "key")}


def _by_name(answer: Answer, known: dict[int, str]) -> Answer:
    if answer[0] == "credit":
        return "credit", known[answer[1]]
    if answer[0] == "parts":
        return "parts", *((known[credit_id], minor) for credit_id, minor in answer[1:])
    return answer


def rows_by_name(known: dict[int, str], first: set[int]) -> dict[str, list[Any]]:
    """Every row of every table of the book, credits by their names; digests of the `first` ones only."""
    numbers = {public_number("CR", credit_id): name for credit_id, name in known.items()}

    def row(each: dict[str, Any], column: str) -> dict[str, Any]:
        named = {**each, column: known[each[column]]}
        if "digest" in each:
            named["digest"] = bytes(each["digest"]) if each[column] in first else b""
        return named

    events = [
        {
            **each,
            "id": None,
            "subject": numbers.get(each["subject"], each["subject"]),
            "data": [
                [[numbers[number], minor] for number, minor in value] if name == "credits" else value
                for name, value in sorted(each["data"].items())
            ],
        }
        for each in Event.objects.order_by("customer_id", "id").values()
    ]
    return {
        "transfers": _sorted((row(each, "account_id") for each in Transfer.objects.values()), "account_id", "seq"),
        "accounts": _sorted((row(each, "id") for each in Account.objects.values()), "id"),
        "credits": _sorted((row(each, "id") for each in Credit.objects.values()), "id"),
        # A book of zeros is the same as none: whether a refused request leaves one is no matter.
        "balances": [
            each
            for each in Balance.objects.order_by("customer_id", "currency").values()
            if each["available_minor"] or each["held_minor"] or each["owing_minor"]
        ],
        "events": events,
    }  # fmt: skip


def _sorted(rows: Iterable[dict[str, Any]], *columns: str) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda each: [each[column] for column in columns])
