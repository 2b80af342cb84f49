"""Configuration files: bytes of TOML to checked values. Every error is one line that names file and member."""

import re
import tomllib
from typing import TypeVar

import msgspec

from protocol.errors import ConfigError, one_line

T = TypeVar("T")


def parse_settings(data: bytes, where: str, kind: type[T]) -> T:
    """The file's contents as a `kind`; ConfigError begins with `where`, the file's name."""
    try:
        return msgspec.convert(tomllib.loads(data.decode()), kind)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{where}: is not text; name the configuration with --config") from error
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {one_line(_readable(str(error)))}") from error
    except ValueError as error:  # TOMLDecodeError, and what int() says of thousands of digits
        raise ConfigError(f"{where}: not TOML: {one_line(str(error))}") from error
    except RecursionError as error:
        raise ConfigError(f"{where}: not TOML: nested too deeply") from error


def _readable(message: str) -> str:
    """msgspec's `… - at `$.a.b`` as `a.b: …`."""
    match = re.fullmatch(r"(?P<what>.*) - at `\$\.?(?P<where>.*)`", message, re.DOTALL)
    return f"{match['where']}: {match['what']}" if match else message
