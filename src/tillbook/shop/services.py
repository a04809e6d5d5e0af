"""Saving the shop's settings: a new version, and an event that says what changed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from tillbook.common.actor import Actor, Permission
from tillbook.common.errors import InvalidInput, Refusal
from tillbook.events.services import NewEvent, record
from tillbook.shop import policies
from tillbook.shop.checks import checked
from tillbook.shop.details import Shop
from tillbook.shop.logos import Picture, read_picture
from tillbook.shop.models import Logo, Version
from tillbook.shop.values import SECTIONS, differences, values_of, with_values

_SUBJECT = "settings"


class SettingsChanged(Refusal):
    """Somebody else saved these settings since the page was opened."""

    code = "settings_changed"


@transaction.atomic
def save(section: str, values: Mapping[str, Any], *, seen: int, actor: Actor, now: datetime) -> int:
    """Save one section's values, as `shop.values` writes them; returns the version in effect then.

    `seen` is the version that the page was made of. What a section does not name stays. Saved as
    it stands, nothing is written. Raises PermissionDenied, SettingsChanged, InvalidInput.
    """
    actor.require(Permission.MANAGE_SETTINGS)
    newest = Version.objects.order_by("-id").first()
    environment: Shop = settings.TILLBOOK_SHOP
    saved = {} if newest is None else newest.values
    before = with_values(environment, saved)
    try:
        wanted = checked(section, values, before)
    except InvalidInput:
        _check_seen(section, seen, newest, environment)  # what was right for the page may be wrong by now
        raise
    changed = differences(_of_section(section, before), {**_of_section(section, before), **wanted})
    if not changed:
        return 0 if newest is None else newest.pk
    _check_seen(section, seen, newest, environment)
    number = 1 if newest is None else newest.pk + 1
    _insert(Version(pk=number, at=now, by=actor.name, values={**saved, **wanted}))
    event = NewEvent("settings.changed", _SUBJECT, data={"section": section, "changed": changed})
    record(event, actor=actor, now=now)
    policies.forget()
    transaction.on_commit(policies.forget)  # whoever read meanwhile saw what was before
    return number


def _insert(made: Version) -> None:
    try:
        with transaction.atomic():
            made.save(force_insert=True)
    except IntegrityError as error:
        raise SettingsChanged(
            _("Somebody else saved settings at the same moment. Yours were not saved: open the page again.")
        ) from error


def _of_section(section: str, shop: Shop) -> dict[str, Any]:
    values = values_of(shop)
    return {name: values[name] for name in SECTIONS[section]}


def _check_seen(section: str, seen: int, newest: Version | None, environment: Shop) -> None:
    """Another section may have changed meanwhile; this one may not."""
    if newest is None or newest.pk == seen:
        return
    then = Version.objects.filter(pk=seen).first()
    if seen and then is None:
        raise InvalidInput(_("There is no such version of the settings. Open the page again."), field="seen")
    before = _of_section(section, with_values(environment, {} if then is None else then.values))
    if before != _of_section(section, with_values(environment, newest.values)):
        raise SettingsChanged(
            _("%(by)s changed these settings meanwhile. Nothing was saved: open the page again.")
            % {"by": newest.by}
        )


@transaction.atomic
def save_logo(upload: bytes | None, *, seen: int, actor: Actor, now: datetime) -> int:
    """Make a PNG or JPEG the shop's logo, or have none; returns the version in effect then.

    Raises PermissionDenied, SettingsChanged, InvalidInput for anything but such a picture.
    """
    actor.require(Permission.MANAGE_SETTINGS)
    picture = None if upload is None else read_picture(upload)
    if picture is not None:
        _keep(picture)
    digest = "" if picture is None else picture.digest
    return save("logo", {"logo": digest}, seen=seen, actor=actor, now=now)


def _keep(picture: Picture) -> None:
    """Store the picture unless it is there, from an earlier time that it was the logo."""
    if not Logo.objects.filter(pk=picture.digest).exists():
        Logo(
            digest=picture.digest, kind=picture.kind, picture=picture.content,
            width=picture.width, height=picture.height,
        ).save(force_insert=True)  # fmt: skip
