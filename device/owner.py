"""What root does in the daemon's folders, it does as the daemon's user."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from protocol.errors import ConfigError


@contextlib.contextmanager
def as_owner(folder: Path) -> Iterator[None]:
    """What root does in the daemon's folder, it does as the daemon's user: it could be led elsewhere by a link, and the
    daemon must be able to read what `sudo` installed. ConfigError for what cannot be read or written there.
    """
    root = os.geteuid() == 0
    if root:
        there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        owner = there.stat()
        os.setegid(owner.st_gid)
        os.seteuid(owner.st_uid)
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"{error.filename or folder}: {error.strerror}; is it the daemon's, and is there room?"
        ) from error
    finally:
        if root:
            os.seteuid(0)
            os.setegid(0)
