"""`python -m deb.build`: the three Debian packages for one target, without running anything of the target's."""

import argparse
import gzip
import os
import shutil
import subprocess
import tempfile
import tomllib
from datetime import UTC, datetime
from pathlib import Path

from deb.alsaaudio import compiled_alsaaudio
from deb.environment import fill, our_wheel, wheels
from deb.targets import MACHINES, PACKAGES, ROOT, SUITES, Package, Target

BUILD = ROOT / "build" / "deb"
HERE = Path(__file__).parent

UNITS = {
    "doorward-device": [
        "doorward-device.service",
        "doorward-device.path",
        "doorward-clock.service",
        "doorward-first-boot.service",
        "doorward-expiry.service",
        "doorward-expiry.timer",
    ],
    "doorward-signaling": ["doorward-signaling.service"],
    "doorward-provision": [],
}

DOCUMENTS = {
    "doorward-device": ["docs/install.md", "docs/provisioning.md", "docs/runbook.md"],
    "doorward-signaling": ["docs/install.md", "docs/provisioning.md"],
    "doorward-provision": ["docs/provisioning.md", "docs/runbook.md", "docs/threat-model.md"],
}


def build(target: Target, version: str, when: int, out: Path, compression: str = "zstd") -> list[Path]:
    """Build every package into `out`; the files. `when`: seconds UTC, the time of everything in them."""
    cache = BUILD / "wheels"
    ours = our_wheel(cache)
    out.mkdir(parents=True, exist_ok=True)
    made = []
    with tempfile.TemporaryDirectory(prefix="doorward-deb-") as folder:
        for package in PACKAGES:
            root = Path(folder) / package.name
            found = [*wheels(target, package, cache).glob("*.whl"), ours]
            site = fill(root / package.home.lstrip("/") / "package", target, package, sorted(found), version, when)
            if package.sees_system:
                shutil.copy(compiled_alsaaudio(target, cache), site)
            _system_files(root, target, package, version)
            _control(root, target, package, version)
            file = out / f"{package.name}_{version}_{target.arch}.deb"
            _pack(root, file, when, compression)
            made.append(file)
    return made


def _system_files(root: Path, target: Target, package: Package, version: str) -> None:
    """What lies outside the environment: command, units, users, rules, documents."""
    home = root / package.home.lstrip("/") / "package"
    (root / "usr" / "bin").mkdir(parents=True)
    (root / "usr" / "bin" / package.command).symlink_to(f"{package.home}/current/bin/{package.command}")
    systemd = ROOT / "systemd"
    for unit in UNITS[package.name]:
        _copy(systemd / unit, root / "usr/lib/systemd/system" / unit)
        backoff = systemd / f"{unit}.d" / "20-backoff.conf"
        if target.suite.growing_backoff and backoff.exists():
            _copy(backoff, root / "usr/lib/systemd/system" / f"{unit}.d" / backoff.name)
    for kind in ("sysusers.d", "tmpfiles.d"):
        if (systemd / kind / f"{package.name}.conf").exists():
            _copy(systemd / kind / f"{package.name}.conf", root / "usr/lib" / kind / f"{package.name}.conf")
    documents = root / "usr/share/doc" / package.name
    for name in DOCUMENTS[package.name]:
        if (ROOT / name).exists():
            _copy(ROOT / name, documents / Path(name).name)
    if UNITS[package.name]:
        _copy(systemd / "README.md", documents / "systemd.md")
    _copy(HERE / "copyright", documents / "copyright")
    if package.name == "doorward-device":
        _copy(systemd / "udev" / "60-doorward.rules", root / "usr/lib/udev/rules.d/60-doorward.rules")
        _copy(HERE / "device" / "device.toml", home / "share" / "device.toml")
        _copy(HERE / "device" / "rollback", home / "bin" / "rollback", 0o755)
        _copy(ROOT / "device" / "strikes_now.py", root / "usr/lib/doorward/lower-strikes", 0o755)
    changes = f"{package.name} ({version}) {target.suite.name}; urgency=medium\n\n  * See the project's history.\n"
    with gzip.GzipFile(documents / "changelog.gz", "wb", mtime=0) as file:
        file.write(changes.encode())


def _control(root: Path, target: Target, package: Package, version: str) -> None:
    control = root / "DEBIAN"
    control.mkdir(mode=0o755)
    size = sum(path.lstat().st_size for path in root.rglob("*")) // 1024
    (control / "control").write_text(
        f"Package: {package.name}\nVersion: {version}\nArchitecture: {target.arch}\n"
        f"Maintainer: Doorward <doorward@localhost>\nInstalled-Size: {size}\n"
        f"Depends: {', '.join(_depends(target, package))}\n"
        + (f"Recommends: {', '.join(names)}\n" if (names := _recommends(target, package)) else "")
        + f"Section: net\nPriority: optional\nDescription: {package.description}\n {package.details}\n",
        encoding="utf-8",
    )
    values = {"@VERSION@": version, "@HOME@": package.home, "@PACKAGE@": package.name}
    for name in ("preinst", "postinst", "prerm", "postrm", "templates"):
        source = HERE / package.name.removeprefix("doorward-") / name
        common = HERE / "common" / name
        text = "".join(path.read_text(encoding="utf-8") for path in (common, source) if path.exists())
        if not text:
            continue
        for mark, value in values.items():
            text = text.replace(mark, value)
        (control / name).write_text(text, encoding="utf-8")
        (control / name).chmod(0o644 if name == "templates" else 0o755)


def _depends(target: Target, package: Package) -> list[str]:
    major, minor = target.suite.python
    depends = [
        f"python3 (>= {major}.{minor})",
        f"python3 (<< {major}.{minor + 1})",
        f"libc6 (>= 2.{target.suite.glibc})",
    ]
    if package.name != "doorward-provision":
        depends += ["init-system-helpers", "systemd (>= 252)", "debconf (>= 0.5) | debconf-2.0"]
    if package.name == "doorward-device":
        depends += ["python3-numpy", target.suite.alsa, "udev"]
        depends += ["python3-lgpio", "python3-picamera2"] if target.arch == "arm64" else []
    return depends


def _recommends(target: Target, package: Package) -> list[str]:
    """Only a Raspberry Pi OS has these; what is built for another architecture is for tests."""
    if package.name != "doorward-device":
        return []
    return ["alsa-utils"] if target.arch == "arm64" else ["alsa-utils", "python3-lgpio", "python3-picamera2"]


def _pack(root: Path, file: Path, when: int, compression: str) -> None:
    for path in [root, *root.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        os.utime(path, (when, when), follow_symlinks=False)
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(when)}
    command = ["dpkg-deb", "--root-owner-group", f"-Z{compression}", "--build", str(root), str(file)]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)


def _copy(source: Path, to: Path, mode: int = 0o644) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, to)
    to.chmod(mode)


def version_of_tree(target: Target) -> tuple[str, int]:
    """The package version of what is checked out, greater for a newer commit, and the time of that."""
    ask = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct %h"]
    seconds, commit = subprocess.run(ask, check=True, capture_output=True, text=True).stdout.split()
    base = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    day = datetime.fromtimestamp(int(seconds), UTC).strftime("%Y%m%d.%H%M%S")
    return f"{base}~git{day}.{commit}+{target.suite.mark}", int(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    here = subprocess.run(["dpkg", "--print-architecture"], check=True, capture_output=True, text=True).stdout.strip()
    parser.add_argument("--suite", choices=SUITES, default="trixie")
    parser.add_argument("--arch", choices=MACHINES, default=here)
    parser.add_argument("--version", help="Instead of one made from the commit.")
    parser.add_argument("--out", type=Path, default=BUILD)
    arguments = parser.parse_args()
    target = Target(SUITES[arguments.suite], arguments.arch)
    version, when = version_of_tree(target)
    for file in build(target, arguments.version or version, when, arguments.out):
        print(file)


if __name__ == "__main__":
    main()
