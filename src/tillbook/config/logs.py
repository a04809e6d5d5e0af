"""Logs: one line per event on standard error, without secrets."""

from __future__ import annotations

import re
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

# Addresses that whoever has them may use: Django's own lines about requests name the path.
_KEYED_PATHS = re.compile(r"(/(?:my/open|mails/stop|password/[^/\s]+)/)[^/\s'\"]+")
_SECRET_WORDS = ("password", "secret", "authorization", "cookie", "session", "bank_account", "csrf")


def hide_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace the value of every field whose name speaks of a secret, and in texts the keys of links."""
    for name, value in event.items():
        if any(word in name.lower() for word in _SECRET_WORDS):
            event[name] = "(hidden)"
        elif isinstance(value, str):
            event[name] = _KEYED_PATHS.sub(r"\1(hidden)", value)
    return event


_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    hide_secrets,
]


def configure_structlog() -> None:
    """Send structlog's events through the standard library's loggers."""
    structlog.configure(
        processors=[
            *_SHARED,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.processors.format_exc_info,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def logging_settings(*, level: str) -> dict[str, Any]:
    """Django's LOGGING: everything to standard error as `key=value` lines."""
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": _SHARED,
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,  # a fault's traceback, within its line
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "logger", "event"]),
        ],
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": formatter},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {
            "tillbook": {"level": level},
            # Django's own handlers would print each line a second time, in another shape.
            "django": {"handlers": [], "level": level, "propagate": True},
        },
    }
