"""The commands about the keys that seal account numbers."""

from __future__ import annotations

import json

import pytest
from django.db import connection

from tests.refunds.conftest import ask, credit  # noqa: F401  its fixtures
from tillbook.common import sealing
from tillbook.common.key_files import account_keys_held, kept_account_keys
from tillbook.refunds.models import Refund

pytestmark = pytest.mark.django_db

ACCOUNT = "20-00-00 55779911"


@pytest.fixture
def keys(settings, tmp_path):
    """The keys of a data folder of its own."""
    settings.DATA_DIR = tmp_path
    settings.TILLBOOK_ACCOUNT_KEYS = lambda: kept_account_keys(tmp_path)
    settings.TILLBOOK_ACCOUNT_KEYS_KEPT = True
    return settings.TILLBOOK_ACCOUNT_KEYS


def test_a_rotated_key_seals_all_and_the_one_before_last_goes(keys, ask, run):  # noqa: F811
    refund = ask(account=ACCOUNT)
    (first,) = keys()
    assert run("account-key", "rotate") == (0, "1 row is sealed with the first key.\n", "")
    second, kept = keys()
    assert kept == first
    assert second != first
    assert json.loads(run("account-key", "rotate", "--json")[1]) == {"resealed": 1}
    assert keys()[1] == second
    assert Refund.objects.get(pk=refund.pk).bank_account == ACCOUNT


def test_keys_of_the_environment_are_not_the_commands_to_change(keys, run, settings):
    settings.TILLBOOK_ACCOUNT_KEYS_KEPT = False
    before = keys()
    code, _, said = run("account-key", "rotate")
    assert code == 1
    assert "TILLBOOK_ACCOUNT_KEYS" in said
    assert keys() == before


def test_a_key_that_is_gone_is_one_line(keys, ask, run, settings):  # noqa: F811
    ask(account=ACCOUNT)
    settings.TILLBOOK_ACCOUNT_KEYS = lambda: [sealing.new_key()]
    code, _, said = run("account-key", "reseal")
    assert (code, said.count("\n")) == (1, 1)
    assert f"None of the account keys opens refunds_refund {Refund.objects.get().pk}." in said


def test_a_row_that_nothing_opens_keeps_every_key_and_stops_no_other(keys, ask, run):  # noqa: F811
    broken, whole = ask(account=ACCOUNT, key="a"), ask(account=ACCOUNT, key="b")
    (first,) = keys()
    with connection.cursor() as cursor:
        cursor.execute("SELECT bank_account FROM refunds_refund WHERE id = %s", [broken.pk])
        ((sealed,),) = cursor.fetchall()
        cursor.execute("UPDATE refunds_refund SET bank_account = 'gone' WHERE id = %s", [broken.pk])
    for turn in (2, 3):
        code, _, said = run("account-key", "rotate")
        assert (code, f"opens refunds_refund {broken.pk}." in said) == (1, True)
        assert (len(keys()), keys()[-1]) == (turn, first)
        assert Refund.objects.get(pk=whole.pk).bank_account == ACCOUNT
    with connection.cursor() as cursor:
        cursor.execute("UPDATE refunds_refund SET bank_account = %s WHERE id = %s", [sealed, broken.pk])
    assert run("account-key", "rotate")[0] == 0
    assert len(keys()) == 2
    assert Refund.objects.get(pk=broken.pk).bank_account == ACCOUNT


def test_two_turns_at_once_are_one(keys, run, settings):
    with account_keys_held(settings.DATA_DIR):
        code, _, said = run("account-key", "rotate")
    assert (code, said) == (1, "The account keys are being changed by another process.\n")
    assert len(keys()) == 1


def test_a_new_key_is_printed_and_can_seal(run):
    code, key, _ = run("account-key", "new")
    assert code == 0
    assert sealing.check_key(key.strip()) == key.strip()


def test_a_wrong_key_stops_every_command_without_showing_it(run_process):
    code, _, said = run_process("migrate", TILLBOOK_ACCOUNT_KEYS="hunter2")
    assert (code, said.count("\n")) == (1, 1)
    assert "TILLBOOK_ACCOUNT_KEYS is wrong: key 1" in said
    assert "hunter2" not in said
