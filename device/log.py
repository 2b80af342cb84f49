"""Structured logs on standard output, one JSON object a line: journald keeps them, tests read them."""

import logging
import sys
from collections.abc import Callable, MutableMapping
from typing import Any

import structlog

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
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if verbose else logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(name)s: %(message)s")
