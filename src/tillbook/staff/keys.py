"""API keys: what a program shows instead of logging in.

A key belongs to a user, acts in their name and can do no more than their role and its own scopes allow.
Its secret is shown once; kept is a hash. The secret holds 256 random bits, so a plain SHA-256 is enough:
there is nothing to guess that a slow hash would protect.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import DatabaseError, transaction
from django.utils.translation import gettext as _

from tillbook.common import statements
from tillbook.common.actor import PERMISSIONS, SCOPES, Actor, Permission, Role, Scope
from tillbook.common.errors import InvalidInput, NotFound
from tillbook.events.services import NewEvent, content_of, record, replay
from tillbook.staff.models import ApiKey, User

_log = logging.getLogger(__name__)

_PREFIX = "tb"
_OF_A_SECOND_PERSON = frozenset(
    {Permission.APPROVE_REFUND, Permission.COMPLETE_REFUND, Permission.MAKE_PAYOUTS}
)
_SUBJECT = "key:"  # of its events, before its row
_LONGEST_NAME = 100
_not_noted_until: dict[
    int, datetime
] = {}  # by the keys' ids: where it failed it is not tried at each request
_USE_NOTED_EVERY = timedelta(minutes=1)  # a write for each request would cost more than it tells


class KeyNotFound(NotFound):
    code = "api_key_not_found"


@transaction.atomic
def add_key(
    *,
    owner: User,
    name: str,
    scopes: Collection[Scope],
    key: str | None = None,
    actor: Actor,
    now: datetime,
) -> tuple[ApiKey, str]:
    """Make a key for `owner`; returns it with its secret, which can't be read again.

    Asked again with the same idempotency `key` (R4) it returns the first API key, and an empty secret: nobody
    knows that one any more. Raises InvalidInput, KeyReused, and PermissionDenied for anyone but an admin or
    the system.
    """
    actor.require(Permission.MANAGE_KEYS)
    owner = _locked_owner(owner, actor)
    ordered = [scope.value for scope in Scope if scope in scopes]
    content = content_of("key.added", owner=owner.username, name=name, scopes=ordered)
    if key is not None and (first := replay(None, key, content)) is not None:
        return ApiKey.objects.select_related("owner").get(pk=first.subject.removeprefix(_SUBJECT)), ""
    _check(owner, name, ordered)
    _check_second_person(owner, scopes, actor)
    public, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    made = ApiKey.objects.create(
        owner=owner, name=name, prefix=public, secret_hash=_hash(secret), scopes=ordered, created_at=now
    )
    _record("key.added", made, actor, now, key, content)
    return made, f"{_PREFIX}_{public}_{secret}"


def _locked_owner(owner: User, actor: Actor) -> User:
    """The owner as they are now, locked with whoever asks: what is sent twice at once waits for the first."""
    found = User.objects.select_for_update().filter(pk__in=[owner.pk, actor.user_id or 0]).order_by("pk")
    return next(each for each in found if each.pk == owner.pk)


def _check(owner: User, name: str, scopes: Collection[str]) -> None:
    if not 1 <= len(name) <= _LONGEST_NAME or not name.isprintable() or name != name.strip():
        raise InvalidInput(
            _("A key's name is 1 to %(longest_name)s printable characters.")
            % {"longest_name": _LONGEST_NAME},
            field="name",
        )
    if not scopes:
        raise InvalidInput(_("A key needs at least one scope."), field="scopes")
    if not owner.is_active:
        raise InvalidInput(
            _("%(username)s can't log in any more, nor can a key of theirs.") % {"username": owner.username},
            field="owner",
        )


def _check_second_person(owner: User, scopes: Collection[Scope], actor: Actor) -> None:
    """Raise InvalidInput for a key with which a user could pay as another: that takes two (R6)."""
    may = {each for scope in scopes for each in SCOPES[scope]} & PERMISSIONS[Role(owner.role)]
    if actor.user_id not in (None, owner.pk) and may & _OF_A_SECOND_PERSON:
        raise InvalidInput(
            _(
                "With this key you could approve and pay refunds as %(username)s. They make it themselves, "
                "or it is made where the program runs, with “tillbook key add”."
            )
            % {"username": owner.username},
            field="owner",
        )


@transaction.atomic
def revoke_key(key_id: int, *, actor: Actor, now: datetime) -> ApiKey:
    """End a key at once; revoking twice changes nothing. Raises KeyNotFound, PermissionDenied."""
    actor.require(Permission.MANAGE_KEYS)
    key = ApiKey.objects.select_for_update().filter(pk=key_id).select_related("owner").first()
    if key is None:
        raise KeyNotFound(_("There is no such key."), field="key")
    if key.revoked_at is None:
        key.revoked_at = now
        key.save(update_fields=["revoked_at"])
        _record("key.revoked", key, actor, now)
    return key


def all_keys() -> list[ApiKey]:
    """All keys with their owners, the newest first."""
    return list(ApiKey.objects.select_related("owner").order_by("-pk"))


class KnownKey(NamedTuple):
    """A key that may be used, and its owner, as every request needs them."""

    id: int
    prefix: str
    secret_hash: str
    scopes: str  # JSON
    used_lately: bool  # then its use need not be noted
    owner_id: int
    username: str
    role: str


def key_of(token: str, now: datetime) -> KnownKey | None:
    """The key whose secret this is, if it may still be used: neither it nor its owner has ended."""
    prefix, _, rest = token.partition("_")
    public, _, secret = rest.partition("_")
    if prefix != _PREFIX or not public or not token.isascii():
        return None
    found = statements.select(
        "SELECT k.id, k.prefix, k.secret_hash, CAST(k.scopes AS text), "
        "coalesce(k.last_used_at > %s, FALSE), u.id, u.username, u.role "
        "FROM staff_apikey AS k JOIN staff_user AS u ON u.id = k.owner_id "
        "WHERE k.prefix = %s AND k.revoked_at IS NULL AND u.is_active",
        [statements.moment(now - _USE_NOTED_EVERY), public],
    )
    key = KnownKey(*found[0]) if found else None
    same = hmac.compare_digest(_hash(secret), key.secret_hash if key else _hash(""))
    return key if same else None


def note_use(key: KnownKey, now: datetime) -> None:
    """Remember that the key was used; to the minute.

    Where the database takes nothing in, as on a full disk, what only reads is answered all the same.
    """
    if key.used_lately or now < _not_noted_until.get(key.id, now):
        return
    try:
        ApiKey.objects.filter(pk=key.id).update(last_used_at=now)
    except DatabaseError as error:
        _not_noted_until[key.id] = now + _USE_NOTED_EVERY
        _log.warning("That key %s was used could not be noted: %s", key.prefix, error)


def actor_of(key: KnownKey, origin: str) -> Actor:
    """The actor of what the key asks for: its owner, as far as its scopes go."""
    scopes = frozenset(Scope(scope) for scope in json.loads(key.scopes))
    return Actor(key.username, Role(key.role), origin, key.owner_id, key.id, scopes)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _record(
    action: str,
    about: ApiKey,
    actor: Actor,
    now: datetime,
    key: str | None = None,
    content: str | None = None,
) -> None:
    data = {"name": about.name, "owner": about.owner.username, "scopes": about.scopes}
    kept = content if key is not None else None
    record(NewEvent(action, f"{_SUBJECT}{about.pk}", key=key, content=kept, data=data), actor=actor, now=now)
