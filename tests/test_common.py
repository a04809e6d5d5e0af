from __future__ import annotations

import pytest

from tillbook.common import statements
from tillbook.common.actor import PERMISSIONS, Actor, Permission, Role
from tillbook.common.errors import InvalidInput, KeyReused, PermissionDenied
from tillbook.common.money import (
    MAX_MINOR,
    Money,
    check_amount,
    check_currency,
    exponent,
    parse_amount,
    plain_amount,
    shown_amount,
    with_shown_amounts,
)
from tillbook.common.numbering import number_sql, public_number, row_id


class TestMoney:
    @pytest.mark.parametrize(
        ("minor", "currency", "text"),
        [
            (1234, "AUD", "12.34 AUD"),
            (5, "GBP", "0.05 GBP"),
            (0, "GBP", "0.00 GBP"),
            (-5, "GBP", "-0.05 GBP"),
            (1234, "JPY", "1234 JPY"),
            (1234, "KWD", "1.234 KWD"),
            (1234, "IQD", "1.234 IQD"),
            (12345, "CLF", "1.2345 CLF"),
            (MAX_MINOR, "GBP", "10000000000000.00 GBP"),
        ],
    )
    def test_is_written_with_its_currencys_own_decimals(self, minor: int, currency: str, text: str) -> None:
        assert str(Money(minor, currency)) == text

    @pytest.mark.parametrize(
        ("money", "text"),
        [
            (Money(123456, "GBP"), "£1,234.56"),
            (Money(123456, "JPY"), "JP¥123,456"),
            (Money(MAX_MINOR + 1, "GBP"), "£10,000,000,000,000.01"),
        ],
    )
    def test_is_shown_as_people_write_it_to_the_last_cent(self, money: Money, text: str) -> None:
        assert money.localized("en_GB") == text

    @pytest.mark.parametrize(
        ("text", "currency", "minor"),
        [
            ("12.34", "GBP", 1234),
            ("12", "GBP", 1200),
            ("12.3", "GBP", 1230),
            (" 1,234.50 ", "GBP", 123450),
            ("0.01", "GBP", 1),
            ("7", "JPY", 7),
            ("1.234", "KWD", 1234),
            ("10000000000000.00", "GBP", MAX_MINOR),
        ],
    )
    def test_reads_what_a_person_types(self, text: str, currency: str, minor: int) -> None:
        assert parse_amount(text, currency) == Money(minor, currency)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "'' is not an amount. Write digits and a point, like 12.34."),
            ("ten", "'ten' is not an amount. Write digits and a point, like 12.34."),
            ("1e30", "'1e30' is not an amount. Write digits and a point, like 12.34."),
            ("12,34", "'12,34' is not an amount. Write digits and a point, like 12.34."),
            ("１２", "'１２' is not an amount. Write digits and a point, like 12.34."),
            ("NaN", "'NaN' is not an amount. Write digits and a point, like 12.34."),
            ("12.345", "GBP has 2 decimal places. Write it like 12.34."),
            ("0", "The amount must be more than zero."),
            ("-1", "The amount must be more than zero."),
            ("\u22121", "The amount must be more than zero."),
            ("10000000000000.01", "The amount is too large for one transfer."),
        ],
    )
    def test_refuses_what_is_no_amount_and_names_the_field(self, text: str, message: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            parse_amount(text, "GBP", field="refund_amount")
        assert refused.value.message == message
        assert refused.value.field == "refund_amount"

    @pytest.mark.parametrize("text", ["0", "00", "0.", "0.00", " 0 "])
    def test_zero_is_an_amount_where_it_is_allowed(self, text: str) -> None:
        assert parse_amount(text, "GBP", zero=True) == Money(0, "GBP")

    @pytest.mark.parametrize("text", ["-5", "\u22125", "-0"])
    def test_what_is_below_zero_is_told_where_zero_is_allowed(self, text: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            parse_amount(text, "GBP", field="limit", zero=True)
        assert (refused.value.message, refused.value.field) == ("Write 0 or more.", "limit")

    def test_refuses_decimals_where_the_currency_has_none(self) -> None:
        with pytest.raises(InvalidInput, match="JPY has no decimal places. Write it like 12."):
            parse_amount("1.5", "JPY")

    def test_repeats_at_most_forty_characters_of_a_long_text(self) -> None:
        with pytest.raises(InvalidInput) as refused:
            parse_amount("x" * 5000, "GBP")
        shown = "x" * 37 + "..."
        assert refused.value.message == f"'{shown}' is not an amount. Write digits and a point, like 12.34."

    @pytest.mark.parametrize("wrong", [0, -1, MAX_MINOR + 1, True, 1.0, "1"])
    def test_moves_only_whole_numbers_from_one_up(self, wrong: int) -> None:
        with pytest.raises(InvalidInput):
            check_amount(wrong)

    @pytest.mark.parametrize("code", ["GBP", "AUD", "JPY"])
    def test_knows_currencies(self, code: str) -> None:
        assert check_currency(code) == code

    @pytest.mark.parametrize("code", ["", "gbp", "GB", "POUNDS", "QQQ"])
    def test_refuses_what_is_no_currency(self, code: str) -> None:
        with pytest.raises(InvalidInput):
            check_currency(code)

    def test_knows_how_many_decimals_a_currency_has(self) -> None:
        assert [exponent(code) for code in ("GBP", "JPY", "KWD", "UYW")] == [2, 0, 3, 4]


class TestNumbering:
    def test_the_first_document_is_number_1001(self) -> None:
        assert public_number("CR", 1) == "CR-1001"

    @pytest.mark.parametrize("row", [1, 42, 10**12])
    def test_a_number_leads_back_to_its_row(self, row: int) -> None:
        assert row_id("RF", public_number("RF", row)) == row

    @pytest.mark.django_db
    def test_a_statement_gives_the_same_number(self) -> None:
        [(number,)] = statements.select(f"SELECT {number_sql('RF', '40 + 2')}", [])
        assert number == public_number("RF", 42)

    def test_letter_case_and_blanks_around_do_not_matter(self) -> None:
        assert row_id("RMA", " rma-1042 ") == 42

    @pytest.mark.parametrize("number", ["", "CR-1042", "RF-", "RF-042", "RF-1042x", "RF-" + "9" * 19, "1042"])
    def test_anything_else_leads_nowhere(self, number: str) -> None:
        assert row_id("RF", number) is None


class TestActor:
    def test_staff_may_all_but_pay_out_see_the_books_and_run_the_system(self) -> None:
        assert set(Permission) - PERMISSIONS[Role.STAFF] == {
            Permission.APPROVE_REFUND,
            Permission.COMPLETE_REFUND,
            Permission.MAKE_PAYOUTS,
            Permission.REVEAL_ACCOUNT,
            Permission.EXPIRE_CREDIT,
            Permission.VIEW_REPORTS,
            Permission.EXPORT_BOOKS,
            Permission.READ_FINDINGS,
            Permission.MANAGE_KEYS,
            Permission.MANAGE_USERS,
            Permission.MANAGE_SETTINGS,
            Permission.RUN_SYSTEM,
            Permission.ASK_REFUND,
        }

    def test_a_viewer_only_looks(self) -> None:
        assert PERMISSIONS[Role.VIEWER] == {Permission.VIEW}

    def test_an_admin_may_also_complete_refunds_and_see_the_books(self) -> None:
        assert PERMISSIONS[Role.ADMIN] - PERMISSIONS[Role.STAFF] == {
            Permission.APPROVE_REFUND,
            Permission.COMPLETE_REFUND,
            Permission.MAKE_PAYOUTS,
            Permission.REVEAL_ACCOUNT,
            Permission.EXPIRE_CREDIT,
            Permission.VIEW_REPORTS,
            Permission.EXPORT_BOOKS,
            Permission.READ_FINDINGS,
            Permission.MANAGE_KEYS,
            Permission.MANAGE_USERS,
            Permission.MANAGE_SETTINGS,
        }

    def test_a_customer_may_ask_for_what_is_theirs_and_no_more(self) -> None:
        assert PERMISSIONS[Role.CUSTOMER] == {Permission.ASK_REFUND}
        assert Actor.customer(7, "own page").identity == "customer:7"

    def test_the_system_may_everything(self) -> None:
        assert PERMISSIONS[Role.SYSTEM] == set(Permission)

    def test_a_refused_permission_says_which_role_may_not_do_what(self) -> None:
        actor = Actor(name="sam", role=Role.STAFF, origin="test", user_id=3)
        with pytest.raises(PermissionDenied) as refused:
            actor.require(Permission.COMPLETE_REFUND)
        assert refused.value.message == "Your role (staff) may not complete and decline refunds."
        assert refused.value.status == 403

    def test_identity_is_the_users_number_or_the_systems_name(self) -> None:
        assert Actor(name="sam", role=Role.STAFF, origin="test", user_id=3).identity == "user:3"
        assert Actor.system("cli").identity == "system"


def test_a_reused_key_says_how_to_put_it_right() -> None:
    assert KeyReused("k-1").message == (
        "The idempotency key 'k-1' was already used for a different request. "
        "Send a new key for a new request."
    )


@pytest.mark.parametrize(
    ("locale", "currency", "shown"),
    [
        ("en_GB", "GBP", "£1,234.50"),
        ("de_DE", "EUR", "1.234,50\xa0€"),
        ("de_AT", "EUR", "€\xa01.234,50"),
        ("fr_FR", "EUR", "1\u202f234,50\xa0€"),
        ("de_DE", "JPY", "123.450\xa0¥"),
        ("de_DE", "KWD", "123,450\xa0KWD"),
    ],
)
def test_an_amount_is_shown_as_the_locale_writes_it(locale: str, currency: str, shown: str):
    assert Money(123_450, currency).localized(locale) == shown


@pytest.mark.parametrize(
    ("locale", "typed", "currency", "plain"),
    [
        ("de_DE", "12,34", "EUR", "12.34"),
        ("de_DE", "1.234,50", "EUR", "1234.50"),
        ("de_AT", "1 234 567,50", "EUR", "1234567.50"),
        ("de_DE", "1.234", "EUR", "1234"),
        ("de_DE", "12.34", "EUR", "12.34"),
        ("de_DE", "1.234,000", "KWD", "1234.000"),
        ("de_DE", "1.234.567", "KWD", "1234567"),
        ("de_DE", "0.500", "KWD", "0.500"),
        ("de_DE", "1,234", "KWD", "1.234"),
        ("de_CH", "1’234.50", "CHF", "1’234.50"),
        ("en_GB", "1,234.50", "GBP", "1,234.50"),
        ("en_GB", "12,34", "GBP", "12,34"),
    ],
)
def test_an_amount_is_typed_as_the_locale_writes_it(locale: str, typed: str, currency: str, plain: str):
    assert plain_amount(typed, currency, locale) == plain


@pytest.mark.parametrize(
    "typed", ["1,2,3", "1.23,45", "12,", ",5", "zwölf", "-1,50", "1.234.5", "", "1,٣", "0.500", "00.500"]
)
def test_what_is_no_amount_in_the_locale_stays_and_is_refused(typed: str):
    with pytest.raises(InvalidInput):
        parse_amount(plain_amount(typed, "EUR", "de_DE"), "EUR")


def test_a_point_that_may_part_thousands_or_decimals_is_asked_about():
    with pytest.raises(InvalidInput, match=r"Write 1\.234,000 or 1,234\."):
        plain_amount("1.234", "KWD", "de_DE")
    assert plain_amount("1.234", "KWD", "en_GB") == "1.234"


@pytest.mark.parametrize("minor", [0, 1, 50, 1_234, 123_456_789])
@pytest.mark.parametrize(
    ("currency", "locale"), [("EUR", "de_DE"), ("KWD", "de_DE"), ("JPY", "de_DE"), ("GBP", "en_GB")]
)
def test_what_a_field_shows_it_reads_again(minor: int, currency: str, locale: str):
    shown = shown_amount(Money(minor, currency).decimal(), locale)
    assert ("," in shown) == (locale == "de_DE" and exponent(currency) > 0)
    plain = plain_amount(shown, currency, locale)
    assert plain == Money(minor, currency).decimal()


def test_amounts_in_a_message_have_the_decimal_sign_of_the_locale():
    said = "Only 12.34 EUR is available of 1000.00 EUR. See 1.2.3, v1.5 XY and 500 JPY."
    assert with_shown_amounts(said, "en_GB") == said
    shown = "Only 12,34 EUR is available of 1000,00 EUR. See 1.2.3, v1.5 XY and 500 JPY."
    assert with_shown_amounts(said, "de_DE") == shown
