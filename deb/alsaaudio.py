"""pyalsaaudio: what every suite has is older than what we use. It is an sdist: compiled here, never on the Pi."""

import hashlib
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from deb.targets import ROOT, Target

TRIPLES = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}


def compiled_alsaaudio(target: Target, cache: Path) -> Path:
    """The extension module for `target`; compiled once for each version and each way of compiling it.

    SystemExit says which Debian package is missing for that.
    """
    triple = TRIPLES[target.arch]
    name = f"alsaaudio.cpython-{target.suite.python[0]}{target.suite.python[1]}-{triple}.so"
    made = cache / f"alsaaudio-{target}-{_recipe(target)}" / name
    if made.exists():
        return made
    compiler = f"{triple}-gcc"
    if shutil.which(compiler) is None:
        raise SystemExit(f"{compiler} is not installed: apt-get install gcc-{triple.replace('_', '-')}")
    made.parent.mkdir(parents=True, exist_ok=True)
    work = made.parent / "work"
    shutil.rmtree(work, ignore_errors=True)
    system = work / "system"
    number = ".".join(map(str, target.suite.python))
    _unpack(target, [f"libpython{number}-dev", "libasound2-dev", target.suite.alsa], system)
    source = _source(target, work)
    version = source.name.removeprefix("pyalsaaudio-")
    include = system / "usr" / "include"
    python = include / target.suite.python_name
    flags = ["-DNDEBUG", f"-ffile-prefix-map={work}=."]  # as Python's own modules, and nothing of this machine in it
    flags += [f"-I{python}", f"-I{include}", f"-L{system}/usr/lib/{triple}", f'-DVERSION="{version}"']
    _run([compiler, "-shared", "-fPIC", "-O2", *flags, str(source / "alsaaudio.c"), "-lasound", "-o", str(made)])
    shutil.rmtree(work)
    return made


def _recipe(target: Target) -> str:
    """Of everything that decides what comes out."""
    return hashlib.sha256(Path(__file__).read_bytes() + _constraints(target).read_bytes()).hexdigest()[:12]


def _constraints(target: Target) -> Path:
    return ROOT / "constraints" / f"{target.suite.abi}.txt"


def _source(target: Target, work: Path) -> Path:
    wanted = f"--constraint={_constraints(target)}"
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", "download"]
    _run([*pip, "--no-deps", "--no-binary=:all:", wanted, f"--dest={work}", "pyalsaaudio"])
    (archive,) = work.glob("pyalsaaudio-*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(work, filter="data")
    return work / archive.name.removesuffix(".tar.gz")


def _unpack(target: Target, packages: list[str], to: Path) -> None:
    """Debian packages of the suite for the target's architecture, asked of this machine's mirror and not installed."""
    apt = to.parent / "apt"
    (apt / "lists" / "partial").mkdir(parents=True)
    (apt / "cache" / "archives" / "partial").mkdir(parents=True)
    key = "/usr/share/keyrings/debian-archive-keyring.gpg"
    (apt / "sources.list").write_text(f"deb [signed-by={key}] {debian_mirror()} {target.suite.name} main\n")
    (apt / "status").touch()
    settings = {
        "APT::Architecture": target.arch,
        "APT::Architectures": target.arch,
        "Dir::Etc::sourcelist": str(apt / "sources.list"),
        "Dir::Etc::sourceparts": "-",
        "Dir::State::lists": str(apt / "lists"),
        "Dir::State::status": str(apt / "status"),
        "Dir::Cache": str(apt / "cache"),
        "APT::Sandbox::User": "root",
    }
    get = ["apt-get", "-q", *(word for name, value in settings.items() for word in ("-o", f"{name}={value}"))]
    _run([*get, "update"])
    _run([*get, "download", *packages], apt)
    for deb in apt.glob("*.deb"):
        _run(["dpkg-deb", "-x", str(deb), str(to)])


def debian_mirror() -> str:
    """Where this machine gets its own Debian from; SystemExit if its sources name none."""
    ask = ["apt-get", "indextargets", "--format", "$(ORIGIN) $(REPO_URI)", "Created-By: Packages"]
    for line in subprocess.run(ask, check=True, capture_output=True, text=True).stdout.splitlines():
        origin, _, uri = line.partition(" ")
        if origin == "Debian" and "security" not in uri:
            return uri
    raise SystemExit("this machine's apt sources name no Debian mirror; `apt-get update`, perhaps")


def _run(command: list[str], cwd: Path | None = None) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:4])} …: exit code {done.returncode}\n{done.stdout}{done.stderr}")
