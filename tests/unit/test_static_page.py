"""The page as static files: complete, with its policy inside and its headers beside, and never half there."""

import base64
import hashlib
import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from protocol.errors import ConfigError, DoorwardError
from signaling.adapters import static_page
from signaling.adapters.page import FOLDER, SHELL, security_headers
from signaling.adapters.static_page import HEADERS, MARKER, SNIPPETS, write_page
from signaling.cli import main

SERVER = "wss://door.example:8443"
CONFIG = """site = "home"
roster_key = "k"
ca = "c"
certificate = "c"
key = "k"
state = "s"
[people]
hosts = ["door.example:8443", "10.0.0.7:8443"]
connect = ["wss://other.example:9443"]
"""


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def policy_of(folder: Path) -> str:
    """What stands in the document, before any script or style of it."""
    text = (folder / "index.html").read_text()
    mark = '<meta http-equiv="Content-Security-Policy" content="'
    assert text.count(mark) == 1
    assert text.index(mark) < min(text.index(word) for word in ("<script", "<link", "<title"))
    return text.split(mark)[1].split('"')[0]


def test_every_file_of_the_page_is_there_and_anybody_may_read_it(tmp_path: Path) -> None:
    write_page(tmp_path / "page", [SERVER])
    made, source = contents(tmp_path / "page"), contents(FOLDER)
    assert set(made) == {*source, MARKER, HEADERS, SHELL, *SNIPPETS}
    assert {name: made[name] for name in source if name != "index.html"} == {
        name: data for name, data in source.items() if name != "index.html"
    }
    for path in [tmp_path / "page", *(tmp_path / "page").rglob("*")]:
        assert path.stat().st_mode & 0o7777 == (0o755 if path.is_dir() else 0o644), path
    assert [path.name for path in tmp_path.iterdir()] == ["page"], "and nothing beside it"


def test_the_policy_in_the_document_permits_the_named_servers_and_nothing_else(tmp_path: Path) -> None:
    write_page(tmp_path / "page", [SERVER, "wss://[fd00::1]:8443"])
    rules = {rule.split()[0]: rule.split()[1:] for rule in policy_of(tmp_path / "page").split(";")}
    assert rules["connect-src"] == [SERVER, "wss://[fd00::1]:8443"]
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == ["'none'"]
    assert rules["script-src"] == rules["style-src"] == ["'self'"]
    assert rules["require-trusted-types-for"] == ["'script'"]
    assert "frame-ancestors" not in rules, "it would mean nothing there"


def test_the_headers_beside_are_the_servers_own_with_frames_forbidden(tmp_path: Path) -> None:
    write_page(tmp_path / "page", [SERVER])
    wanted = security_headers(["'self'", SERVER])  # 'self' for the service worker: the document's policy is narrower
    assert "frame-ancestors 'none'" in wanted["Content-Security-Policy"]
    path, *lines = (tmp_path / "page" / HEADERS).read_text().splitlines()
    assert path == "/*"
    assert dict(line.strip().split(": ", 1) for line in lines) == wanted
    nginx, caddy = ((tmp_path / "page" / name).read_text() for name in SNIPPETS)
    for name, value in wanted.items():
        assert f'add_header {name} "{value}" always;\n' in nginx
        assert f'\t{name} "{value}"\n' in caddy


def test_the_shell_names_every_file_by_its_digest_and_changes_with_any_and_with_the_policy(tmp_path: Path) -> None:
    write_page(tmp_path / "page", [SERVER])
    shell = json.loads((tmp_path / "page" / SHELL).read_text())
    made, source = contents(tmp_path / "page"), contents(FOLDER)
    assert set(shell["files"]) == {name for name in source if name != "sw.js" and not name.startswith("style/")}
    for name, integrity in shell["files"].items():
        assert integrity == f"sha256-{base64.b64encode(hashlib.sha256(made[name]).digest()).decode()}", name
    write_page(tmp_path / "other", ["wss://other.example:8443"])
    assert json.loads((tmp_path / "other" / SHELL).read_text())["version"] != shell["version"]


def test_an_earlier_output_is_replaced_whole_and_anything_else_is_not(tmp_path: Path) -> None:
    folder = tmp_path / "page"
    folder.mkdir()
    write_page(folder, [SERVER])
    (folder / "stale.js").write_text("gone in the new version")
    write_page(folder, ["wss://new.example:8443"])
    assert not (folder / "stale.js").exists()
    assert "wss://new.example:8443" in policy_of(folder)
    other = tmp_path / "photographs"
    other.mkdir()
    (other / "index.html").write_text("mine")
    for place in (other, other / "index.html"):
        with pytest.raises(DoorwardError):
            write_page(place, [SERVER])
    with pytest.raises(ConfigError, match="holds something else"):
        write_page(other, [SERVER])
    assert contents(other) == {"index.html": b"mine"}


def test_a_page_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "page"
    write_page(folder, [SERVER])
    before = contents(folder)
    real = Path.rename

    def refuse_to_come(path: Path, target: Path) -> Path:
        if path.name == "new":
            raise OSError(28, "No space left on device")
        return real(path, target)

    with monkeypatch.context() as full:
        full.setattr(Path, "rename", refuse_to_come)
        with pytest.raises(DoorwardError, match="No space left"):
            write_page(folder, ["wss://new.example:8443"])
    assert contents(folder) == before
    with monkeypatch.context() as full:
        full.setattr(static_page, "security_headers", lambda _: (_ for _ in ()).throw(OSError(28, "No space left")))
        with pytest.raises(DoorwardError, match="No space left"):
            write_page(folder, ["wss://new.example:8443"])
    assert contents(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["page"]


# The command


def test_servers_are_named_or_taken_from_a_configuration(tmp_path: Path) -> None:
    config = tmp_path / "signaling.toml"
    config.write_text(CONFIG)
    done = CliRunner().invoke(main, ["page", str(tmp_path / "a"), "--connect", SERVER, "--config", str(config)])
    assert done.exit_code == 0, done.output
    connect = f"connect-src {SERVER} wss://10.0.0.7:8443 wss://other.example:9443;"
    assert connect in policy_of(tmp_path / "a")
    assert "frame-ancestors means nothing there" in done.output
    assert "people.origins must name the page's origin" in done.output
    config.write_text(CONFIG + 'origins = ["https://page.example"]\n')
    done = CliRunner().invoke(main, ["page", str(tmp_path / "b"), "--config", str(config)])
    assert "people.origins" not in done.output


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ([], 2),
        (["--connect", "https://door.example:8443"], 2),
        (["--connect", "wss://door.example"], 2),
        (["--connect", "wss://*:8443"], 2),
        (["--connect", "wss://door.example:8443; script-src *"], 2),
        (["--connect", "wss://door.example:8443/answerer"], 2),
        (["--config", "missing.toml"], 78),
    ],
)
def test_without_a_server_of_the_right_form_nothing_is_written(options: list[str], code: int, tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["page", str(tmp_path / "page"), *options])
    assert done.exit_code == code, done.output
    assert not (tmp_path / "page").exists()


def test_another_folders_contents_are_not_touched(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "page")
    done = CliRunner().invoke(main, ["page", str(tmp_path / "page"), "--connect", SERVER])
    assert (done.exit_code, "holds something else" in done.output) == (78, True)
