"""What the server needs, as a tar archive on its way through a pipe: it is never a file on the operator's machine."""

import io
import json
import tarfile
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlsplit

from protocol.codec import encode
from protocol.keys import private_key_pem
from provisioning.authority import pem
from provisioning.folder import Record, SiteFolder, host_port


def server_files(
    folder: SiteFolder, passphrase: str, listen: Sequence[str], state: str, now: datetime, *, settings_too: bool = True
) -> bytes:
    """signaling.toml (with `settings_too`), the CAs, certificate and key (0600), and the public roster key."""
    key = folder.open_key("server-key.jwe", passphrase)
    record = folder.record()
    files = {
        "ca.pem": "".join(pem(certificate) for certificate in folder.authorities()),
        "server.pem": pem(folder.server_certificate()),
        "server-key.pem": private_key_pem(key).decode(),
        "roster-key.json": encode(record.first_roster_key),
    }
    if settings_too:
        files["signaling.toml"] = settings(record, listen, state)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, text in files.items():
            data = text.encode()
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(data), int(now.timestamp())
            entry.mode = 0o600 if name == "server-key.pem" else 0o644
            archive.addfile(entry, io.BytesIO(data))
    return packed.getvalue()


def settings(record: Record, listen: Sequence[str], state: str) -> str:
    """The server's configuration; a page that is served elsewhere may connect as well."""
    hosts = [host_port(host, record.people_port) for host in record.hosts]
    page = urlsplit(record.page_url)
    origin = f"{page.scheme}://{page.netloc}"
    own = {f"https://{host}" for host in hosts}
    origins = [] if origin in own else [origin]
    return (
        f'site = "{record.site}"\nroster_key = "roster-key.json"\nca = "ca.pem"\ncertificate = "server.pem"\n'
        f'key = "server-key.pem"\nstate = {json.dumps(state)}\n\n'
        f"[devices]\nlisten = {json.dumps(list(listen))}\nport = {record.devices_port}\n\n"
        f"[people]\nlisten = {json.dumps(list(listen))}\nport = {record.people_port}\nhosts = {json.dumps(hosts)}\n"
        f"origins = {json.dumps(origins)}\n"
    )
