"""A virtual environment for a machine that is not this one: wheels put in place, nothing of them run."""

import email.parser
import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from deb.targets import ROOT, Package, Target, requirements

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]

OURS = frozenset({"protocol", "device", "provisioning", "signaling", "hw"})
"""The folders that pyproject.toml installs."""

LAUNCHER = """#!/bin/sh
# Runs the version that `current` names. The real path, so that an upgrade changes nothing under a running program.
here=$(dirname "$(readlink -f "$0")")
{rollback}exec "$here/python3" -I -c 'from {main} import main; main(prog_name="{command}")' "$@"
"""

ROLLBACK = '[ "${1-}" != rollback ] || exec "$here/rollback"\n'


def wheels(target: Target, package: Package, cache: Path) -> Path:
    """A folder with every wheel that `package` needs on `target`, resolved once for the same requirements."""
    constraints = ROOT / "constraints" / f"{target.suite.abi}.txt"
    wanted = requirements(package)
    made_of = "\n".join([*target.pip_options, *wanted, constraints.read_text(encoding="utf-8")])
    folder = cache / f"{package.name}-{target}-{hashlib.sha256(made_of.encode()).hexdigest()[:16]}"
    if folder.exists():
        return folder
    part = folder.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for name in package.sdists:
        _run([*PIP, "wheel", "--no-deps", f"--constraint={constraints}", f"--wheel-dir={part}", name])
    if bound := [wheel.name for wheel in part.glob("*.whl") if not wheel.name.endswith("-none-any.whl")]:
        raise SystemExit(f"{', '.join(bound)}: would run only on the machine that builds")
    found = [f"--find-links={part}", f"--constraint={constraints}", f"--dest={part}"]
    _run([*PIP, "download", *target.pip_options, *found, *wanted])
    for wheel in part.glob("*.whl"):
        if wheel.name.partition("-")[0].lower().replace("_", "-") in package.from_apt:
            wheel.unlink()
    part.rename(folder)
    return folder


def our_wheel(cache: Path) -> Path:
    """This project itself, as a wheel made anew, by the build tools that the constraints name."""
    folder = cache / "ours"
    shutil.rmtree(folder, ignore_errors=True)
    source = folder / "source"  # a copy: setuptools leaves its traces where it builds
    source.mkdir(parents=True)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source)
    for name in OURS:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "virtual-pi", "rig"))
    tools = {"PIP_CONSTRAINT": str(ROOT / "constraints" / "cp313.txt")}
    _run([*PIP, "wheel", "--no-deps", f"--wheel-dir={folder}", str(source)], tools)
    shutil.rmtree(source)
    (wheel,) = folder.glob("*.whl")
    return wheel


def fill(home: Path, target: Target, package: Package, found: Sequence[Path], version: str, built: int) -> Path:
    """Make the environment in `home`; its site-packages."""
    site = home / "lib" / target.suite.python_name / "site-packages"
    site.mkdir(parents=True)
    for wheel in found:
        _unpack(wheel, site)
    _leave_ours(site, package, version)
    if package.extra == "device":
        (site / "device" / "built").write_text(f"{built}\n", encoding="ascii")
    binaries = home / "bin"
    binaries.mkdir()
    (binaries / "python3").symlink_to(f"/usr/bin/{target.suite.python_name}")
    see = str(package.sees_system).lower()
    number = ".".join(map(str, target.suite.python))
    (home / "pyvenv.cfg").write_text(
        f"home = /usr/bin\ninclude-system-site-packages = {see}\nversion = {number}\n", encoding="ascii"
    )
    rollback = ROLLBACK if package.extra == "device" else ""
    launcher = binaries / package.command
    launcher.write_text(
        LAUNCHER.format(main=package.main, command=package.command, rollback=rollback), encoding="ascii"
    )
    launcher.chmod(0o755)
    return site


def _unpack(wheel: Path, site: Path) -> None:
    """What a wheel puts into site-packages; its scripts and headers are nobody's here (binary distribution format)."""
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            path = member.filename
            if ".data/" in path:
                _, _, path = path.partition(".data/")
                kind, _, path = path.partition("/")
                if kind not in {"purelib", "platlib"}:
                    continue
            if path.endswith(("/", ".dist-info/RECORD")):
                continue
            to = site / path
            if not to.resolve().is_relative_to(site.resolve()):
                raise RuntimeError(f"{wheel.name}: {member.filename} lies outside")
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes(archive.read(member))


def _leave_ours(site: Path, package: Package, version: str) -> None:
    """Only what this package ships of ours, and the package's version as the program's."""
    for name in OURS - set(package.imports):
        shutil.rmtree(site / name)
    (metadata,) = site.glob("doorward-*.dist-info/METADATA")
    text = metadata.read_text(encoding="utf-8")
    if email.parser.HeaderParser().parsestr(text)["Version"] is None:
        raise RuntimeError(f"{metadata}: no version to replace")
    metadata.write_text(
        re.sub(r"^Version: .*$", f"Version: {version}", text, count=1, flags=re.MULTILINE), encoding="utf-8"
    )


def _run(command: Sequence[str], more: Mapping[str, str] | None = None) -> None:
    environment = {**os.environ, **(more or {})}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:5])} …: exit code {done.returncode}\n{done.stdout}{done.stderr}")
