"""What is built for whom: suites, architectures, and the three packages."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Suite:
    """A Debian release: `mark` goes into versions, `glibc` is the minor version of its C library (2.x)."""

    name: str
    mark: str
    python: tuple[int, int]
    glibc: int
    growing_backoff: bool
    """Whether its systemd knows RestartSteps= (254)."""
    alsa: str
    """Its package with ALSA's library."""

    @property
    def abi(self) -> str:
        return f"cp{self.python[0]}{self.python[1]}"

    @property
    def python_name(self) -> str:
        return f"python{self.python[0]}.{self.python[1]}"


SUITES = {
    "trixie": Suite("trixie", "deb13", (3, 13), 41, growing_backoff=True, alsa="libasound2t64"),
    "bookworm": Suite("bookworm", "deb12", (3, 11), 36, growing_backoff=False, alsa="libasound2"),
}

MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
"""Debian's name of an architecture, and the kernel's, which wheels use."""


@dataclass(frozen=True, slots=True)
class Target:
    suite: Suite
    arch: str

    @property
    def machine(self) -> str:
        return MACHINES[self.arch]

    @property
    def platforms(self) -> list[str]:
        """Every wheel platform that the suite's C library can load (PEP 600), the newest first."""
        return [f"manylinux_2_{minor}_{self.machine}" for minor in range(self.suite.glibc, 16, -1)] + [
            f"manylinux2014_{self.machine}"
        ]

    @property
    def pip_options(self) -> list[str]:
        version = ".".join(map(str, self.suite.python))
        options = [
            "--only-binary=:all:",
            "--implementation=cp",
            f"--python-version={version}",
            f"--abi={self.suite.abi}",
        ]
        return [*options, "--abi=abi3", "--abi=none", *(f"--platform={name}" for name in self.platforms)]

    def __str__(self) -> str:
        return f"{self.suite.name}-{self.arch}"


@dataclass(frozen=True, slots=True)
class Package:
    """`extra` names its requirements in pyproject.toml, `imports` our folders that it ships."""

    name: str
    extra: str
    imports: tuple[str, ...]
    command: str
    main: str
    description: str
    details: str
    sees_system: bool = False
    from_apt: tuple[str, ...] = ()
    sdists: tuple[str, ...] = ()
    """Libraries in plain Python that come as sources only: they become wheels here."""

    @property
    def home(self) -> str:
        """Where it lives on the target."""
        return f"/opt/doorward/{self.name.removeprefix('doorward-')}"


PACKAGES = (
    Package(
        "doorward-device",
        "device",
        ("protocol", "device", "hw"),
        "doorward-device",
        "device.cli",
        "door intercom for the Raspberry Pi: the door station",
        "Reads the button, films, talks and releases the strike. Only people whom the\n"
        " site's signed roster names can see, hear or open; the server in between cannot.",
        sees_system=True,
        from_apt=("numpy", "pyalsaaudio", "lgpio"),
    ),
    Package(
        "doorward-signaling",
        "signaling",
        ("protocol", "signaling"),
        "doorward-signaling",
        "signaling.cli",
        "door intercom for the Raspberry Pi: the signaling server",
        "Serves the page and brings door stations and people together. It sees neither\n"
        " picture nor sound and can let nobody in.",
        sdists=("http-ece",),
    ),
    Package(
        "doorward-provision",
        "provisioning",
        ("protocol", "provisioning"),
        "doorward-provision",
        "provisioning.cli",
        "door intercom for the Raspberry Pi: the operator's tool",
        "Says who belongs to the house: certificates, rosters, invitations.",
    ),
)


def requirements(package: Package) -> list[str]:
    """What pyproject.toml asks for, without what comes from apt."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"][package.extra]]
    return [one for one in wanted if not one.startswith(package.from_apt or ("\0",))]
