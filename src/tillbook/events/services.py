"""Writing events, and remembering keyed requests by them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from json.encoder import encode_basestring_ascii as _quoted
from typing import Any, NamedTuple

from tillbook.common import statements
from tillbook.common.actor import Actor
from tillbook.common.errors import InvalidInput, KeyReused
from tillbook.common.money import Money
from tillbook.events.models import Event

MAX_KEY_LENGTH = 200
_INTERNAL = "~"

_COLUMNS = {
    "action": "text", "subject": "text", "customer_id": "bigint", "key": "text", "content": "text",
    "actor_name": "text", "actor_role": "text", "actor_user_id": "bigint", "origin": "text",
    "reason": "text", "note": "text", "public_note": "text", "data": "jsonb", "recorded_at": "timestamptz",
}  # fmt: skip

_encode = json.JSONEncoder(separators=(",", ":")).encode


def _plain(value: object) -> str:
    """A value that JSON does not know, as text; a moment is the same in every zone."""
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)


_encode_sorted = json.JSONEncoder(sort_keys=True, default=_plain, separators=(",", ":")).encode


class NewEvent(NamedTuple):
    """An event about to be written; the fields are those of `Event`."""

    action: str
    subject: str
    customer_id: int | None = None
    key: str | None = None
    content: str | None = None
    reason: str = ""
    note: str = ""
    public_note: str = ""
    data: Mapping[str, Any] | str = {}  # never changed: events share it; a text is JSON already


def record(new: NewEvent, *, actor: Actor, now: datetime) -> None:
    """Write one event in the caller's transaction."""
    record_many([new], actor=actor, now=now)


def record_many(new: Sequence[NewEvent], *, actor: Actor, now: datetime) -> None:
    """Write events in one statement, in the caller's transaction."""
    statements.write([recorded([(each, actor, now) for each in new])])


def recorded(told: Sequence[tuple[NewEvent, Actor, datetime]]) -> statements.Insert:
    """What writes events of several actors and moments, in the caller's transaction."""
    rows = []
    by: tuple[Actor, datetime] | None = None
    for new, actor, now in told:
        if by is None or by[0] is not actor or by[1] is not now:  # mostly all are of one
            by = actor, now
            who = (actor.name, actor.role.value, actor.user_id, actor.origin)
            at = statements.moment(now)
        data = new.data if type(new.data) is str else _encode(new.data)
        # In the order of NewEvent, with the actor after the fifth.
        rows.append((*new[:5], *who, *new[5:8], data, at))
    return statements.Insert("events_event", _COLUMNS, rows)


def content_of(action: str, **request: Any) -> str:
    """The SHA-256, in hex, of what a keyed request asks for.

    Two requests are the same exactly when their action and fields are. Fields are written
    as sorted JSON; values JSON does not know (dates, enums, Money) by their `str`.
    """
    return hashlib.sha256(_encode_sorted([action, request]).encode()).hexdigest()


def content_maker(action: str, names: Sequence[str]) -> Callable[[Sequence[object]], str]:
    """What gives `content_of` that action for the values of fields of these names, in their order.

    The same text, put together several times faster: for what comes by thousands.
    """
    order = sorted(names)
    places = [names.index(name) for name in order]
    fields = ",".join(f"{_quoted(name)}:%s" for name in order)
    shape = f"[{_quoted(action).replace('%', '%%')},{{{fields}}}]"  # no field's name has a %

    def content(values: Sequence[object]) -> str:
        text = shape % tuple([_json(values[place]) for place in places])
        return hashlib.sha256(text.encode()).hexdigest()

    return content


def _json(value: object) -> str:
    """The value as `_encode_sorted` writes it."""
    if isinstance(value, str):
        return _quoted(value)
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if type(value) is int:
        return str(value)
    if type(value) is Money:
        return _quoted(str(value))
    if type(value) is list:
        return f"[{','.join(map(_json, value))}]"
    return _encode_sorted(value)


def content_of_texts(*fields: object) -> str:
    """The same for a request whose fields, in their order, are printable texts and whole numbers.

    They are joined by U+001F, which is not printable. Several times faster: for what comes by thousands.
    """
    texts = [each if isinstance(each, str) else str(each) for each in fields]
    return hashlib.sha256("\x1f".join(texts).encode()).hexdigest()


class InternalKey(str):
    """A key that the program made. It begins as no caller's key may, so that none can take its place."""

    __slots__ = ()


def keys_query(places: Iterable[tuple[int, str]]) -> statements.Query:
    """Which of these (customer_id, key) any request has used; rows are (customer_id, key, content)."""
    table, rows = statements.wanted({"customer_id": "bigint", "key": "text"}, places)
    return statements.Query(
        f"SELECT e.customer_id, e.key, e.content FROM {table} CROSS JOIN events_event AS e "
        "WHERE e.customer_id = wanted.customer_id AND e.key = wanted.key",
        rows,
    )


def check_key(key: str) -> str:
    """Return `key` if it can name a request: 1 to 200 printable characters, the first of them not ~."""
    if not key or len(key) > MAX_KEY_LENGTH or not key.isprintable():
        raise InvalidInput(f"An idempotency key is 1 to {MAX_KEY_LENGTH} printable characters.", field="key")
    if key.startswith(_INTERNAL) and not isinstance(key, InternalKey):
        raise InvalidInput(f"An idempotency key can't begin with {_INTERNAL}.", field="key")
    return key


def derived_key(key: str, purpose: str) -> InternalKey:
    """The key of a step inside a keyed request: always the same one, and never too long."""
    return internal_key(key, purpose)


def internal_key(*parts: object) -> InternalKey:
    """A key of the program's own making, for what `parts` name."""
    key = _INTERNAL + "/".join(map(str, parts))
    if len(key) > MAX_KEY_LENGTH:
        key = _INTERNAL + hashlib.sha256(key.encode()).hexdigest()
    return InternalKey(key)


def is_known(customer_id: int, key: str) -> bool:
    """Whether the key stands for a request already: no rule may be tried for it again (R4)."""
    # Nearly every key is new: past the ORM that takes a fraction of the time.
    return bool(statements.select(*keys_query([(customer_id, check_key(key))])))


def replay(customer_id: int | None, key: str, content: str) -> Event | None:
    """The event that this key wrote before, or None if the key is new (R4).

    Call it under the customer's lock and before any rule. Without a customer: of what is nobody's, under a
    lock that all who send the key take, for the database lets such a key stand twice. Raises KeyReused when
    the key stood for another request.
    """
    if customer_id is not None and not is_known(customer_id, key):
        return None
    event = Event.objects.filter(customer_id=customer_id, key=check_key(key)).first()
    if event is not None and event.content != content:
        raise KeyReused(key)
    return event
