"""A rotated key loses nothing that is sealed, in whichever room it stands."""

from __future__ import annotations

import pytest

from tests.payouts.conftest import Till
from tillbook.common import sealing
from tillbook.common.resealing import reseal, sealed
from tillbook.payouts.models import Payout, Source
from tillbook.refunds.models import Refund

pytestmark = pytest.mark.django_db


def test_all_that_is_sealed_opens_with_the_new_key_alone(till: Till, settings) -> None:
    till.refund("jo")
    till.create()
    before = [list(model.objects.values_list(*columns)) for model, columns in sealed()]
    assert {model for model, _ in sealed()} == {Refund, Source, Payout}
    old, new = settings.TILLBOOK_ACCOUNT_KEYS(), [sealing.new_key()]
    settings.TILLBOOK_ACCOUNT_KEYS = lambda: new + old
    assert reseal() == 3
    settings.TILLBOOK_ACCOUNT_KEYS = lambda: new
    assert [list(model.objects.values_list(*columns)) for model, columns in sealed()] == before
    assert all(before)
