"""Bank accounts as people type them are told apart, checked, and written in one way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillbook.common.errors import InvalidInput
from tillbook.refunds.accounts import BankAccount, Scheme, read

# The IBANs are the examples of the ISO 13616 registry; the routing number is the Federal Reserve's own.


@pytest.mark.parametrize(
    ("text", "currency", "scheme", "branch", "number", "written"),
    [
        ("062-000 12345678", "AUD", Scheme.AU, "062000", "12345678", "062-000 12345678"),
        ("062000 12 345 678", "AUD", Scheme.AU, "062000", "12345678", "062-000 12345678"),
        ("06200012345", "AUD", Scheme.AU, "062000", "12345", "062-000 12345"),
        ("20-00-00 55779911", "GBP", Scheme.GB, "200000", "55779911", "20-00-00 55779911"),
        ("200000/55779911", "GBP", Scheme.GB, "200000", "55779911", "20-00-00 55779911"),
        ("011000015 000123456789", "USD", Scheme.US, "011000015", "000123456789", "011000015 000123456789"),
        ("de89 3704 0044 0532 0130 00", "EUR", Scheme.IBAN, "", "DE89370400440532013000",
         "DE89 3704 0044 0532 0130 00"),
        ("GB82WEST12345698765432", "GBP", Scheme.IBAN, "", "GB82WEST12345698765432",
         "GB82 WEST 1234 5698 7654 32"),
        ("BE68 5390 0754 7034", "EUR", Scheme.IBAN, "", "BE68539007547034", "BE68 5390 0754 7034"),
        ("12-345-678", "NOK", Scheme.OTHER, "", "12345678", "12345678"),
    ],
)  # fmt: skip
def test_an_account_is_read_as_its_country_writes_it(text, currency, scheme, branch, number, written):
    account = read(text, currency)
    assert account == BankAccount(scheme, branch, number)
    assert account.written() == written
    assert read(account.written(), currency) == account


def test_a_bic_after_an_iban_is_kept():
    account = read("DE89 3704 0044 0532 0130 00 COBADEFFXXX", "EUR")
    assert (account.number, account.bic) == ("DE89370400440532013000", "COBADEFFXXX")
    assert read(account.written(), "EUR") == account


@pytest.mark.parametrize(
    ("text", "currency", "says"),
    [
        ("", "EUR", "Enter the payee's bank account"),
        ("DE88 3704 0044 0532 0130 00", "EUR", "check digits"),
        ("DE51 3704 0044 0532 0130 0", "EUR", "length"),
        ("ZZ22 3704 0044 0532 0130 00", "EUR", "country"),
        ("62-000 12345678", "AUD", "BSB"),
        ("062-000 1234", "AUD", "5 to 9 digits"),
        ("062-000 1234567890", "AUD", "5 to 9 digits"),
        ("20-00-00 5577991", "GBP", "8 digits"),
        ("20-00 55779911", "GBP", "8 digits"),
        ("011000016 123456", "USD", "check digit"),
        ("11000015 123456", "USD", "routing number"),
        ("011000015 123", "USD", "4 to 17"),
        ("12345", "NOK", "branch code"),
        ("my account", "AUD", "BSB"),
        ("٠٦٢-٠٠٠ ١٢٣٤٥٦٧٨", "AUD", "BSB"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_account_is_said(text, currency, says):
    with pytest.raises(InvalidInput, match=says) as refusal:
        read(text, currency)
    assert refusal.value.field == "bank_account"


@given(st.text(max_size=60), st.sampled_from(["AUD", "GBP", "USD", "EUR", "JPY"]))
def test_whatever_is_typed_is_an_account_or_refused(text, currency):
    try:
        account = read(text, currency)
    except InvalidInput:
        return
    assert read(account.written(), currency) == account
