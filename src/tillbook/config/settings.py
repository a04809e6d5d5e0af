"""Settings, read from the environment alone: every name begins with TILLBOOK_."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from csp.constants import NONE, SELF
from environs import Env, EnvError

from tillbook.common import languages
from tillbook.common.key_files import kept_account_keys, kept_secret_key
from tillbook.config import checks
from tillbook.config.databases import database
from tillbook.config.logs import configure_structlog, logging_settings
from tillbook.config.mail import mail_settings
from tillbook.shop.details import Shop, first_policies

env = Env(prefix=checks.PREFIX)


def _shop() -> Shop:
    currency = checks.currency(env.str("CURRENCY", "GBP"))
    return Shop(
        name=env.str("SHOP_NAME", "Tillbook shop"),
        address=env.str("SHOP_ADDRESS", ""),
        email=checks.email("SHOP_EMAIL", env.str("SHOP_EMAIL", "")),
        currency=currency,
        locale=checks.locale(env.str("LOCALE", "en_GB")),
        time_zone=checks.time_zone(env.str("TIME_ZONE", "Europe/London")),
        staff_credit_limit_minor=checks.limit(
            "STAFF_CREDIT_LIMIT", env.str("STAFF_CREDIT_LIMIT", "100"), currency
        ),
        self_completion_limit_minor=checks.limit(
            "SELF_COMPLETION_LIMIT", env.str("SELF_COMPLETION_LIMIT", "1000"), currency
        ),
        policies=first_policies(checks.grace_days(env.int("GRACE_DAYS", 30))),
    )


# The shop and its data. All that the environment sets is read here, so that a wrong value or
# name is told before anything is made or opened.

try:
    TILLBOOK_SHOP = _shop()
    DEBUG = env.bool("DEBUG", False)
    ALLOWED_HOSTS: list[str] = [
        host.strip() for host in env.list("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
    ]
    CSRF_TRUSTED_ORIGINS = checks.origins(env.list("TRUSTED_ORIGINS", []))
    TILLBOOK_ADDRESS = checks.address(env.str("ADDRESS", ""))
    SECURE_COOKIES = env.bool("SECURE_COOKIES", False)
    PROXY_COUNT = checks.proxy_count(env.int("PROXY_COUNT", 0))
    TILLBOOK_ADMIN_SECOND_FACTOR = env.bool("ADMIN_SECOND_FACTOR", False)
    TILLBOOK_API_RATE = checks.api_rate(env.int("API_RATE", 1000))
    TILLBOOK_REPORTS_AT_ONCE = checks.reports_at_once(env.int("REPORTS_AT_ONCE", 5000))
    TILLBOOK_WEBHOOK_PRIVATE_TARGETS = env.bool("WEBHOOK_PRIVATE_TARGETS", False)
    TILLBOOK_GATEWAY_PRIVATE_TARGETS = env.bool("GATEWAY_PRIVATE_TARGETS", False)
    TILLBOOK_FONTS = checks.fonts(env.path("FONTS", None))
    _mail_from = checks.sender("MAIL_FROM", env.str("MAIL_FROM", ""))
    _email_url, _database_url = env.str("EMAIL_URL", ""), env.str("DATABASE_URL", "")
    _secret_key = checks.secret_key(env.str("SECRET_KEY", ""))
    _account_keys = checks.account_keys(env.list("ACCOUNT_KEYS", []))
    _data_dir = env.path("DATA_DIR", Path("data"))
except EnvError as error:
    raise checks.misread(error) from error
checks.names(os.environ, env.dump())
DATA_DIR = checks.data_dir(_data_dir)
_mail = mail_settings(_email_url, DATA_DIR)
DATABASES = {"default": database(_database_url, DATA_DIR)}
SECRET_KEY = _secret_key or kept_secret_key(DATA_DIR)
TILLBOOK_ACCOUNT_KEYS_KEPT = not _account_keys  # in the data folder, where a command can change them
TILLBOOK_ACCOUNT_KEYS = (
    partial(kept_account_keys, DATA_DIR) if TILLBOOK_ACCOUNT_KEYS_KEPT else partial(list, _account_keys)
)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Time and language

USE_TZ = True
TIME_ZONE = TILLBOOK_SHOP.time_zone.key
LANGUAGES = list(languages.LANGUAGES)
LANGUAGE_CODE = checks.language_of(TILLBOOK_SHOP.locale)  # the shop's
LOCALE_PATHS = [Path(__file__).parent.parent / "locale"]

# Parts

INSTALLED_APPS = [
    "tillbook.panel",  # first: its log-in page stands in for allauth's
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "tillbook.events",
    "tillbook.ledger",
    "tillbook.customers",
    "tillbook.staff",
    "tillbook.shop",
    "tillbook.credit",
    "tillbook.orders",
    "tillbook.returns",
    "tillbook.refunds",
    "tillbook.exporters",
    "tillbook.payouts",
    "tillbook.delivery",
    "tillbook.portal",
    "tillbook.api",
]
MIDDLEWARE = [
    "tillbook.config.proxies.Https",  # first, like the next: all others see how and by whom they are called
    "tillbook.config.proxies.ClientAddress",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    # Within what every answer carries, as they make answers of their own, and around all that can fail.
    "tillbook.api.edge.answers",
    "tillbook.neto.edge.answers_all",
    "tillbook.common.bodies.whole",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "tillbook.config.languages.spoken",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "tillbook.config.urls"
WSGI_APPLICATION = "tillbook.config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "tillbook.panel.context_processors.panel",
            ],
        },
    }
]

# Static files: served from the packages as they stand, so that nothing has to be collected first.

STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True

# Log-in

AUTH_USER_MODEL = "staff.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
PASSWORD_RESET_TIMEOUT = 3 * 24 * 60 * 60  # seconds that a link to choose a password works
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]  # no page uses them: sign-up has no address
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_LOGOUT_REDIRECT_URL = LOGIN_URL
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_PRESERVE_USERNAME_CASING = True
# Its own reading of X-Forwarded-For is off: REMOTE_ADDR is the client's address already.
ALLAUTH_TRUSTED_PROXY_COUNT = 0
# Failed log-ins are counted in it: a flood of them must not push the others out.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}
ACCOUNT_ADAPTER = "tillbook.panel.authenticators.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "tillbook.panel.authenticators.LogIn",
    "reauthenticate": "tillbook.panel.authenticators.ConfirmByPassword",
}
ACCOUNT_RATE_LIMITS = {"login": "60/m/ip", "login_failed": "20/m/ip,5/5m/key"}  # of both steps
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_ADAPTER = "tillbook.panel.authenticators.Adapter"
MFA_FORMS = {
    "authenticate": "tillbook.panel.authenticators.LogInByCode",
    "reauthenticate": "tillbook.panel.authenticators.ConfirmByCode",
    "activate_totp": "tillbook.panel.authenticators.SetUpApp",
    "edit_webauthn": "tillbook.panel.authenticators.RenamePasskey",
}
MFA_TOTP_TOLERANCE = 1  # codes to either side: a phone's clock may be half a minute off
MFA_RECOVERY_CODES_SHOW_ONCE = True

# The API

DATA_UPLOAD_MAX_MEMORY_SIZE = 32 * 2**20  # bytes: a batch of 10,000 items fits

# The browser

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
        "base-uri": [NONE],
        "object-src": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = SECURE_COOKIES
CSRF_COOKIE_HTTPONLY = True
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000  # an order of 1,500 lines is edited on one page, six fields a line
CSRF_COOKIE_SECURE = SECURE_COOKIES

# Mail: without a server, messages become files that staff can read.

DEFAULT_FROM_EMAIL = _mail_from or TILLBOOK_SHOP.email or "tillbook@localhost"
SERVER_EMAIL = DEFAULT_FROM_EMAIL
EMAIL_BACKEND = _mail["EMAIL_BACKEND"]
EMAIL_FILE_PATH = _mail["EMAIL_FILE_PATH"]
EMAIL_HOST = _mail["EMAIL_HOST"]
EMAIL_PORT = _mail["EMAIL_PORT"]
EMAIL_HOST_USER = _mail["EMAIL_HOST_USER"]
EMAIL_HOST_PASSWORD = _mail["EMAIL_HOST_PASSWORD"]
EMAIL_USE_TLS = _mail["EMAIL_USE_TLS"]
EMAIL_USE_SSL = _mail["EMAIL_USE_SSL"]
EMAIL_TIMEOUT = 20  # seconds

# Logs

configure_structlog()
LOGGING = logging_settings(level="DEBUG" if DEBUG else "INFO")
