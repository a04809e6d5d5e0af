from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.test import Client, override_settings

from tillbook.common.actor import Actor
from tillbook.common.key_files import kept_secret_key
from tillbook.config.databases import with_options
from tillbook.config.logs import hide_secrets, logging_settings
from tillbook.staff.models import User

PASSWORD = "correct horse battery"


class TestSecretKey:
    def test_is_made_once_and_readable_by_its_owner_alone(self, tmp_path: Path) -> None:
        key = kept_secret_key(tmp_path)
        assert len(key) == 86
        assert kept_secret_key(tmp_path) == key
        assert (tmp_path / "secret.key").stat().st_mode & 0o777 == 0o600
        assert [path.name for path in tmp_path.iterdir()] == ["secret.key"]

    def test_that_can_not_be_read_is_named_in_one_line(self, tmp_path: Path) -> None:
        (tmp_path / "secret.key").mkdir()
        with pytest.raises(ImproperlyConfigured, match="secret.key can't be read or made") as refused:
            kept_secret_key(tmp_path)
        assert "\n" not in str(refused.value)

    def test_is_one_for_all_who_start_at_once(self, tmp_path: Path) -> None:
        with ThreadPoolExecutor(8) as pool:
            keys = set(pool.map(lambda _: kept_secret_key(tmp_path), range(32)))
        assert len(keys) == 1


class TestDatabase:
    def test_sqlite_takes_one_writer_at_a_time_and_keeps_what_it_answered(self) -> None:
        options = with_options({"ENGINE": "django.db.backends.sqlite3", "NAME": "x"})["OPTIONS"]
        assert options["transaction_mode"] == "IMMEDIATE"
        assert "synchronous=FULL" in options["init_command"]

    def test_another_database_is_refused(self) -> None:
        with pytest.raises(ImproperlyConfigured, match="TILLBOOK_DATABASE_URL"):
            with_options({"ENGINE": "django.db.backends.mysql", "NAME": "x"})


def test_logs_show_no_secret() -> None:
    event = {"event": "sent", "csrf_token": "a", "Password": "b", "bank_account": "c", "number": "RF-1001"}
    assert hide_secrets(None, "info", event) == {
        "event": "sent",
        "csrf_token": "(hidden)",
        "Password": "(hidden)",
        "bank_account": "(hidden)",
        "number": "RF-1001",
    }


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/my/open/{}/", "/mails/stop/{}/", "/users/password/MQ/{}/"])
def test_logs_show_no_link_that_opens_something(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    formatter = logging_settings(level="INFO")["formatters"]["line"]
    made = formatter.pop("()")(**formatter)
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(made.format(record))  # type: ignore[method-assign]
    logger = logging.getLogger("django.request")
    logger.addHandler(handler)
    try:
        Client().put(path.format("a-Secret_1"))
        Client().put(f"{path.format('a-Secret_1')}?x=1")
    finally:
        logger.removeHandler(handler)
    assert len(lines) == 2
    assert all("(hidden)" in each and "a-Secret_1" not in each for each in lines)


def test_a_fault_s_traceback_stands_within_its_line() -> None:
    formatter = logging_settings(level="INFO")["formatters"]["line"]
    made = formatter.pop("()")(**formatter)
    with pytest.raises(ValueError, match="soon") as raised:
        int("soon")
    caught = (raised.type, raised.value, raised.tb)
    line = made.format(logging.LogRecord("django", logging.ERROR, "x.py", 1, "Fault", (), caught))
    assert "Traceback (most recent call last)" in line
    assert len(line.splitlines()) == 1


class TestLogIn:
    @pytest.fixture(autouse=True)
    def no_failed_tries(self) -> None:
        """Failed log-ins are counted in the cache, which outlives a test."""
        cache.clear()

    def test_the_page_has_a_strict_content_security_policy(self, db: None, client: Client) -> None:
        page = client.get("/login/")
        assert page.status_code == 200
        assert set(page["Content-Security-Policy"].split("; ")) == {
            "default-src 'self'",
            "frame-ancestors 'none'",
            "form-action 'self'",
            "base-uri 'none'",
            "object-src 'none'",
        }
        assert page["X-Frame-Options"] == "DENY"

    def test_works_with_name_and_password_and_log_out_ends_it(
        self, staff_actor: Actor, client: Client
    ) -> None:
        answer = client.post("/login/", {"login": "staff", "password": PASSWORD})
        assert (answer.status_code, answer["Location"]) == (302, "/")
        assert client.session["_auth_user_id"] == str(staff_actor.user_id)

        assert client.post("/logout/").status_code == 302
        assert "_auth_user_id" not in client.session

    def test_a_wrong_password_is_refused_and_the_sixth_try_is_not_even_looked_at(
        self, staff_actor: Actor, client: Client
    ) -> None:
        for _ in range(5):
            client.post("/login/", {"login": "staff", "password": "wrong"})
        answer = client.post("/login/", {"login": "staff", "password": PASSWORD})
        assert "_auth_user_id" not in client.session
        assert b"Too many failed login attempts" in answer.content

    def test_whatever_port_the_browser_names_the_tries_are_of_one_user(
        self, staff_actor: Actor, client: Client
    ) -> None:
        for port in range(5):
            client.post(
                "/login/", {"login": "Staff", "password": "wrong"}, HTTP_HOST=f"testserver:{port + 1}"
            )
        answer = client.post("/login/", {"login": "staff", "password": PASSWORD}, HTTP_HOST="testserver:9")
        assert b"Too many failed login attempts" in answer.content

    def test_somebody_switched_off_is_told_so(self, staff_actor: Actor, client: Client) -> None:
        User.objects.update(is_active=False)
        answer = client.post("/login/", {"login": "staff", "password": PASSWORD}, follow=True)
        assert "This user may not log in" in answer.content.decode()
        assert "_auth_user_id" not in client.session

    @pytest.mark.parametrize("path", ["/signup/", "/password/reset/", "/email/", "/accounts/signup/"])
    def test_nobody_signs_up_or_changes_an_account_from_outside(
        self, db: None, client: Client, path: str
    ) -> None:
        assert client.get(path).status_code == 404

    @override_settings(ALLOWED_HOSTS=["shop.example"])
    def test_a_request_for_another_host_is_refused(self, db: None, client: Client) -> None:
        assert client.get("/login/", headers={"host": "evil.example"}).status_code == 400
