"""One call: who makes it, what it asks for, and how several things are changed or read by it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import uuid4

from django.db import transaction
from django.db.models import Model, QuerySet

from tillbook.common.actor import Actor
from tillbook.common.errors import InvalidInput, Refusal
from tillbook.neto.books import place_of
from tillbook.neto.fields import Fields
from tillbook.neto.wire import Tree

MOST = 10_000  # things of one page
_USUAL = 1_000

Row = TypeVar("Row", bound=Model)
Inner = tuple[Sequence[str], Sequence[str]]  # where the list stands, and the fields that name one of it
NONE_INNER: Mapping[str, Inner] = {}
_Cut = tuple[Sequence[str], set[str] | None]  # a path, and the fields of what stands there; None: all of them


@dataclass(frozen=True, slots=True)
class Call:
    """`now` is read once for all that it does; `sent_key` is its Idempotency-Key, if it has one."""

    action: str
    body: Tree
    actor: Actor
    now: datetime
    sent_key: str = ""

    @property
    def filter(self) -> Fields:
        return Fields(self.body, self.now).inner("Filter")


@dataclass(frozen=True, slots=True)
class Item:
    """One of the things that a call changes."""

    call: Call
    fields: Fields
    place: int

    def key(self, *identity: object) -> str:
        """The key for services: of the header, else of what identifies the thing on this wire, else new."""
        if self.call.sent_key:
            identity = ("sent", self.call.actor.identity, self.call.sent_key, self.place)
        if not identity:
            return f"neto:{uuid4()}"
        named = json.dumps([self.call.action, *map(str, identity)]).encode()
        return f"neto:{hashlib.sha256(named).hexdigest()}"

    @property
    def by(self) -> dict[str, Any]:
        return {"actor": self.call.actor, "now": self.call.now}


def error(refusal: Refusal, place: str = "") -> Tree:
    """The refusal as an entry of Messages."""
    return {
        "Message": f"{place}{refusal.message}",
        "SeverityCode": "Error",
        "Description": f"{refusal.code} ({refusal.field})" if refusal.field else refusal.code,
    }


def change(call: Call, name: str, do: Callable[[Item], Tree]) -> Tree:
    """Do it for each thing of that name: one that is refused changes nothing, and stops no other."""
    sent = Fields(call.body, call.now).each(name)
    if not sent:
        raise InvalidInput(f"Send at least one {name}.", field=name)
    told, refused = {}, {}
    for item in _in_lock_order([Item(call, fields, place) for place, fields in enumerate(sent)]):
        try:
            with transaction.atomic():
                told[item.place] = do(item)
        except Refusal as refusal:
            refused[item.place] = error(refusal, f"{name} {item.place + 1}: " if len(sent) > 1 else "")
    made, errors = ([found[place] for place in sorted(found)] for found in (told, refused))
    ack = "Success" if not errors else "Warning" if made else "Error"
    return {name: made, "Ack": ack, "Messages": {"Error": errors} if errors else {}}


def _in_lock_order(items: Sequence[Item]) -> Sequence[Item]:
    """The things in the order in which they are done: as sent, or in the one order in which books are locked.

    A call with a key is one transaction, which keeps each book that it has locked until all is done.
    """
    if len(items) < 2 or not items[0].call.sent_key:
        return items
    return sorted(items, key=lambda item: place_of(item.fields))


def page(wanted: Fields, rows: QuerySet[Row]) -> list[Row]:
    """The page that was asked for, counted from 0."""
    limit = min(wanted.whole("Limit", _USUAL), MOST) or _USUAL
    first = wanted.whole("Page", 0) * limit
    return list(rows[first : first + limit])


def between(wanted: Fields, name: str, column: str, rows: QuerySet[Row]) -> QuerySet[Row]:
    """Those whose moment lies from `{name}From` to `{name}To`, both ends included."""
    for end, sign in (("From", "gte"), ("To", "lte")):
        if (at := wanted.moment(f"{name}{end}")) is not None:
            rows = rows.filter(**{f"{column}__{sign}": at})
    return rows


def ids_in(texts: Iterable[str]) -> list[int]:
    """The row ids among the texts; what can be none finds nothing."""
    return [int(each) for each in texts if each.isascii() and each.isdigit() and len(each) < 19]


def selected(
    wanted: Fields, things: Iterable[Tree], always: Sequence[str], inner: Mapping[str, Inner] = NONE_INNER
) -> list[Tree]:
    """Of each thing what OutputSelector names, and what is `always` told; all where nothing is named.

    `inner` are fields with fields of their own, by their selector: "OrderLine" is all of a line,
    "OrderLine.Quantity" only that and what names the line.
    """
    names = {each.strip() for each in wanted.texts("OutputSelector")}
    if not names:
        return list(things)
    cuts = list(_cuts(names, inner))
    return [_selected(thing, names | set(always), cuts) for thing in things]


def _cuts(names: set[str], inner: Mapping[str, Inner]) -> Iterator[_Cut]:
    """What is kept of the inner fields that are named."""
    for selector, (path, named_by) in inner.items():
        below = {each.partition(".")[2] for each in names if each.startswith(f"{selector}.")}
        if selector in names or below:
            yield path, None if selector in names else below | set(named_by)


def _selected(thing: Tree, names: set[str], cuts: Iterable[_Cut]) -> Tree:
    told = {name: value for name, value in thing.items() if name in names}
    for path, kept in cuts:
        told |= _cut({path[0]: thing[path[0]]}, path, kept)
    return told


def _cut(tree: Tree, path: Sequence[str], kept: set[str] | None) -> Tree:
    """The tree with only the fields `kept` of what stands at the end of the path; None: all of them."""
    name, *rest = path
    if rest:
        return {name: _cut(tree[name], rest, kept)}
    if kept is None:
        return {name: tree[name]}
    return {name: [{key: value for key, value in each.items() if key in kept} for each in tree[name]]}
