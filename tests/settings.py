"""The program's settings, with a database of the tests' own."""

import os
import tempfile

from tests.databases import database_url_for_tests

# Before the settings are read: nothing that a test does may reach a real shop's data.
_folder = tempfile.TemporaryDirectory(prefix="tillbook-tests-")
for name in [name for name in os.environ if name.startswith("TILLBOOK_") and "TEST" not in name]:
    if name != "TILLBOOK_DATABASE_URL":
        del os.environ[name]
os.environ["TILLBOOK_DATA_DIR"] = _folder.name
os.environ["TILLBOOK_DATABASE_URL"] = database_url_for_tests(_folder.name)

from tillbook.config.settings import *  # noqa: E402, F403
from tillbook.config.settings import DATABASES, env  # noqa: E402

# Several runs may share one server.
DATABASES["default"]["TEST"] = (
    {"NAME": f"test_tillbook_{os.getpid()}"} if "postgresql" in env.str("DATABASE_URL") else {}
)

# Argon2 is slow on purpose; tests log in a thousand times.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
SECRET_KEY = "only for tests"
