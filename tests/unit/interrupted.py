"""Runs `doorward-provision` again and again on copies of a folder, each time interrupted a little later.

`python -m tests.unit.interrupted TEMPLATE TARGET calls|bytes WORD...` copies TEMPLATE to TARGET/0, TARGET/1 and so on,
and runs the command there, with the file `stdin` as its input, until it once comes to its end. `calls`: the process is
gone before the Nth call that changes a file system. `bytes`: no file can become longer than 512 N bytes, as on a full
disk. On standard output: the exit codes.
"""

import os
import resource
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from provisioning import seal
from provisioning.cli import main as provision
from tests.unit.site_folders import CHEAP

GONE = 9
CALLS = ("open", "fsync", "replace", "rename", "unlink", "mkdir", "chmod")
STEP = 512
MOST = 400


def main() -> None:
    template, target, how, *words = sys.argv[1:]
    seal.ITERATIONS = CHEAP
    os.environ.update(DOORWARD_SITE="home", CREDENTIALS_DIRECTORY="credentials")
    arm = {"calls": gone_before_call, "bytes": full_after}[how]
    codes: list[int] = []
    while 0 not in codes and len(codes) < MOST:
        place = Path(target, str(len(codes)))
        shutil.copytree(template, place)
        codes.append(attempt(place, words, lambda: arm(len(codes))))
    print(*codes)


def attempt(place: Path, words: list[str], arm: Callable[[], None]) -> int:
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        os.chdir(place)
        os.dup2(os.open("stdin", os.O_RDONLY), 0)
        sys.stdout = sys.stderr
        arm()
        provision(words)
    except SystemExit as end:
        os._exit(end.code if isinstance(end.code, int) else 0)
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
    os._exit(70)


def gone_before_call(left: int) -> None:
    def counted(true: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                os._exit(GONE)
            return true(*given, **named)

        return call

    for name in CALLS:
        setattr(os, name, counted(getattr(os, name)))


def full_after(count: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (count * STEP, count * STEP))


if __name__ == "__main__":
    main()
