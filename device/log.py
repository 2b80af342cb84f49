"""Structured logs on standard output, one JSON object a line: journald keeps them, tests read them.

Where it is the journal that reads, each line begins with its priority (sd-daemon(3)), which journald takes off: so
`journalctl -p crit` finds what cannot wait.
"""

import logging
import os
import sys
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

import structlog

PRIORITY = {"critical": 2, "error": 3, "warning": 4, "info": 6, "debug": 7}

Count = Callable[[Any, str, MutableMapping[str, Any]], MutableMapping[str, Any]]


def set_up(count: Count, verbose: bool = False) -> None:
    """Configure structlog for this process; the libraries' own loggers are kept to warnings.

    `count` sees every line that is logged, as a structlog processor does.
    """
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            count,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _with_priority if _read_by_journal(os.environ) else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if verbose else logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(name)s: %(message)s")


def _read_by_journal(environment: Mapping[str, str]) -> bool:
    """Whether standard output is the stream that systemd made for us, and not one that somebody put in its place."""
    out = os.fstat(1)
    return environment.get("JOURNAL_STREAM") == f"{out.st_dev}:{out.st_ino}"


def _with_priority(logger: Any, method: str, line: MutableMapping[str, Any]) -> str:
    priority = PRIORITY[str(line["level"])]
    return f"<{priority}>{_render(logger, method, line)!s}"


_render = structlog.processors.JSONRenderer()
