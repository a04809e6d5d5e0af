"""What a bank's file can't say is refused by its name, before anything is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.payouts import runs
from tests.payouts.conftest import Till, state
from tillbook.common.errors import InvalidInput
from tillbook.payouts import services
from tillbook.payouts.formats import aba, bacs, nacha, sepa
from tillbook.payouts.instructions import NotForThisFile, Run
from tillbook.payouts.models import Payout
from tillbook.refunds.accounts import read
from tillbook.refunds.models import Refund
from tillbook.refunds.services import Payee

MADE = {aba: runs.australian, bacs: runs.british, nacha: runs.american, sepa: runs.european}
EVERY = pytest.mark.parametrize(("file", "made"), MADE.items(), ids=["aba", "bacs", "nacha", "sepa"])


def named(made: Run, name: str) -> Run:
    return replace(made, instructions=[*made.instructions[1:], replace(made.instructions[0], name=name)])


@EVERY
@pytest.mark.parametrize("name", ["", "  ", "\N{PARTY POPPER}", "\x0b\x1f"])
def test_a_name_of_which_nothing_is_left_is_refused_with_its_refund(
    file, made: Callable[[], Run], name: str
) -> None:
    for refuses in (file.check, file.written):
        with pytest.raises(NotForThisFile) as refused:
            refuses(named(made(), name))
        assert refused.value.field == "refunds"
        assert refused.value.message.startswith(
            f"{made().instructions[0].reference} has no payee's name that this file can write."
        )


@EVERY
def test_a_control_character_in_a_name_is_a_space(file, made: Callable[[], Run]) -> None:
    assert b"JO DAY" in file.written(named(made(), "Jo\x0bDay")).upper()


def test_the_nameless_are_left_out_of_all_that_is_ready(till: Till) -> None:
    fine = till.refund("jo", 12_34)
    nameless = till.refund("al", 5_00, payee=Payee("\N{PARTY POPPER}", "062-000 12345678"))
    with pytest.raises(NotForThisFile, match=nameless.number):
        till.create(fine, nameless, key="named")
    assert not Payout.objects.exists()
    assert [Refund.objects.get(pk=each.pk).payout for each in (fine, nameless)] == ["", ""]
    payout = till.create()
    assert [Refund.objects.get(pk=each.pk).payout for each in (fine, nameless)] == [payout.number, ""]
    assert (payout.total_minor, state(nameless)) == (12_34, "requested")


@pytest.mark.parametrize(
    ("file", "detail", "wrong", "says"),
    [
        (aba, "user_id", "", "no user number"),
        (aba, "user_id", "1234567", "no user number"),
        (aba, "user_id", "30150O", "no user number"),
        (aba, "bank", "", "no name of its bank"),
        (aba, "name", "\N{PARTY POPPER}", "no holder's name"),
        (nacha, "user_id", " ", "no user number"),
        (nacha, "user_id", "12345678901", "no user number"),
        (nacha, "bank", "", "no name of its bank"),
        (nacha, "name", "\N{PARTY POPPER}", "no holder's name"),
        (bacs, "user_id", "", "no user number"),
        (bacs, "name", "\N{PARTY POPPER}", "no holder's name"),
        (sepa, "name", "\N{PARTY POPPER}", "no holder's name"),
    ],
)
def test_an_account_of_the_shop_s_that_lacks_a_detail_is_refused_by_its_name(
    file, detail: str, wrong: str, says: str
) -> None:
    made = MADE[file]()
    with pytest.raises(InvalidInput) as refused:
        file.check(replace(made, sender=replace(made.sender, **{detail: wrong})))
    assert refused.value.field == "source"
    assert refused.value.message.startswith(f"The account 'Main' has {says} that this file can write.")


def test_a_payout_from_an_account_that_lacks_a_detail_is_not_made(till: Till) -> None:
    services.add_source(
        name="Second", currency="AUD", holder="Mill Lane Goods", bank_account="062-000 12223123",
        actor=till.admin, now=till.now,
    )  # fmt: skip
    refund = till.refund("jo")
    for chosen in ([], [refund]):
        with pytest.raises(InvalidInput, match="The account 'Second' has no user number"):
            till.create(*chosen, source="Second", key=f"{len(chosen)}")
    assert not Payout.objects.exists()
    assert Refund.objects.get().payout == ""


@pytest.mark.parametrize("account", ["BR1800360305000010009795493C1", "AE070331234567890123456"])
def test_a_sepa_file_names_the_refund_that_goes_outside_sepa(account: str) -> None:
    made = runs.european()
    abroad = runs.instruction("RF-1050", "Jo", account, 1, "EUR")
    with pytest.raises(NotForThisFile, match="RF-1050 .* outside SEPA") as refused:
        sepa.check(replace(made, instructions=[*made.instructions, abroad]))
    assert refused.value.field == "refunds"
    with pytest.raises(InvalidInput, match="The account 'Main' .* outside SEPA") as refused_:
        sepa.check(replace(made, sender=replace(made.sender, account=read(account, "EUR"))))
    assert refused_.value.field == "source"


@pytest.mark.parametrize(
    "account", ["GI75NWBK000000007099453", "GB82WEST12345698765432", "CH9300762011623852957"]
)
def test_sepa_has_countries_beside_those_of_the_euro(account: str) -> None:
    made = runs.european()
    payment = runs.instruction("RF-1050", "Jo", account, 1, "EUR")
    assert account.encode() in sepa.written(replace(made, instructions=[payment]))


@pytest.mark.parametrize("reference", ["RF-" + "1" * 40, "RF-\x0b"])
def test_what_the_schema_does_not_take_is_refused(reference: str) -> None:
    made = runs.european()
    wrong = replace(made.instructions[0], reference=reference)
    with pytest.raises(NotForThisFile, match="not keep to its schema") as refused:
        sepa.written(replace(made, instructions=[wrong]))
    assert refused.value.field == "format"
