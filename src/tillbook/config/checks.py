"""What a setting's value must be. A wrong one is one line that names the setting and what would be right."""

from __future__ import annotations

import difflib
import re
import tempfile
from collections.abc import Collection, Iterable
from email.utils import parseaddr
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email
from environs import EnvError

from tillbook.common.errors import InvalidInput
from tillbook.common.languages import is_known
from tillbook.common.money import check_currency, parse_amount
from tillbook.common.sealing import check_key

PREFIX = "TILLBOOK_"
_SHORTEST_SECRET = 50  # characters, as Django's own deployment check has it
_LONGEST_GRACE = 3650  # days
_MOST_PROXIES = 10
_MOST_REQUESTS = 10**6  # a minute

# What environs says of a value that it can't read, and what people are told instead.
_MISREAD = re.compile(rf'.*"{PREFIX}(?P<name>\w+)" invalid: Not a valid (?P<kind>integer|boolean)\b')
_INSTEAD = {"integer": "write a whole number, such as 100.", "boolean": "write true or false."}

# ISO 4217 also has codes for metals, units of account, tests and "no currency".
_NOT_MONEY = re.compile(r"XA[GU]|XB[ABCD]|XDR|XEU|XF[OU]|XP[DT]|XRE|XSU|XTS|XUA|X{3}")
# The tests' own, and what Kubernetes puts into every container beside a service named "tillbook".
_FOREIGN_NAMES = re.compile(r"TILLBOOK_(TEST_\w+|SERVICE_(HOST|PORT)\w*|PORT(_\w+)?)")


def wrong(name: str, why: object) -> ImproperlyConfigured:
    """The error that says in one line which setting is wrong, and why."""
    return ImproperlyConfigured(f"{PREFIX}{name} is wrong: {why}")


def misread(error: EnvError) -> ImproperlyConfigured:
    """The same for a text that is no number, or neither yes nor no, where one is read."""
    found = _MISREAD.match(str(error))
    if found is None:
        return ImproperlyConfigured(f"A {PREFIX} setting is wrong: {error}")
    return wrong(found["name"], _INSTEAD[found["kind"]])


def data_dir(path: Path) -> Path:
    """The data folder, made where it is missing; files can be written there."""
    path = path.absolute()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise wrong(
            "DATA_DIR", f"{path} must be a folder that can be written to ({error.strerror})."
        ) from error
    return path


def fonts(path: Path | None) -> Path | None:
    """The folder of further fonts for papers; None where there is none."""
    if path is not None and not path.is_dir():
        raise wrong("FONTS", f"there is no folder {path}.")
    return path


def currency(code: str) -> str:
    try:
        check_currency(code)
    except InvalidInput as error:
        raise wrong("CURRENCY", error) from error
    if _NOT_MONEY.fullmatch(code):
        raise wrong("CURRENCY", f"{code!r} is not money that a shop takes. Use a code such as AUD.")
    return code


def limit(name: str, text: str, code: str) -> int:
    """A limit as a person writes it, in minor units. Zero means: nothing is below the limit."""
    try:
        return 0 if text.strip() == "0" else parse_amount(text, code).minor
    except InvalidInput as error:
        raise wrong(name, error) from error


def locale(text: str) -> str:
    try:
        Locale.parse(text)
    except (UnknownLocaleError, ValueError, TypeError) as error:
        raise wrong("LOCALE", f"{text!r} is not a locale that is known. Use one such as en_GB.") from error
    return text


def language_of(locale_name: str) -> str:
    """The locale's language, or English for one that the program has no words in."""
    language = locale_name.lower().split("_")[0]
    return language if is_known(language) else "en"


def time_zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:
        raise wrong("TIME_ZONE", f"{name!r} is not a time zone. Use one such as Europe/London.") from error


def grace_days(days: int) -> int:
    if not 0 <= days <= _LONGEST_GRACE:
        raise wrong("GRACE_DAYS", f"use 0 to {_LONGEST_GRACE} days, not {days}.")
    return days


def api_rate(requests: int) -> int:
    """How many requests a minute an API key may make."""
    if not 1 <= requests <= _MOST_REQUESTS:
        raise wrong("API_RATE", f"it must be 1 to {_MOST_REQUESTS} requests a minute.")
    return requests


def reports_at_once(credits: int) -> int:
    """Up to how many credits a report is made while its reader waits."""
    if credits < 0:
        raise wrong("REPORTS_AT_ONCE", "it must be a number of credits, 0 or more.")
    return credits


def proxy_count(count: int) -> int:
    if not 0 <= count <= _MOST_PROXIES:
        raise wrong("PROXY_COUNT", f"use 0 to {_MOST_PROXIES} proxies, not {count}.")
    return count


def account_keys(keys: Iterable[str]) -> list[str]:
    """The keys that seal account numbers, the one in use first."""
    found = [key.strip() for key in keys if key.strip()]
    for place, key in enumerate(found, start=1):
        try:
            check_key(key)
        except ValueError:
            raise wrong(
                "ACCOUNT_KEYS",
                f"key {place} is not 32 bytes in base64. `tillbook account-key new` makes one.",
            ) from None
    return found


def address(text: str) -> str:
    """The shop's public address without a slash at its end; empty: none."""
    given = text.strip().rstrip("/")
    try:
        parts = urlsplit(given)
        is_one = parts.scheme in ("http", "https") and bool(parts.netloc) and not parts.query
    except ValueError:  # an IPv6 address without its end
        is_one = False
    if text.strip() and not is_one:
        raise wrong("ADDRESS", f"{text!r} must be an address such as https://credit.example.com.")
    return parts.geturl()


def secret_key(text: str) -> str:
    """The key, or empty where none is set."""
    if text and len(text) < _SHORTEST_SECRET:
        raise wrong("SECRET_KEY", f"use at least {_SHORTEST_SECRET} characters, or leave it out.")
    return text


def email(name: str, text: str) -> str:
    """An address, or empty where none is set."""
    try:
        if text:
            validate_email(text)
    except ValidationError as error:
        raise wrong(name, f"{text!r} is not an e-mail address.") from error
    return text


def sender(name: str, text: str) -> str:
    """An address, alone or as `Name <address>`, or empty where none is set."""
    address = parseaddr(text)[1]
    if text and (not address or not text.isprintable()):
        raise wrong(name, f"{text!r} is not an e-mail address.")
    email(name, address)
    return text


def origins(given: Iterable[str]) -> list[str]:
    found = [each.strip() for each in given if each.strip()]
    for each in found:
        if re.fullmatch(r"https?://([^/?#\s\[\]]+|\[[0-9A-Fa-f:.]+\](:\d+)?)", each) is None:
            raise wrong(
                "TRUSTED_ORIGINS",
                f"write {each!r} with its scheme and no path, as in https://credit.example.com.",
            )
    return found


def names(given: Iterable[str], known: Collection[str]) -> None:
    """Refuse a name that begins as a setting's and is none: a misspelt setting would do nothing, unseen."""
    for name in sorted(given):
        if not name.startswith(PREFIX) or name in known or _FOREIGN_NAMES.fullmatch(name):
            continue
        # Without what all begin with: that alone would make any two of them near.
        bare = [each.removeprefix(PREFIX) for each in known]
        near = difflib.get_close_matches(name.removeprefix(PREFIX), bare, n=1)
        meant = f" Is {PREFIX}{near[0]} meant?" if near else ""
        raise ImproperlyConfigured(f"{name} is not a setting.{meant} Take it out or correct it.")
