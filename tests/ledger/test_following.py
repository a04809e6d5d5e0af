"""The fast check of a chain says the same as the replay that explains it, whatever was done to the rows."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from tests.ledger.test_sums import book, execute  # noqa: F401 - a fixture
from tests.ledger.test_tampering import drop_triggers
from tillbook.common.errors import Refusal
from tillbook.ledger.book import Book, Counters, Draft, Line, Pending, Stamp, chained, effect, genesis, micros
from tillbook.ledger.following import Head, follows, micros_of_number, micros_of_text
from tillbook.ledger.models import Account, House, Kind, Transfer
from tillbook.ledger.queries import chains, replay
from tillbook.ledger.verification import verify

OWN = (7, 3, "GBP")
START = datetime(2026, 3, 2, 12, tzinfo=UTC)


def history(chance: random.Random) -> list[Line]:
    """Some lines of one account, holds and what ends them among them, as the book decides them."""
    in_hand = Book()
    in_hand.add([Counters(*OWN, 0, 0, 0, genesis(*OWN))])
    holds: list[Line] = []
    for step in range(chance.randrange(1, 25)):
        kind = chance.choice([Kind.POST, Kind.POST, Kind.HOLD, Kind.CAPTURE, Kind.RELEASE])
        amount, ended = chance.randrange(1, 50), None
        if kind in (Kind.CAPTURE, Kind.RELEASE):
            if not holds:
                continue
            line = holds.pop(chance.randrange(len(holds)))
            ended = Pending(3, line.seq, line.amount_minor, House.ORDERS, "order", "N1", "GBP", False)
            amount = line.amount_minor
        inward = kind == Kind.POST and chance.random() < 0.6
        draft = Draft(3, kind, House.ORDERS, inward, amount, "order", "N1", ended)
        at = START + timedelta(microseconds=step * chance.choice([1, 10**6]))
        try:
            (line,) = in_hand.post(Stamp(7, f"k{step}", "0" * 64, "user:1", at, at), [draft])
        except Refusal:
            continue
        if kind == Kind.HOLD:
            holds.append(line)
    return in_hand.lines


def head_of(lines: list[Line]) -> Head:
    if not lines:
        return Head(*OWN, 0, 0, 0, genesis(*OWN))
    return Head(*OWN, lines[-1].posted_minor, lines[-1].held_minor, len(lines), lines[-1].digest)


def tampered(chance: random.Random, lines: list[Line]) -> list[Line]:
    """The lines with one changed, left out or put elsewhere."""
    place = chance.randrange(len(lines))
    line = lines[place]
    how = chance.choice(["change", "change", "change", "leave out", "move"])
    if how == "leave out":
        return lines[:place] + lines[place + 1 :]
    if how == "move":
        rest = lines[:place] + lines[place + 1 :]
        rest.insert(chance.randrange(len(lines)), line)
        return rest
    changed = chance.choice(
        [
            {"seq": line.seq + chance.choice([-1, 1])},
            {"kind": chance.choice([kind.value for kind in Kind])},
            {"house": "goodwill"},
            {"inward": not line.inward},
            {"amount_minor": line.amount_minor + chance.choice([-1, 1, 99])},
            {"hold_seq": chance.choice([None, *range(1, len(lines) + 1)])},
            {"reason": "goodwill"},
            {"reference": "N2"},
            {"key": "another"},
            {"part": 1},
            {"content": "1" * 64},
            {"actor": "user:9"},
            {"effective_at": line.effective_at + timedelta(microseconds=1)},
            {"recorded_at": line.recorded_at - timedelta(microseconds=1)},
            {"posted_minor": line.posted_minor + chance.choice([-1, 1])},
            {"held_minor": line.held_minor + chance.choice([-1, 1])},
            {"digest": bytes(32)},
        ]
    )
    return [*lines[:place], line._replace(**changed), *lines[place + 1 :]]


def forged(lines: list[Line]) -> list[Line]:
    """The lines with digests that follow: only what they say can be wrong."""
    digest = genesis(*OWN)
    found = []
    for line in lines:
        digest = chained(digest, line)
        found.append(line._replace(digest=digest))
    return found


def counted(lines: list[Line]) -> list[Line]:
    """The lines with the counters that their amounts give, below zero too."""
    posted = held = 0
    amounts = {line.seq: line.amount_minor for line in lines}
    found = []
    for line in lines:
        by = effect(line.kind, line.inward, line.amount_minor, amounts.get(line.hold_seq or 0, 0))
        posted, held = posted + by[0], held + by[1]
        found.append(line._replace(posted_minor=posted, held_minor=held))
    return found


@pytest.mark.parametrize("seed", range(40))
def test_both_say_the_same_of_any_chain_sound_tampered_with_or_forged(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same chains every time
    found = {True: 0, False: 0}
    for _ in range(25):
        lines = history(chance)
        assert follows(head_of(lines), lines)
        for _ in range(8 if lines else 0):
            wrong = tampered(chance, lines)
            fitted, recounted = forged(wrong), forged(counted(wrong))
            for head, each in (
                (head_of(lines), wrong), (head_of(fitted), fitted), (head_of(recounted), recounted),
            ):  # fmt: skip
                sound = replay(Account(**head._asdict()), each).problem is None
                assert follows(head, each) == sound
                found[sound] += 1
    assert min(found.values()) > 20  # a forged reference follows


@pytest.mark.parametrize(
    "changed",
    ["posted_minor", "held_minor", "transfers", "digest"],
)
def test_a_head_that_its_chain_does_not_give_is_seen(changed: str) -> None:
    lines = history(random.Random(1))  # noqa: S311 - the same chain every time
    head = head_of(lines)
    value = bytes(32) if changed == "digest" else getattr(head, changed) + 1
    assert follows(head, lines)
    assert not follows(head._replace(**{changed: value}), lines)
    assert not follows(head._replace(customer_id=8), lines)
    assert not follows(head._replace(currency="EUR"), lines)


@pytest.mark.parametrize(
    "change",
    [
        "seq = seq + 50", "kind = 'hold'", "house = 'goodwill'", "inward = NOT inward",
        "amount_minor = amount_minor + 1", "hold_seq = 50", "reason = 'x'", "reference = 'x'", "key = 'x'",
        "part = part + 7", "content = 'x'", "actor = 'x'", "effective_at = '2026-03-01 09:00:00.000001+00:00'",
        "recorded_at = '2026-03-01 09:00:00+00:00'", "posted_minor = posted_minor + 1",
        "held_minor = held_minor + 1", "digest = (SELECT digest FROM ledger_account LIMIT 1)",
    ],
)  # fmt: skip
def test_a_change_of_any_column_is_found_and_told_as_the_replay_tells_it(book, change: str) -> None:  # noqa: F811
    assert verify().broken == []
    drop_triggers()
    execute(f"UPDATE ledger_transfer SET {change} WHERE key = 's' AND customer_id = {book[0]}")
    by_account = dict(chains(Transfer.objects.all()))
    told = [
        replay(account, by_account.get((account.customer_id, account.id), [])).problem
        for account in Account.objects.order_by("customer_id", "id")
    ]
    found = [each for each in verify().broken if each.account_id is not None]
    assert found == [each for each in told if each is not None] != []


@pytest.mark.parametrize("fraction", ["", ".5", ".000001", ".999999"])
def test_a_moment_is_the_same_number_as_text_and_as_a_moment(fraction: str) -> None:
    text = f"2026-03-01 23:59:59{fraction}"
    assert micros_of_text(text) == micros(datetime.fromisoformat(f"{text}+00:00"))


@pytest.mark.only_on("sqlite")  # PostgreSQL hands out moments
def test_sqlite_stores_moments_as_that_text(book) -> None:  # noqa: F811
    with connection.cursor() as cursor:
        cursor.execute("SELECT +recorded_at FROM ledger_transfer LIMIT 1")
        ((text,),) = cursor.fetchall()
    assert micros_of_text(text) == micros(Transfer.objects.all()[0].recorded_at)


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-01 23:59:59.999999", "2000-01-01 00:00:00", "1999-12-31 23:59:59.999999",
        "1970-01-01 00:00:00.000001", "1969-12-31 23:59:59.5", "0001-01-01 00:00:00",
    ],
)  # fmt: skip
def test_a_moment_is_the_same_number_as_postgresql_sends_it(text: str) -> None:
    moment = datetime.fromisoformat(f"{text}+00:00")
    sent = (moment - datetime(2000, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert micros_of_number(sent) == micros(moment)


@pytest.mark.only_on("postgresql")  # SQLite keeps texts
@pytest.mark.parametrize(
    "moment", ["infinity", "-infinity", "12026-03-01 09:00:00+00", "0044-03-15 12:00:00+00 BC"]
)
@pytest.mark.parametrize("column", ["effective_at", "recorded_at"])
def test_a_moment_that_is_none_in_python_is_found_and_stops_nothing(book, column: str, moment: str) -> None:  # noqa: F811
    drop_triggers()
    execute(f"UPDATE ledger_transfer SET {column} = '{moment}' WHERE key = 's' AND customer_id = {book[0]}")
    row = Transfer.objects.filter(key="s", customer_id=book[0]).values_list("account_id", "seq")[0]
    found = [each for each in verify().broken if (each.account_id, each.seq) == row]
    assert [each.problem for each in found] == ["was changed: its digest does not follow"]
