"""Removes each security check in turn, in a copy of the tree, and says which test notices.

`python -m tests.mutations [words]` runs all, or those whose name contains one of the words. Exit code 1 if a check
can be removed and no test fails.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
COPIED = ("protocol", "device", "signaling", "provisioning", "hw", "tests", "pyproject.toml")

SERVERS = "tests/integration/test_device_refuses_servers.py"
DEVICES = "tests/integration/test_server_refuses_devices.py"
PEOPLE = "tests/integration/test_server_people.py"
SILENT = "tests/integration/test_signaling_server.py"
OPERATOR = "tests/integration/test_server_operator.py"
LIMITS = "tests/unit/test_signaling_limits.py"
LINKS = "tests/unit/test_links.py"
DOCUMENTS = "tests/unit/test_documents.py"
SDP = "tests/unit/test_sdp.py"
HUB = "tests/unit/test_signaling_hub.py"
STORE = "tests/unit/test_signaling_store.py"
STATIC = "tests/unit/test_static_page.py"
FOLDER, EDITED, REQUESTS = (
    "tests/unit/test_site_folder.py",
    "tests/unit/test_rosters_edited.py",
    "tests/unit/test_requests.py",
)
TOOL, BACKUPS = "tests/integration/test_operator_tool.py", "tests/integration/test_operator_backups.py"
PUBLISHES, ENROL = "tests/integration/test_operator_publishes.py", "tests/integration/test_enrolment.py"
BUNDLE, FILES = "tests/unit/test_tampering_bundle.py", "tests/unit/test_config_files.py"
KEYPAD, CODES, DOORS = "tests/unit/test_keypad.py", "tests/unit/test_codes.py", "tests/unit/test_doors.py"
PANEL = "tests/contract/test_panel_contract.py"
BELIEVES = "tests/unit/test_what_a_device_believes.py"

WSS, SERVER_WSS, TLS = "device/adapters/wss.py", "signaling/adapters/wss.py", "signaling/adapters/tls.py"
CONTROL = "device/core/control.py"
CERTIFICATES, AUTHORITY, LINKS_CODE = "protocol/certificates.py", "device/core/authority.py", "device/core/links.py"
JWS, ROSTER, SDP_CODE, HUB_CODE = "protocol/jws.py", "protocol/roster.py", "protocol/sdp.py", "signaling/core/hub.py"
GATE, STORE_CODE, ROSTER_KEY = "signaling/adapters/gate.py", "signaling/adapters/store.py", "protocol/roster_key.py"
STATIC_CODE = "signaling/adapters/static_page.py"
FOLDER_CODE, HOUSE, SIGN, SEAL = ("provisioning/folder.py", "provisioning/house.py", "provisioning/devices.py",
                                  "provisioning/seal.py")  # fmt: skip
PUBLISH, ISSUE, EDIT, COMMAND = ("provisioning/publish.py", "provisioning/authority.py", "provisioning/rosters.py",
                                 "provisioning/commands")  # fmt: skip
ENROL_CODE, IDENTITY, FIRST_BOOT = "device/enrol.py", "device/identity.py", "device/first_boot.py"


@dataclass(frozen=True, slots=True)
class Mutation:
    """`old`, which stands in `path` exactly once, becomes `new`; one of `tests` must then fail."""

    name: str
    path: str
    old: str
    new: str
    tests: tuple[str, ...]


def _m(name: str, path: str, old: str, new: str, *tests: str) -> Mutation:
    return Mutation(name, path, old, new, tests)


def _proof(member: str) -> Mutation:
    check = "if getattr(proof, member) != value:"
    weak = f'if member != "{member}" and getattr(proof, member) != value:'
    return _m(f"proof: {member}", AUTHORITY, check, weak, LINKS)


def _hello(member: str) -> Mutation:
    rest = [name for name in ("link", "site", "device", "answerer") if name != member]
    check = "if theirs != (ours.link, ours.site, ours.device, ours.answerer):"
    weak = f"if any(getattr(message, name) != getattr(ours, name) for name in {rest}):"
    return _m(f"hello: {member}", CONTROL, check, weak, LINKS)


def _confirmed(member: str) -> Mutation:
    check = "return claimed == (roster.site, roster.device, roster.serial, signed.digest)"
    kept = {"site": "roster.site", "device": "roster.device", "serial": "roster.serial", "sha256": "signed.digest"}
    ours = ", ".join(f"accepted.{name}" if name == member else value for name, value in kept.items())
    return _m(f"publish: confirmed {member}", PUBLISH, check, f"return claimed == ({ours})", PUBLISHES)


MUTATIONS = (
    # The device and its server
    _m("device: site CA only", WSS, "context.load_verify_locations(cadata=ca_pem)",
       "context.load_verify_locations(cadata=ca_pem)\n        context.set_default_verify_paths()", SERVERS),
    _m("device: chain and dates", WSS, "context.hostname_checks_common_name = False",
       "context.hostname_checks_common_name = False\n    context.check_hostname = False\n"
       "    context.verify_mode = ssl.CERT_NONE", SERVERS),
    _m("device: host name", WSS, "context.hostname_checks_common_name = False",
       "context.hostname_checks_common_name = False\n    context.check_hostname = False", SERVERS),
    _m("device: common name never matched", WSS, "context.hostname_checks_common_name = False",
       "context.hostname_checks_common_name = True", SERVERS),
    _m("device: TLS 1.3 only", WSS, "minimum_version = ssl.TLSVersion.TLSv1_3",
       "minimum_version = ssl.TLSVersion.TLSv1_2", SERVERS),
    _m("device: server certificate's contents", WSS,
       "check_server_certificate(x509.load_der_x509_certificate(der))",
       "x509.load_der_x509_certificate(der)", SERVERS),
    _m("device: check asks likewise", WSS, '_check_server(writer.get_extra_info("ssl_object"))',
       "pass", SERVERS),
    _m("device: no urn:doorward in a server", CERTIFICATES, "name.value.lower().startswith(URN)", "False", SERVERS),
    _m("device: subprotocol", WSS, "if connection.subprotocol != SUBPROTOCOL:", "if False:", SERVERS),
    _m("device: hint at the clock", WSS,
       "hint = CLOCK_HINT if error.verify_code in (9, 10) else \"\"  # X509_V_ERR_CERT_NOT_YET_VALID, _HAS_EXPIRED",
       'hint = ""', SERVERS),
    _m("leaf: not a CA (server)", CERTIFICATES, "if constraints.ca:", "if False:", SERVERS),
    _m("leaf: purpose (server)", CERTIFICATES, "if list(granted) != list(usages):", "if False:", SERVERS),
    # The server and devices
    _m("leaf: not a CA (device)", CERTIFICATES, "if constraints.ca:", "if False:", DEVICES),
    _m("leaf: purpose (device)", CERTIFICATES, "if list(granted) != list(usages):", "if False:", DEVICES),
    _m("server: certificate required", TLS, "ssl.CERT_REQUIRED", "ssl.CERT_OPTIONAL", DEVICES),
    _m("server: certificate asked for", TLS, "ssl.CERT_REQUIRED", "ssl.CERT_NONE", DEVICES),
    _m("server: TLS 1.3 only", TLS, "minimum_version = ssl.TLSVersion.TLSv1_3",
       "minimum_version = ssl.TLSVersion.TLSv1_2", DEVICES),
    _m("server: device, not operator", CERTIFICATES, "if identity.device is None:",
       "if False:", DEVICES),
    _m("server: exactly one name", CERTIFICATES, "if len(names) != 1 or not isinstance(",
       "if not names or not isinstance(", DEVICES),
    _m("server: P-256", CERTIFICATES,
       "if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):",
       "if False:", DEVICES),
    _m("server: common name is the id", CERTIFICATES, "if _common_names(certificate) != [identity.device]:",
       "if False:", DEVICES),
    _m("server: this site", HUB_CODE, "identity.site != self._site or identity.device is None",
       "identity.device is None", DEVICES),
    _m("server: fingerprint on the roster", HUB_CODE,
       "return signed is not None and fingerprint not in signed.roster.fingerprints", "return False", DEVICES),
    _m("server: fingerprint, once more when it is open", HUB_CODE,
       "if self._retired(device, fingerprint):", "if False:", HUB),
    _m("server: removal drops the connection", HUB_CODE,
       "if fingerprint not in signed.roster.fingerprints:\n                effects +=",
       "if False:\n                effects +=", DEVICES),
    _m("server: the newer connection counts", HUB_CODE, "if older is not None:", "if False:", DEVICES),
    _m("server: a replaced connection has no say", HUB_CODE,
       "return []  # a connection that was replaced has no say", "pass", HUB),
    _m("server: serials never fall", STORE_CODE,
       "admit(signed, held.held if held else None)\n            except", "pass\n            except", DEVICES),
    _m("server: subprotocol", SERVER_WSS, "if SUBPROTOCOL not in offered:", "if False:", DEVICES),
    # The server and its operator
    _m("operator: not a device", CERTIFICATES, "if identity.device is not None:", "if False:", OPERATOR),
    _m("operator: P-256", CERTIFICATES, "    _p256(certificate)\n    return identity\n", "    return identity\n",
       OPERATOR),
    _m("operator: this site", HUB_CODE, "identity.site != self._site or identity.device is not None", "False",
       OPERATOR),
    _m("operator: leaf, not a CA", CERTIFICATES, "if constraints.ca:", "if False:", OPERATOR),
    _m("operator: purpose", CERTIFICATES, "if list(granted) != list(usages):", "if False:", OPERATOR),
    _m("operator: connections a second", SERVER_WSS,
       "        self._limit_address(request)\n        try:\n            self._hub",
       "        try:\n            self._hub", OPERATOR),
    _m("publish: serials never fall", STORE_CODE,
       "admit(signed, held.held if held else None)\n        if held", "pass\n        if held", STORE),
    _m("publish: signed by the newest key", STORE_CODE, "verify_roster(jws, self._keys.keys[0], self._site)",
       "verify_roster(jws, self._keys.keys[-1], self._site)", STORE),
    _m("publish: nothing half-written", STORE_CODE, "        temporary.unlink(missing_ok=True)\n", "", STORE),
    _m("publish: kept before it counts", STORE_CODE, '        write_atomically(self._folder / f"{device}.jws", jws)\n',
       "", STORE),
    _m("publish: only so many devices", STORE_CODE, "if held is None and len(self._held) >= most:", "if False:", STORE),
    _m("read again: an earlier key signs nothing new", STORE_CODE, "if self._begun:", "if False:", STORE),
    _m("roster key: sequence", ROSTER_KEY, "if introduced.sequence <= pinned.sequence:", "if False:", STORE),
    _m("roster key: site", ROSTER_KEY, "if introduced.site != site:", "if False:", STORE),
    _m("roster key: its way comes first", HUB_CODE, "if mine and not self._successions", "if mine", HUB),
    _m("confirmation: bounded", "signaling/core/operators.py", "if len(jws) > CONFIRMATION:", "if False:", HUB),
    # The server and people
    _m("login: nonce", HUB_CODE, "if nonce is None or login.nonce != nonce:", "if False:", PEOPLE),
    _m("login: nonce used once", HUB_CODE,
       "nonce = self._nonces.pop(connection, None)  # used once", "nonce = self._nonces.get(connection)  # used once",
       HUB),
    _m("login: site", HUB_CODE, "if login.site != self._site:", "if False:", PEOPLE),
    _m("login: host", HUB_CODE, "if login.host not in self._hosts:", "if False:", PEOPLE),
    _m("login: key on a roster", HUB_CODE,
       "if not any(signed.roster.answerer_has(login.answerer, key) for signed in self._rosters.values()):",
       "if False:", PEOPLE),
    _m("people: login first", HUB_CODE, 'return [Drop(connection, 1008, "log in first")]',
       "return []", PEOPLE),
    _m("people: login in time", SERVER_WSS, 'self._drop(connection, 1008, "login took too long")', "pass", PEOPLE),
    _m("people: origin", SERVER_WSS, 'if request.headers.get("Origin") not in self._origins:', "if False:", PEOPLE),
    _m("people: message size", SERVER_WSS, "max_msg_size=MESSAGE_LIMIT", "max_msg_size=0", PEOPLE),
    _m("people: messages a second", SERVER_WSS, "if not connection.bucket.take(time.monotonic()):",
       "if False:", PEOPLE),
    _m("people: connections a second", SERVER_WSS,
       'if not self._addresses.allow(request.remote or "", time.monotonic()):', "if False:", PEOPLE),
    _m("people: second offence", SERVER_WSS, "if connection.offences.one_too_many(time.monotonic()):",
       "if False:", PEOPLE),
    _m("anyone: silence before a request", "signaling/app.py", "keepalive_timeout=limits.login_s",
       "keepalive_timeout=3600", SILENT),
    _m("anyone: silence in the handshake", GATE, "ssl_handshake_timeout=self._handshake_s",
       "ssl_handshake_timeout=60", SILENT),
    _m("anyone: handshakes a second", GATE, "if not allowed or ", "if ", SILENT),
    _m("anyone: what is sent is taken", GATE, "round(self._untaken_s * 1000)", "0", SILENT),
    _m("anyone: pings are answered", SERVER_WSS, "heartbeat=self._config.limits.ping_s * 2 / 3,",
       "heartbeat=None,", SILENT),
    _m("people: bounded outbox", SERVER_WSS, "if connection.outbox.qsize() >= OUTBOX - 1:", "if False:", SILENT),
    _m("people: who is dropped is cut off", SERVER_WSS,
       "asyncio.get_running_loop().call_later(CLOSE_S, connection.transport.abort)", "pass", SILENT),
    _m("people: text alone", SERVER_WSS, "if received.type is WSMsgType.BINARY:", "if False:", SILENT),
    _m("people: little of theirs in the log", SERVER_WSS, 'log.info("malformed-message", why=str(error)[:LOGGED])',
       'log.info("malformed-message", why=str(error))', SILENT),
    _m("people: one customer, one allowance", "signaling/core/limits.py",
       "whole.ipv4_mapped or ip_network((whole, 64), strict=False)", "whole", LIMITS),
    _m("people: four sessions", HUB_CODE, "if len(mine) >= SESSIONS_PER_ANSWERER:", "if False:", PEOPLE),
    _m("isolation: to a device", HUB_CODE, "if current is None or not self._knows(device, person):",
       "if current is None:", PEOPLE),
    _m("isolation: to a person", HUB_CODE, "return [person for person in self._people.values() if "
       "self._knows(device, person)]", "return list(self._people.values())", PEOPLE),
    _m("isolation: by key, not name", HUB_CODE, "signed.roster.answerer_has(person.answerer, person.key)",
       "person.answerer in signed.roster.answerers", HUB),
    _m("page: stays in its folder", "signaling/adapters/page.py",
       "not path.is_relative_to(FOLDER) or path.suffix not in TYPES or ",
       "", PEOPLE),
    # The page as files
    _m("static page: only over an output of its own", STATIC_CODE, "if not ours:", "if False:", STATIC),
    _m("static page: its policy inside", STATIC_CODE, "CHARSET + meta)", "CHARSET)", STATIC),
    _m("static page: the old one comes back", STATIC_CODE, "            aside.rename(folder)\n", "            pass\n",
       STATIC),
    _m("static page: servers by name alone", "signaling/cli.py", "if SERVER.fullmatch(server) is None:", "if False:",
       STATIC),
    # Proofs and hellos
    *[_proof(member) for member in ("site", "device", "answerer", "link", "device_fingerprint", "fingerprint",
                                    "offer", "answer")],
    _m("proof: key on the roster", AUTHORITY, "if roster is None or not roster.answerer_has(answerer, key):",
       "if roster is None:", LINKS),
    _m("proof: once, for an open offer", LINKS_CODE,
       'link.session != answer.session or link.stage != "offered":', "link.session != answer.session:", LINKS),
    _m("proof: of that session", LINKS_CODE, "link is None or link.session != answer.session or ",
       "link is None or ", LINKS),
    _m("answer: vetted", AUTHORITY, "vetted = vet_answer(answer.sdp)",
       'vetted = Vetted(answer.sdp, proof.fingerprint)', LINKS),
    *[_hello(member) for member in ("link", "site", "device", "answerer")],
    _m("hello: comes first", CONTROL, "if not isinstance(message, Hello):", "if False:", LINKS),
    _m("hello: still on the roster", LINKS_CODE, "if not self._authority.stands(link.answerer, link.key, now):",
       "if False:", LINKS),
    _m("command: counts up", CONTROL, "if message.id != self.last_id + 1:", "if False:", LINKS),
    _m("roster: judged anew", LINKS_CODE, "            if not known:\n", "            if False:\n", LINKS),
    _m("roster: authority is the key", ROSTER, "return entry is not None and key in entry.keys",
       "return entry is not None", LINKS),
    # Rosters
    _m("roster: signature's key", JWS, "if header.kid != thumbprint(jwk):", "if False:", DOCUMENTS, LINKS),
    _m("roster: signature", JWS, "return jws.deserialize_compact(token, key, algorithms=[\"ES256\"]).payload",
       'return unb64url(token.split(".")[1])', DOCUMENTS),
    _m("jws: typ", JWS, "if header.typ != typ:", "if False:", DOCUMENTS),
    _m("roster: site", ROSTER, "if roster.site != site:", "if False:", DOCUMENTS),
    _m("roster: device", ROSTER, "if device is not None and roster.device != device:", "if False:", DOCUMENTS),
    _m("roster: older serial", ROSTER, "if new.roster.serial < held.serial:", "if False:", DOCUMENTS),
    _m("roster: same serial, other bytes", ROSTER, "if new.digest != held.digest:", "if False:", DOCUMENTS),
    _m("roster: a key under two people", ROSTER, "if len(set(keys)) != len(keys):", "if False:", DOCUMENTS),
    _m("roster: rings of nobody", ROSTER, "if answerer not in roster.answerers:", "if False:", DOCUMENTS),
    _m("roster: expiry", AUTHORITY, "if self._signed is None or now.utc >= self._signed.roster.expires:",
       "if self._signed is None:", LINKS),
    _m("roster: this device stands on it", AUTHORITY,
       "return self._signed.roster if self._fingerprint in self._signed.roster.fingerprints else None",
       "return self._signed.roster", LINKS),
    # Fingerprints in descriptions
    _m("sdp: missing fingerprint", SDP_CODE,
       'if part is not session and not values and not session.values("fingerprint"):', "if False:", SDP),
    _m("sdp: additional fingerprint", SDP_CODE, "if len(values) > 1:", "if False:", SDP),
    _m("sdp: weaker fingerprint", SDP_CODE, "            if match is None:\n                raise PeerError(f\"sdp: "
       "{part.kind}: a fingerprint that is not SHA-256\", \"fingerprint\")\n", "            if match is None:\n"
       "                continue\n", SDP),
    _m("sdp: one for all", SDP_CODE, "if len(found) != 1:", "if not found:", SDP),
    _m("sdp: three sections", SDP_CODE, "if [section.kind for section in sections] != list(_PROTOCOLS):",
       "if False:", SDP),
    _m("sdp: one bundle", SDP_CODE, 'if session.values("group") != ["BUNDLE " + " ".join(mids)]:', "if False:", SDP),
    _m("sdp: setup", SDP_CODE, "if values != [expected]:", "if False:", SDP),
    _m("sdp: no other codec", SDP_CODE, "or not found or not set(found) <= set(known):", "or not found:", SDP),
    _m("sdp: all codecs, in their order", SDP_CODE, 'if role == "offer" and found != known:', "if False:", SDP),
    _m("sdp: described and there", SDP_CODE, "if sorted(names) != sorted(section.payloads) or", "if", SDP),
    _m("sdp: retransmission", SDP_CODE, "if len(set(repeated)) != len(repeated) or", "if False and", SDP),
    _m("sdp: H.264's profile", SDP_CODE, "_BASELINE.fullmatch(level) is not None", "True", SDP),
    # The operator's folder
    _m("folder: a change is one file first", FOLDER_CODE,
       "        write_file(self.path / CHANGE, encode(dict(files)), secret=True)\n        self._finish()\n",
       "        for name, text in files.items():\n            write_file(self.path / name, text or '', secret=True)\n",
       FOLDER),
    _m("folder: nothing of a change that failed", FOLDER_CODE,
       "            try:\n                yield\n                self._commit(self._pending)\n            finally:\n",
       "            try:\n                yield\n            finally:\n                self._commit(self._pending)\n",
       FOLDER),
    _m("folder: one at a time", FOLDER_CODE, "fcntl.flock(handle, fcntl.LOCK_EX | mode)", "pass", FOLDER),
    _m("folder: reading waits", FOLDER_CODE, "            with self._alone():\n                self._finish()",
       "            self._finish()", FOLDER),
    _m("folder: an interruption is finished", FOLDER_CODE, "if not self._changing and (self.path / CHANGE).exists():",
       "if False:", FOLDER),
    _m("folder: files for their owner", FOLDER_CODE, "write_file(self.path / name, text, secret=True)",
       "write_file(self.path / name, text)", FOLDER),
    _m("folder: parts for their owner", FOLDER_CODE, "mkdir(mode=0o700, ", "mkdir(", FOLDER),
    _m("folder: for its owner", FOLDER_CODE, "self.path.chmod(0o700)", "pass", FOLDER),
    _m("folder: only into an empty one", FOLDER_CODE, "{path.name for path in self.path.iterdir()} <= BEGUN", "True",
       BACKUPS),
    _m("folder: an interrupted making is taken up", FOLDER_CODE, "iterdir()} <= BEGUN", "iterdir()} <= set()", FOLDER),
    _m("folder: the CA's own key", FOLDER_CODE, "if key.public_key() != certificate.public_key():", "if False:",
       FOLDER),
    _m("folder: the roster key that is published", FOLDER_CODE,
       "if public_jwk(key) != self.record().roster_key.as_dict():", "if False:", FOLDER),
    _m("folder: keys are opened under the lock", f"{COMMAND}/common.py",
       "        with self.folder.change():\n            yield self.folder.keys(passphrase)",
       "        keys = self.folder.keys(passphrase)\n        with self.folder.change():\n            yield keys",
       FOLDER),
    _m("seal: what it costs to guess", SEAL, "ITERATIONS = 250_000", "ITERATIONS = 10_000", FOLDER),
    _m("passphrase: long enough", SEAL, "if len(passphrase) < SHORTEST:", "if False:", TOOL),
    _m("backup: files in their places", HOUSE, "if not _belongs(name):", "if False:", BACKUPS),
    _m("backup: all of it or nothing", HOUSE,
       "        folder.write_everything(files)\n        folder.keys(passphrase)\n",
       "        folder.write_everything(files)\n    folder.keys(passphrase)\n", BACKUPS),
    _m("backup: the folder's own passphrase", HOUSE, "    folder.keys(passphrase)\n    return seal(",
       "    return seal(", BACKUPS),
    _m("backup: no backups in it", FOLDER_CODE, "        return {name: self._read(name) for name in names}",
       "        names += [path.name for path in self.path.glob('*.jwe') if path.name not in FILES]\n"
       "        return {name: self._read(name) for name in names}", BACKUPS),
    # What the operator signs
    _m("request: P-256", SIGN, "if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, "
       "ec.SECP256R1):", "if False:", REQUESTS),
    _m("request: signed by its key", SIGN, "if not proved:", "if False:", REQUESTS),
    _m("request: nothing but a name", SIGN, "if more:", "if False:", REQUESTS),
    _m("request: no extensions", SIGN, "more = len(csr.extensions) + len(csr.attributes)", "more = 0", REQUESTS),
    _m("request: that name alone", SIGN, "if names != [(NameOID.COMMON_NAME, device)]:",
       "if (NameOID.COMMON_NAME, device) not in names:", REQUESTS),
    _m("request: that kind of name", SIGN, "if names != [(NameOID.COMMON_NAME, device)]:",
       "if [text for _, text in names] != [device]:", REQUESTS),
    _m("request: that name", SIGN, "if names != [(NameOID.COMMON_NAME, device)]:", "if len(names) != 1:", REQUESTS),
    _m("request: size", SIGN, "if len(request) > REQUEST_LIMIT:", "if False:", REQUESTS),
    _m("sign: not a device that is there", SIGN, "if device in folder.devices():", "if False:", REQUESTS),
    _m("sign: an id", SIGN, "if not is_id(device):", "if False:", REQUESTS),
    _m("issue: within the CA's names", ISSUE, "if not _may_sign(authority.certificate, name):", "if False:", TOOL),
    _m("issue: names below, not beside", ISSUE, 'host.endswith(f".{above}")', "host.endswith(above)", TOOL,
       "tests/integration/test_certificates_openssl.py"),
    _m("roster: nothing is signed that nobody accepts", ROSTER, "    _check(decode(payload, Roster))\n", "", EDITED),
    _m("roster: not longer than a document", ROSTER, "if len(signed) > jose.LIMIT:", "if False:", EDITED),
    _m("roster: one more each time", EDIT, "serial = max(roster.serial, above) + 1",
       "serial = max(roster.serial, above)", EDITED),
    _m("roster: removed from buttons", EDIT, "[other for other in what.rings if other != name]", "what.rings",
       EDITED),
    _m("roster: removed with all keys", EDIT, "if key is not None:\n        keys =", "if True:\n        keys =",
       EDITED),
    _m("roster: a known person keeps rights", EDIT, "if may and set(may) != set(known.may):", "if False:", EDITED),
    _m("ca retire: not while the server needs it", HOUSE, "if not issued_by(folder.server_certificate(), new):",
       "if False:", TOOL),
    _m("ca retire: not while a device needs it", HOUSE, "    if depending:\n", "    if False:\n", TOOL),
    _m("ca retire: not while a renewal is under way", HOUSE,
       "if not all(issued_by(certificate, new) for certificate in folder.certificates(device))",
       "if not issued_by(folder.certificates(device)[-1], new)", TOOL),
    # What leaves the operator's machine
    _m("server files: not to a terminal", f"{COMMAND}/server.py", "if sys.stdout.isatty():", "if False:", TOOL),
    _m("server files: key for its owner", "provisioning/server_files.py",
       '0o600 if name == "server-key.pem" else 0o644', "0o644", TOOL),
    _m("invite: not drawn into the folder", f"{COMMAND}/answerer.py", "if svg is not None and svg.resolve()",
       "if svg is not None and svg", TOOL),
    _m("invite: drawn for its owner", f"{COMMAND}/answerer.py", "write_file(svg, drawing.getvalue().decode(), "
       "secret=True)", "write_file(svg, drawing.getvalue().decode())", TOOL),
    _m("operator: what others say is one line", f"{COMMAND}/common.py",
       'say(f"doorward-provision: {one_line(str(error), LONGEST)}")\n            sys.exit(error.exit_code)',
       'say(f"doorward-provision: {error}")\n            sys.exit(error.exit_code)', PUBLISHES),
    _m("publish: confirmed by its own key", PUBLISH,
       "verify_accepted(jws, public_jwk(certificate.public_key()))  # type: ignore[arg-type] # P-256: we signed it",
       "decode(payload_of(jws), Accepted)", PUBLISHES),
    _m("publish: confirmed by who stands there", PUBLISH, "if fingerprint(certificate) not in roster.fingerprints:",
       "if False:", PUBLISHES),
    *[_confirmed(member) for member in ("site", "device", "serial", "sha256")],
    _m("publish: exit code", f"{COMMAND}/server.py",
       "if any(not report.confirmed for report in reports if report.device in present):", "if False:", PUBLISHES),
    _m("publish: chain and dates", PUBLISH, "context.hostname_checks_common_name = False",
       "context.check_hostname = False\n    context.verify_mode = ssl.CERT_NONE", PUBLISHES),
    _m("publish: host name", PUBLISH, "context.hostname_checks_common_name = False",
       "context.hostname_checks_common_name = False\n    context.check_hostname = False", PUBLISHES),
    _m("publish: server certificate's contents", PUBLISH, "            _check_server(connection)\n", "", PUBLISHES),
    _m("publish: serials end somewhere", f"{COMMAND}/server.py",
       "min(held.get(device, 0), signed.roster.serial + MOST_BEHIND)", "held.get(device, 0)", PUBLISHES),
    # What a device takes up
    _m("install: pinned CAs alone", ENROL_CODE, "if fingerprint(ca) not in trusted:", "if False:", ENROL),
    _m("install: the same device", ENROL_CODE,
       "if installed and (bundle.site, bundle.device) != (installed.site, installed.device):", "if False:", BELIEVES),
    _m("install: the roster key that is believed", ENROL_CODE,
       "if key not in believed and thumbprint(key) != pins.roster_key:", "if False:", ENROL),
    _m("install: as the daemon's user", "device/owner.py", "    root = os.geteuid() == 0\n",
       "    root = False\n", ENROL),
    _m("install: what was interrupted is finished", ENROL_CODE,
       "        if installed is not None and installed.key_path.name == NEXT_KEY:\n", "        if False:\n", ENROL),
    _m("install: one rename", ENROL_CODE,
       "        write_atomically(folder / BUNDLE, bundle_json)\n        if key_name == NEXT_KEY:\n"
       "            (folder / NEXT_KEY).replace(folder / KEY)\n",
       "        if key_name == NEXT_KEY:\n            (folder / NEXT_KEY).replace(folder / KEY)\n"
       "        write_atomically(folder / BUNDLE, bundle_json)\n", ENROL),
    _m("keygen: the same device", ENROL_CODE, "if installed and name != installed.device:", "if False:", ENROL),
    _m("keygen: never replaces a key", ENROL_CODE, "    if path.exists():\n        return read_key(path)\n", "", ENROL),
    _m("key: for its owner alone", IDENTITY, "if mode & 0o077:", "if False:", FILES, ENROL),
    _m("bundle: one certificate", IDENTITY, "    if more:\n", "    if False:\n", FILES, BUNDLE, ENROL),
    _m("bundle: its certificate's name", IDENTITY,
       "if (identity.site, identity.device) != (bundle.site, bundle.device):", "if False:", FILES, BUNDLE, ENROL),
    _m("bundle: this device's key", IDENTITY, "    if not owners:\n",
       "    owners = owners or list(keys)\n    if False:\n", FILES, BUNDLE, ENROL),
    _m("bundle: real CAs", IDENTITY, "        check_authority(ca)\n", "        pass\n", FILES, BUNDLE, ENROL),
    _m("bundle: issued by its CA", IDENTITY, "if not any(issued_by(certificate, ca) for ca in authorities):",
       "if False:", FILES, BUNDLE, ENROL),
    _m("bundle: on its roster", IDENTITY, "if fingerprint(certificate) not in signed.roster.fingerprints:", "if False:",
       BELIEVES),
    _m("bundle: roster key is the operator's", IDENTITY,
       "if bundle.roster_key.as_dict() in [public_jwk(key) for key in keys.values()]:", "if False:", FILES, BUNDLE,
       ENROL),
    _m("card: never an older bundle", ENROL_CODE, "        if newer_only and installed:\n", "        if False:\n",
       ENROL),
    _m("clock: a forged time is not kept", "device/app.py", "self._store.save_time, self._clock.certain()",
       "self._store.save_time, self._clock.now().utc", "tests/integration/test_expired_certificate.py"),
    _m("card: counts for the first bundle", FIRST_BOOT, "if first else enrol.Pins()", "", BELIEVES),
    _m("roster: confirmed once it is kept", "device/core/station.py",
       "if signed is None or signed.digest != self._kept:", "if signed is None:", LINKS),
    _m("roster: kept one after the other", "device/keeping.py", "async with self._storing:  # one", "if True:  # one",
       "tests/integration/test_control_socket.py"),
    _m("people: a pair is tried apart", "signaling/adapters/tls.py",
       "            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(chain, secret)\n", "",
       "tests/browser/test_public_certificate.py"),
    _m("card: what was installed is removed", FIRST_BOOT, "        (folder / name).unlink(missing_ok=True)\n",
       "            pass\n", ENROL),
    _m("succession: signed by the key before", ROSTER_KEY, "decode(jose.verify(text, TYP, pinned.jwk), RosterKey)",
       "decode(jose.payload_of(text), RosterKey)", BELIEVES),
    _m("succession: a point on the curve", ROSTER_KEY, "        public_key(introduced.key.as_dict())\n", "", BELIEVES),
    _m("succession: sequence, at a device", ROSTER_KEY, "if introduced.sequence <= pinned.sequence:", "if False:",
       BELIEVES),
    _m("succession: site, at a device", ROSTER_KEY, "if introduced.site != site:", "if False:", BELIEVES),
    _m("succession: followed once", AUTHORITY,
       "        if jws in self._successions or introduces(jws, self._pinned.jwk):\n            return False\n", "",
       BELIEVES),
    _m("door: only what was typed is judged", "device/core/keypad.py",
       "case CodeJudged(name) if self._judging and self._door", "case CodeJudged(name) if self._door", KEYPAD),
    _m("door: a right code forgives nothing", "device/core/keypad.py",
       "outcome += [CodeAccepted(self._door, name)] if name",
       "self._wrong = self._wrong if name is None else 0\n                "
       "outcome += [CodeAccepted(self._door, name)] if name", KEYPAD),
    _m("door: wrong codes make it deaf", "device/core/keypad.py", "if self._wrong <= FREE:", "if True:", KEYPAD),
    _m("door: every hash is compared", "device/codes.py", "hmac.compare_digest(typed, bytes.fromhex(one.hash))", "True",
       CODES),
    _m("door: the hash is salted", "device/codes.py", "salt=bytes.fromhex(kept.salt)", "salt=bytes(16)", CODES),
    _m("door: released once at a time", "device/core/doors.py", "if door is None or door.until is not None:",
       "if door is None:", DOORS),
    _m("door: one door excuses no other", "device/core/doors.py",
       "door.until is not None or now.mono <= door.expected_until",
       "self.released or now.mono <= door.expected_until", DOORS),
    _m("door: who may not open knows no contact", "device/core/view.py",
       "contacts = picture.contacts if \"open\" in rights and not plain else {}",
       "contacts = {} if plain else picture.contacts", DOORS),
    _m("door: the hard bound", "device/adapters/gpio/strike.py", "self._bound_s = min(bound_s, MAX_STRIKE_S)",
       "self._bound_s = bound_s", PANEL),
    _m("door: what does not go low is tried again", "device/adapters/gpio/strike.py",
       "if self._lower_now.wait(again_s):", "if not self._lower_now.wait(0):", PANEL),
    _m("door: one that cannot be lowered keeps no other up", "device/adapters/gpio/panel.py",
       "except Exception as error:  # noqa: BLE001 - whatever a pin driver raises: the",
       "except KeyError as error:  #", PANEL),
    _m("door: a strike that stays up ends the daemon", "device/core/doors.py",
       "give_up_at = now.mono + STUCK_S", "give_up_at = math.inf", DOORS),
    _m("door: a strike that has failed is tried again", "device/core/doors.py",
       "self._doors[name].until = None\n", "pass\n", DOORS),
    _m("door: a strike that is lowered has its default pin", "device/strikes.py", "pin not in _named(config)", "True",
       "tests/unit/test_strikes.py"),
    _m("succession: is believed from then on", AUTHORITY, "self._pinned = follow(jws, self._pinned, self.site)",
       "follow(jws, self._pinned, self.site)", BELIEVES),
)  # fmt: skip


def _page(name: str, path: str, old: str, new: str, lane: str, words: str) -> Mutation:
    tests = (f"tests/browser/page/test_page_{lane}.py", "-k", words)
    return Mutation(f"page: {name}", f"signaling/web/{path}", old, new, tests)


PAGE_MUTATIONS = (
    _page(
        "offer: its fingerprint stands on the roster",
        "link.js",
        "if (!signed.roster.fingerprints.includes(offered))",
        "if (false)",
        "link",
        "fingerprint",
    ),
    _page(
        "peer: its certificate is the offered one",
        "link.js",
        "(await fingerprint(transport.getRemoteCertificates()[0])) !== this.deviceFingerprint",
        "false",
        "link",
        "another_certificate",
    ),
    _page(
        "peer: its certificate is waited for",
        "link.js",
        "while (!this.ended && transport.getRemoteCertificates().length < 1) {",
        "while (false) {",
        "link",
        "tells_late",
    ),
    _page(
        "sdp: one fingerprint for all",
        "sdp.js",
        "if (found.size !== 1) untrusted",
        "if (false) untrusted",
        "sdp",
        "doubtful",
    ),
    _page(
        "sdp: additional fingerprint",
        "sdp.js",
        "if (own.length > 1) untrusted",
        "if (false) untrusted",
        "sdp",
        "doubtful",
    ),
    _page(
        "sdp: weaker fingerprint",
        "sdp.js",
        "if (!match) untrusted(`${part.kind}: a fingerprint that is not SHA-256`);",
        "if (!match) continue;",
        "sdp",
        "doubtful",
    ),
    _page(
        "sdp: missing fingerprint",
        "sdp.js",
        "if (part !== session && !own.length && !common.length) untrusted",
        "if (false) untrusted",
        "sdp",
        "doubtful",
    ),
    _page("sdp: all codecs", "sdp.js", 'if (role === "offer" && found', "if (false && found", "sdp", "malformed"),
    _page("sdp: described and there", "sdp.js", "if (!described || ", "if (", "sdp", "malformed"),
    _page("sdp: H.264's profile", "sdp.js", "BASELINE.test(", "String(", "sdp", "malformed"),
    _page("jws: signature", "jws.js", "if (!good) throw", "if (false) throw", "jws", "changed"),
    _page("jws: algorithm", "jws.js", 'alg: shape.oneOf("ES256")', "alg: shape.text(9)", "jws", "header"),
    _page("jws: typ", "jws.js", "typ: shape.oneOf(typ)", "typ: shape.text(99)", "jws", "header"),
    _page(
        "jws: signature's key",
        "jws.js",
        "if (kid !== (await thumbprint(jwk))) throw",
        "if (false) throw",
        "jws",
        "header",
    ),
    _page("key: not extractable", "jws.js", 'P256, false, ["sign"]', 'P256, true, ["sign"]', "invitation", "readable"),
    _page("json: duplicate members", "json.js", "if (names.has(value)) throw", "if (false) throw", "jws", "duplicate"),
    _page("roster: site", "roster.js", "if (roster.site !== site) throw", "if (false) throw", "roster", "site"),
    _page(
        "roster: device",
        "roster.js",
        "if (device !== null && roster.device !== device) throw",
        "if (false) throw",
        "roster",
        "site",
    ),
    _page(
        "roster: older serial",
        "roster.js",
        "if (next.roster.serial < held.serial) throw",
        "if (false) throw",
        "roster",
        "older",
    ),
    _page(
        "roster: same serial, other bytes",
        "roster.js",
        "if (held.digest !== null && next.digest !== held.digest) {",
        "if (false) {",
        "roster",
        "same_serial",
    ),
    _page(
        "roster: expiry",
        "site.js",
        "if (!signed || expired(signed.roster, this.world.clock.now())) return null;",
        "if (!signed) return null;",
        "link",
        "expired",
    ),
    _page(
        "roster: authority is the key",
        "site.js",
        "return admits(signed.roster, this.known.answerer, this.known.thumbprint) ? signed : null;",
        "return signed;",
        "link",
        "roster",
    ),
    _page(
        "roster: the door stands on it",
        "site.js",
        "if (print && !signed?.roster.fingerprints.includes(print)) door.drop",
        "if (false) door.drop",
        "link",
        "roster",
    ),
    _page(
        "roster key: signature",
        "roster_key.js",
        "fromUtf8(await verify(jws, TYP, believed.jwk))",
        'fromUtf8(unb64url(jws.split(".")[1]))',
        "roster_key",
        "refuse",
    ),
    _page(
        "roster key: sequence",
        "roster_key.js",
        "if (introduced.sequence <= believed.sequence) throw",
        "if (false) throw",
        "roster_key",
        "refuse",
    ),
    _page(
        "roster key: site",
        "roster_key.js",
        "if (introduced.site !== site) throw",
        "if (false) throw",
        "roster_key",
        "refuse",
    ),
    _page(
        "roster key: on the curve",
        "roster_key.js",
        "    await importPublic(introduced.key);\n",
        "",
        "roster_key",
        "refuse",
    ),
    _page(
        "roster key: kept",
        "roster_key.js",
        "    await this.vault.keepRosterKey(this.site, next, jws);\n",
        "",
        "roster_key",
        "over_a_reload",
    ),
    _page(
        "roster key: its sequence never falls in the vault",
        "vault.js",
        "if (known && known.sequence < sequence) {",
        "if (known) {",
        "roster_key",
        "slower",
    ),
    _page(
        "roster key: an invitation takes nothing back",
        "vault.js",
        "put({ ...site, sequence, successions })",
        "put({ ...site, sequence: 0, successions: [] })",
        "roster_key",
        "invitation",
    ),
    _page(
        "roster key: the replaced one signs no more",
        "site.js",
        "verifyRoster(jws, this.trust.jwk,",
        "verifyRoster(jws, this.known.rosterKey,",
        "roster_key",
        "old_keys",
    ),
    _page(
        "roster key: what was believed stays in force",
        "site.js",
        "kept.rosterKey ?? this.trust.jwk",
        "this.trust.jwk",
        "roster_key",
        "in_force",
    ),
    _page(
        "roster key: its way comes first",
        "link.js",
        'this.control?.give("roster-key", succession);',
        "undefined;",
        "roster_key",
        "given",
    ),
    _page(
        "vault: an earlier version's rosters keep their key",
        "vault.js",
        "void upgrade(transaction).catch(() => transaction.abort());",
        "",
        "roster_key",
        "earlier_version",
    ),
    _page(
        "hello: every member", "control.js", "if (message[name] !== mine) throw", "if (false) throw", "link", "hello"
    ),
    _page(
        "hello: comes first",
        "control.js",
        "if (this.heard) this.obey(message);",
        "if (true) this.obey(message);",
        "link",
        "hello",
    ),
    _page(
        "one data channel",
        "link.js",
        "if (this.channel || channel.label",
        "if (channel.label",
        "link",
        "second_channel",
    ),
    _page(
        "invitation: operator's key", "invitation.js", "if (!same) throw", "if (false) throw", "invitation", "operator"
    ),
    _page(
        "invitation: same person",
        "invitation.js",
        "if (known.answerer !== invitation.answerer) throw",
        "if (false) throw",
        "invitation",
        "person",
    ),
    _page(
        "invitation: permitted server",
        "invitation.js",
        "if (!permitted.includes(invitation.host)) throw",
        "if (false) throw",
        "invitation",
        "talk_to",
    ),
    _page(
        "invitation: serials never fall",
        "vault.js",
        "if (!kept || kept.serial < serial) {",
        "if (true) {",
        "invitation",
        "serials",
    ),
    _page(
        "invitation: never re-pins",
        "vault.js",
        "change.abort();\n      throw",
        "if (false) throw",
        "invitation",
        "re_pin",
    ),
    _page(
        "invitation: permitted by the policy inside",
        "invitation.js",
        "if (written instanceof HTMLMetaElement) return",
        "if (false) return",
        "static",
        "policy",
    ),
    _page("not in a frame", "main.js", "if (window.top !== window) {", "if (false) {", "static", "frame"),
    _page(
        "fragment: leaves the address",
        "fragment.js",
        "history.replaceState(null",
        "void (null",
        "invitation",
        "fragment",
    ),
    _page("heartbeat", "control.js", 'is silent"), DEAD_AFTER_MS)', 'is silent"), 1e9)', "link", "silent"),
    _page(
        "a live link refuses another offer",
        "door.js",
        "if (this.link && (await this.link.alive(OLD_LINK_ANSWERS_MS))) {",
        "if (false) {",
        "link",
        "further",
    ),
    _page(
        "command: counts up",
        "control.js",
        "this.lastId += 1;\n    const id",
        "this.lastId += 2;\n    const id",
        "link",
        "count_up",
    ),
)


def copy_tree(target: Path) -> None:
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
        else:
            shutil.copy2(source, target / name)


def caught_by(mutation: Mutation, tree: Path) -> str | None:
    """The first test that failed with the check removed; None if all passed."""
    path = tree / mutation.path
    text = path.read_text(encoding="utf-8")
    if text.count(mutation.old) != 1:
        raise LookupError(f"{mutation.name}: its text stands {text.count(mutation.old)} times in {mutation.path}")
    path.write_text(text.replace(mutation.old, mutation.new), encoding="utf-8")
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *mutation.tests],
            cwd=tree,
            env={**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        path.write_text(text, encoding="utf-8")
    failed = re.search(r"^FAILED \S*?([\w.]+::.*?)(?: - .*)?$", done.stdout, re.MULTILINE)
    if done.returncode == 0:
        return None
    if done.returncode != 1 or failed is None:  # a mutation that does not even load proves nothing
        raise LookupError(f"{mutation.name}: pytest ended with {done.returncode}\n{done.stdout[-2000:]}")
    return failed[1]


def main() -> int:
    words = sys.argv[1:]
    chosen = [one for one in (*MUTATIONS, *PAGE_MUTATIONS) if not words or any(word in one.name for word in words)]
    survived = 0
    with tempfile.TemporaryDirectory(prefix="doorward-mutations-") as folder:
        tree = Path(folder)
        copy_tree(tree)
        for mutation in chosen:
            try:
                test = caught_by(mutation, tree)
            except LookupError as error:
                test = None
                print(error)
            survived += test is None
            print(f"| {mutation.name} | {test or '**nothing: it survived**'} |", flush=True)
    print(f"{len(chosen)} checks removed one by one, {len(chosen) - survived} noticed")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
