"""The database refuses to change what was written, and verify finds what got past it."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from tillbook.common.money import Money
from tillbook.credit import services
from tillbook.credit.models import GiveReason
from tillbook.customers.models import Customer
from tillbook.events.models import Event
from tillbook.ledger.models import Transfer
from tillbook.ledger.verification import verify

pytestmark = pytest.mark.django_db


@pytest.fixture
def transfer(admin_actor, now) -> Transfer:
    customer = Customer.objects.create(username="jo", currency="GBP", created_at=now)
    common = {"customer_id": customer.pk, "actor": admin_actor, "now": now}
    services.give(
        amount=Money(1000, "GBP"),
        reason=GiveReason.DEPOSIT,
        refundable=True,
        expires_at=None,
        key="g",
        **common,
    )
    services.spend(amount=Money(300, "GBP"), reference="N1", key="s", **common)
    assert verify().broken == []
    return Transfer.objects.get(key="s")


def drop_triggers() -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("DROP TRIGGER ledger_transfer_no_change ON ledger_transfer")
            return
        cursor.execute("DROP TRIGGER ledger_transfer_no_update")
        cursor.execute("DROP TRIGGER ledger_transfer_no_delete")


@pytest.mark.parametrize(
    "statement", ["UPDATE ledger_transfer SET amount_minor = 1", "DELETE FROM ledger_transfer"]
)
def test_the_database_refuses_to_change_a_transfer(transfer, statement):
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    assert Transfer.objects.count() == 2


@pytest.mark.parametrize(
    "change",
    [
        "amount_minor = 299",
        "reference = 'N2'",
        "house = 'goodwill'",
        "effective_at = recorded_at, actor = 'x'",
    ],
)
def test_a_row_altered_behind_the_programs_back_is_named(transfer, change):
    drop_triggers()
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE ledger_transfer SET {change} WHERE key = 's'")
    rows = [(each.account_id, each.seq) for each in verify().broken if each.account_id is not None]
    assert rows == [(transfer.account_id, 2)]


@pytest.mark.parametrize(
    "change",
    [
        "ledger_transfer SET amount_minor = 'much'",
        "ledger_transfer SET seq = 'last' WHERE seq = 2",
        "ledger_transfer SET effective_at = 'one day'",
        "ledger_account SET posted_minor = 'nothing'",
    ],
)
def test_what_is_no_number_or_moment_at_all_is_refused_or_found(transfer, change):
    drop_triggers()
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with pytest.raises(DatabaseError):
                cursor.execute(f"UPDATE {change}")
            return
        # SQLite keeps any value in any column.
        cursor.execute("PRAGMA ignore_check_constraints = ON")
        cursor.execute(f"UPDATE {change}")
        cursor.execute("PRAGMA ignore_check_constraints = OFF")
    assert transfer.account_id in {each.account_id for each in verify().broken}


def test_a_missing_row_is_named(transfer):
    drop_triggers()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM ledger_transfer WHERE key = 's'")
    broken = verify().broken
    assert broken[0].account_id == transfer.account_id
    assert broken[0].seq == 2


def test_a_counter_below_what_is_held_is_refused_by_the_database(transfer):
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE ledger_account SET held_minor = posted_minor + 1")


def test_a_projection_altered_by_hand_is_found(transfer):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE ledger_balance SET available_minor = 1")
    assert [each.problem for each in verify().broken] == [
        "has a GBP projection that its transfers do not give"
    ]


@pytest.mark.only_on("sqlite")  # PostgreSQL knows no REPLACE
@pytest.mark.parametrize(
    "copied",
    [
        "customer_id, account_id, seq",
        "customer_id, account_id + 1, seq",  # the same key and part
    ],
)
def test_sqlite_cannot_replace_a_transfer_either(transfer, copied):
    rest = (
        "kind, house, inward, amount_minor + 1, hold_seq, reason, reference, key, part, content, actor, "
        "effective_at, recorded_at, posted_minor, held_minor, digest"
    )
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"INSERT OR REPLACE INTO ledger_transfer SELECT {copied}, {rest} FROM ledger_transfer")
    assert list(Transfer.objects.order_by("seq").values_list("amount_minor", flat=True)) == [1000, 300]


@pytest.mark.only_on("sqlite")  # PostgreSQL knows no REPLACE
def test_sqlite_cannot_replace_an_event(transfer):
    before = list(Event.objects.order_by("id").values())
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "REPLACE INTO events_event SELECT id, action, customer_id, subject, key, content, 'somebody', "
            "actor_role, actor_user_id, origin, reason, note, public_note, data, recorded_at FROM events_event"
        )
    assert list(Event.objects.order_by("id").values()) == before
