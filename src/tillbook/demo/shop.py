"""What the demo shop is made of: a slice of a real shop's data, and a story for every page."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from django.db import transaction

from tillbook.common.actor import Actor
from tillbook.common.errors import NotFound
from tillbook.customers.models import Customer
from tillbook.demo.stories import STORIES, Stage
from tillbook.demo.users import Users
from tillbook.shop.policies import shop

_SLICE = "online-retail-slice.csv"


class SliceNotFound(NotFound):
    code = "slice_not_found"


def tell_stories(users: Users, *, actor: Actor, now: datetime) -> None:
    """Add each story's customer with all that happened to them, unless they are there already."""
    stage = Stage(users.staff, users.admin, actor, shop().currency, now)
    for username, story in STORIES.items():
        # All of a story or nothing: its customer says whether it was told.
        with transaction.atomic():
            if not Customer.objects.filter(username=username).exists():
                story(username, stage)


def slice_file() -> Path:
    """The slice of real data: beside this module in an installed package, else in the checkout.

    Raises SliceNotFound.
    """
    here = Path(__file__).resolve()
    for place in (here.parent / "examples", here.parents[3] / "examples"):
        if (place / _SLICE).is_file():
            return place / _SLICE
    raise SliceNotFound(f"The demo's data, examples/{_SLICE}, is not there. Run it from a full checkout.")
