"""A wrong setting is one line that names it; what is right is taken as it was meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from environs import Env, EnvError

from tillbook.config import checks
from tillbook.config.databases import database
from tillbook.config.mail import mail_settings

SMTP = "django.core.mail.backends.smtp.EmailBackend"
FILES = "django.core.mail.backends.filebased.EmailBackend"


class TestMail:
    def test_without_a_server_messages_become_files_in_the_data_folder(self, tmp_path: Path) -> None:
        made = mail_settings("", tmp_path)
        assert (made["EMAIL_BACKEND"], made["EMAIL_FILE_PATH"]) == (FILES, f"{tmp_path}/outbox")

    @pytest.mark.parametrize(
        ("url", "folder"),
        [
            ("file:///var/mail/out", Path("/var/mail/out")),
            ("file:///var/mail/o%20ut", Path("/var/mail/o ut")),
            ("file://mails", Path.cwd() / "mails"),
        ],
    )
    def test_a_folder_of_one_s_own_is_an_absolute_path(self, tmp_path: Path, url: str, folder: Path) -> None:
        made = mail_settings(url, tmp_path)
        assert (made["EMAIL_BACKEND"], made["EMAIL_FILE_PATH"]) == (FILES, str(folder))

    @pytest.mark.parametrize(
        ("url", "port", "tls", "ssl"),
        [
            ("smtp://ann:p%40ss@mail.example", 25, False, False),
            ("smtp+tls://ann:p%40ss@mail.example", 587, True, False),
            ("smtp+tls://ann:p%40ss@mail.example:2525", 2525, True, False),
            ("smtp+ssl://ann:p%40ss@mail.example", 465, False, True),
            ("submission://ann:p%40ss@mail.example", 587, True, False),
        ],
    )
    def test_a_server_s_address_says_how_it_is_spoken_to(
        self, tmp_path: Path, url: str, port: int, tls: bool, ssl: bool
    ) -> None:
        made = mail_settings(url, tmp_path)
        assert (made["EMAIL_BACKEND"], made["EMAIL_HOST"], made["EMAIL_PORT"]) == (SMTP, "mail.example", port)
        assert (made["EMAIL_HOST_USER"], made["EMAIL_HOST_PASSWORD"]) == ("ann", "p@ss")
        assert (made["EMAIL_USE_TLS"], made["EMAIL_USE_SSL"]) == (tls, ssl)

    @pytest.mark.parametrize("url", ["foo", "ftp://ann:pw@host", "smtp://ann:pw@host:many", "file://"])
    def test_what_is_no_address_is_refused_without_its_password(self, tmp_path: Path, url: str) -> None:
        with pytest.raises(ImproperlyConfigured, match="TILLBOOK_EMAIL_URL is wrong") as refused:
            mail_settings(url, tmp_path)
        assert "pw" not in str(refused.value)


class TestDatabaseFile:
    @pytest.mark.parametrize("name", ["a#b", "a?b", "a%20b", "a b"])
    def test_the_data_folder_s_name_may_hold_what_means_something_in_addresses(
        self, tmp_path: Path, name: str
    ) -> None:
        folder = checks.data_dir(tmp_path / name)
        made = database("", folder)
        assert made["NAME"] == f"{tmp_path}/{name}/tillbook.sqlite3"
        assert [path.name for path in folder.iterdir()] == ["tillbook.sqlite3"]

    @pytest.mark.parametrize("by_url", [False, True])
    def test_is_made_for_its_owner_alone_even_in_an_open_folder(self, tmp_path: Path, by_url: bool) -> None:
        tmp_path.chmod(0o755)
        file = tmp_path / "tillbook.sqlite3"
        database(f"sqlite:///{file}" if by_url else "", tmp_path)
        assert file.stat().st_mode & 0o777 == 0o600

    def test_keeps_what_it_holds(self, tmp_path: Path) -> None:
        file = tmp_path / "tillbook.sqlite3"
        file.write_bytes(b"book")
        database("", tmp_path)
        assert file.read_bytes() == b"book"

    @pytest.mark.parametrize("url", ["foo", "mysql://ann:pw@host/x", "postgresql://ann:pw@host:many/x"])
    def test_another_database_is_refused_without_its_password(self, tmp_path: Path, url: str) -> None:
        with pytest.raises(ImproperlyConfigured, match="TILLBOOK_DATABASE_URL is wrong") as refused:
            database(url, tmp_path)
        assert "pw" not in str(refused.value)
        assert list(tmp_path.iterdir()) == []


def test_a_data_folder_that_is_a_file_or_can_t_be_written_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    for path in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc"), Path("/proc/data")):
        with pytest.raises(
            ImproperlyConfigured, match=f"TILLBOOK_DATA_DIR is wrong: {path} must be a folder"
        ):
            checks.data_dir(path)
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.parametrize(
    ("check", "value", "said"),
    [
        (checks.currency, "pounds", "TILLBOOK_CURRENCY is wrong: 'pounds' is not a currency"),
        (checks.currency, "X" * 3, "TILLBOOK_CURRENCY is wrong"),
        (checks.currency, "XTS", "TILLBOOK_CURRENCY is wrong: 'XTS' is not money"),
        (checks.currency, "XAU", "TILLBOOK_CURRENCY is wrong: 'XAU' is not money"),
        (checks.locale, "", "TILLBOOK_LOCALE is wrong: ''"),
        (checks.locale, "xx_YY", "TILLBOOK_LOCALE is wrong: 'xx_YY'"),
        (checks.locale, "english", "TILLBOOK_LOCALE is wrong: 'english'"),
        (checks.time_zone, "Europe", "TILLBOOK_TIME_ZONE is wrong: 'Europe'"),
        (checks.time_zone, "", "TILLBOOK_TIME_ZONE is wrong: ''"),
        (checks.time_zone, "../passwd", "TILLBOOK_TIME_ZONE is wrong"),
        (checks.time_zone, "Europe/Nowhere", "TILLBOOK_TIME_ZONE is wrong"),
        (checks.grace_days, -1, "TILLBOOK_GRACE_DAYS is wrong: use 0 to 3650 days, not -1."),
        (checks.grace_days, 3651, "TILLBOOK_GRACE_DAYS is wrong: use 0 to 3650 days, not 3651."),
        (checks.proxy_count, -1, "TILLBOOK_PROXY_COUNT is wrong: use 0 to 10 proxies, not -1."),
        (checks.fonts, Path("/none"), "TILLBOOK_FONTS is wrong: there is no folder /none."),
        (checks.secret_key, "k" * 49, "TILLBOOK_SECRET_KEY is wrong: use at least 50 characters"),
        (checks.origins, ["credit.example"], "TILLBOOK_TRUSTED_ORIGINS is wrong: write 'credit.example'"),
        (checks.origins, ["https://a.example/"], "TILLBOOK_TRUSTED_ORIGINS is wrong"),
        (checks.origins, ["http://[::1"], "TILLBOOK_TRUSTED_ORIGINS is wrong"),
        (checks.address, "http://[::1", "TILLBOOK_ADDRESS is wrong"),
        (checks.address, "credit.example", "TILLBOOK_ADDRESS is wrong"),
    ],
)
def test_a_wrong_value_is_named_with_its_setting(check: Any, value: Any, said: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        check(value)
    assert str(refused.value).startswith(said)
    assert "\n" not in str(refused.value)
    assert check is not checks.secret_key or value not in str(refused.value)


@pytest.mark.parametrize(
    ("check", "value", "taken"),
    [
        (checks.currency, "XAF", "XAF"),
        (checks.grace_days, 0, 0),
        (checks.grace_days, 3650, 3650),
        (checks.fonts, None, None),
        (checks.fonts, Path("/"), Path("/")),
        (checks.secret_key, "", ""),
        (checks.secret_key, "k" * 50, "k" * 50),
        (checks.origins, [" https://a.example", "http://b.example:8000", ""], ["https://a.example", "http://b.example:8000"]),
        (checks.language_of, "en_GB", "en"),
        (checks.language_of, "de_AT", "de"),
        (checks.language_of, "zh_Hans_CN", "en"),
        (checks.language_of, "haw_US", "en"),
    ],
)  # fmt: skip
def test_a_right_value_is_taken(check: Any, value: Any, taken: Any) -> None:
    assert check(value) == taken


def test_addresses_of_mails_are_addresses() -> None:
    assert checks.email("SHOP_EMAIL", "") == ""
    assert checks.email("SHOP_EMAIL", "shop@example.com") == "shop@example.com"
    assert checks.sender("MAIL_FROM", "Our shop <shop@example.com>") == "Our shop <shop@example.com>"
    for check, name, value in (
        (checks.email, "SHOP_EMAIL", "shop"),
        (checks.email, "SHOP_EMAIL", "Our shop <shop@example.com>"),
        (checks.sender, "MAIL_FROM", "shop"),
        (checks.sender, "MAIL_FROM", "shop@example.com\nBcc: x@example.com"),
    ):
        with pytest.raises(ImproperlyConfigured, match=f"TILLBOOK_{name} is wrong"):
            check(name, value)


def test_a_limit_that_is_no_amount_is_named() -> None:
    assert checks.limit("STAFF_CREDIT_LIMIT", "0", "GBP") == 0
    assert checks.limit("STAFF_CREDIT_LIMIT", "1,000.50", "GBP") == 100050
    with pytest.raises(ImproperlyConfigured, match="TILLBOOK_STAFF_CREDIT_LIMIT is wrong"):
        checks.limit("STAFF_CREDIT_LIMIT", "much", "GBP")


def test_a_misspelt_name_is_refused_with_the_one_that_is_near() -> None:
    known = {"TILLBOOK_CURRENCY", "TILLBOOK_LOCALE"}
    checks.names(["TILLBOOK_LOCALE", "TILLBOOK_TEST_DATABASE", "TILLBOOK_SERVICE_HOST", "PATH"], known)
    checks.names(["TILLBOOK_PORT", "TILLBOOK_PORT_8000_TCP_ADDR", "TILLBOOK_SERVICE_PORT_HTTP"], known)
    with pytest.raises(ImproperlyConfigured, match="^TILLBOOK_CURENCY is not .* TILLBOOK_CURRENCY meant"):
        checks.names(["TILLBOOK_CURENCY"], known)


@pytest.mark.parametrize("name", ["TILLBOOK_ZZZ", "TILLBOOK_BOGUS", "TILLBOOK_"])
def test_where_no_setting_is_near_none_is_named(name: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        checks.names([name], {"TILLBOOK_CURRENCY", "TILLBOOK_FONTS"})
    assert str(refused.value) == f"{name} is not a setting. Take it out or correct it."


def test_a_value_that_cannot_be_read_is_told_how_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    env = Env(prefix=checks.PREFIX)
    for read, name, says in (
        (env.int, "API_RATE", "TILLBOOK_API_RATE is wrong: write a whole number, such as 100."),
        (env.bool, "DEBUG", "TILLBOOK_DEBUG is wrong: write true or false."),
    ):
        monkeypatch.setenv(f"TILLBOOK_{name}", "abc")
        with pytest.raises(EnvError) as error:
            read(name)
        assert str(checks.misread(error.value)) == says
    assert str(checks.misread(EnvError("Odd."))) == "A TILLBOOK_ setting is wrong: Odd."
