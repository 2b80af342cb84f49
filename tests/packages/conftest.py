"""Packages made for tests, uncompressed, and a Debian to install them in."""

import contextlib
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deb.alsaaudio import debian_mirror
from deb.build import BUILD, build
from deb.targets import SUITES, Suite, Target

WHEN = 1_790_000_000
FIRST, SECOND = "1.0~test1", "1.0~test2"
INCLUDED = ("python3", "python3-numpy", "systemd", "udev", "debconf", "init-system-helpers")
"""And the suite's ALSA library: what the packages depend on, so that dpkg installs them without a mirror."""


@pytest.fixture(scope="session", params=["trixie", "bookworm"])
def pi(request: pytest.FixtureRequest) -> Target:
    """What Raspberry Pi OS is made of."""
    return Target(SUITES[request.param], "arm64")


@pytest.fixture(scope="session")
def arm64(pi: Target, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return _built(pi, FIRST, tmp_path_factory.mktemp("arm64"))


@pytest.fixture(scope="module", params=["trixie", "bookworm"])
def suite(request: pytest.FixtureRequest) -> Suite:
    return SUITES[request.param]


@pytest.fixture(scope="module")
def amd64(suite: Suite, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Path]]:
    """By version, by package."""
    target = Target(suite, "amd64")
    return {version: _built(target, version, tmp_path_factory.mktemp("amd64")) for version in (FIRST, SECOND)}


def _built(target: Target, version: str, out: Path) -> dict[str, Path]:
    return {file.name.partition("_")[0]: file for file in build(target, version, WHEN, out, compression="none")}


class Debian:
    """A root folder with a Debian in it, entered with chroot in namespaces of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def run(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        inside = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "DEBIAN_FRONTEND": "noninteractive",
            **env,
        }
        enter = ["unshare", "--mount", "--pid", "--fork", f"--mount-proc={self.root}/proc", "chroot", str(self.root)]
        return subprocess.run(
            [*enter, *words], env=inside, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )

    def sh(self, script: str) -> str:
        """What `script` prints; it must end well."""
        done = self.run("sh", "-euc", script)
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout

    def dpkg(self, *files: Path) -> subprocess.CompletedProcess[str]:
        for file in files:
            shutil.copy(file, self.root / "tmp")
        done = self.run("dpkg", "--force-unsafe-io", "-i", *(f"/tmp/{file.name}" for file in files))
        for file in files:
            (self.root / "tmp" / file.name).unlink()
        return done


@pytest.fixture(scope="module")
def debian(suite: Suite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Debian]:
    if os.geteuid() != 0:
        pytest.skip("only root can enter another Debian")
    if shutil.which("mmdebstrap") is None:
        pytest.skip("mmdebstrap is not installed (mmdebstrap)")
    root = tmp_path_factory.mktemp("debian")
    subprocess.run(["tar", "-x", "-C", str(root), "-f", str(_bare(suite))], check=True)
    yield Debian(root)
    with contextlib.suppress(OSError):
        shutil.rmtree(root)


def _bare(suite: Suite) -> Path:
    """A minimal Debian as a tar, made once."""
    included = ",".join([*INCLUDED, suite.alsa])
    cache = BUILD / f"debian-{suite.name}-{hashlib.sha256(included.encode()).hexdigest()[:12]}.tar"
    if cache.exists():
        return cache
    part = cache.with_suffix(".part.tar")
    settings = cache.with_suffix(".apt")
    dump = subprocess.run(["apt-config", "dump"], check=True, capture_output=True, text=True).stdout
    kept = [line for line in dump.splitlines() if line.startswith("Acquire::http")]
    settings.write_text("\n".join([*kept, ""]), encoding="utf-8")
    command = ["mmdebstrap", "--mode=root", "--variant=minbase", "--architectures=amd64", f"--aptopt={settings}"]
    excluded = [f"--dpkgopt=path-exclude=/usr/share/{what}/*" for what in ("man", "locale", "info")]
    done = subprocess.run(
        [
            *command,
            *excluded,
            f"--include={included}",
            suite.name,
            str(part),
            f"deb {debian_mirror()} {suite.name} main",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.fail(f"no {suite.name} could be made: {done.stderr[-2000:]}")
    part.rename(cache)
    return cache
