/**
 * The gate before the browser sees a door's session description (protocol section 4; section 8, rule 6), and
 * what this page's own answer must look like to pass the door's gate.
 *
 * Parsing is deliberately narrow: a description that is not the one this protocol makes is refused.
 */

import { PeerError } from "./errors.js";
import { utf8 } from "./bytes.js";
import { vetCandidate } from "./candidates.js";

const LIMIT = 32 * 1024;
const LINES = 400;
const LINE = 1024;
/** @type {Record<string, number>} */
const PER_SECTION = { candidate: 32, ssrc: 16, "ssrc-group": 4, rtpmap: 32, fmtp: 32, "rtcp-fb": 128, extmap: 2 };
const MID_URI = "urn:ietf:params:rtp-hdrext:sdes:mid";
// Asks for frames to be shown as they come; its value is constant, so in the clear it tells nothing.
const PLAYOUT_DELAY = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay";
/** @type {Record<string, string[]>} */
const EXTENSIONS = { video: [MID_URI, PLAYOUT_DELAY], audio: [MID_URI] };

/** @type {Record<string, string>} */
const PROTOCOLS = { video: "UDP/TLS/RTP/SAVPF", audio: "UDP/TLS/RTP/SAVPF", application: "UDP/DTLS/SCTP" };
const KINDS = Object.keys(PROTOCOLS);
const SESSION = new Set(["group", "msid-semantic", "extmap-allow-mixed", "fingerprint", "setup", "ice-options"]);
const TRANSPORT = [
  "candidate", "end-of-candidates", "fingerprint", "ice-options", "ice-pwd", "ice-ufrag", "mid", "setup",
];
const MEDIA = new Set([
  ...TRANSPORT, "extmap", "fmtp", "inactive", "maxptime", "msid", "ptime", "recvonly", "rtcp", "rtcp-fb", "rtcp-mux",
  "rtcp-rsize", "rtpmap", "sendonly", "sendrecv", "ssrc", "ssrc-group",
]);
const DATA = new Set([...TRANSPORT, "max-message-size", "sctp-port", "sendrecv"]);
/** @type {Record<string, string[]>} */
const DIRECTIONS = {
  "offer video": ["sendonly"],
  "offer audio": ["sendrecv"],
  "answer video": ["recvonly", "inactive"],
  "answer audio": ["sendrecv", "recvonly"],
};
const FINGERPRINT = /^sha-256 ((?:[0-9A-F]{2}:){31}[0-9A-F]{2})$/i;
const PRINTABLE = /^[\x20-\x7e]+$/;
const ICE = /^[A-Za-z0-9+/]{4,256}$/;
const MID = /^[A-Za-z0-9]{1,16}$/;
const PAYLOAD = /^[1-9][0-9]{1,2}$/;
// What is spoken, in the order of preference: an offer names all, an answer at least one.
/** @type {Record<string, string[]>} */
const CODECS = { video: ["H264/90000", "VP8/90000"], audio: ["opus/48000/2"] };
const RTX = "rtx/90000";
// H.264 constrained baseline of any level (RFC 6184, table 5).
const BASELINE = /^42[4-7c-f]0[0-9a-f]{2}$/i;

/** @typedef {{kind: string, payloads: string[], lines: Map<string, string[]>}} Section */

/**
 * The one certificate fingerprint of a description that passes, upper-case. PeerError otherwise: reason
 * `fingerprint` if that is what is wrong, else `error`.
 * @param {string} sdp
 * @param {"offer"|"answer"} role whose description it is: the door offers, the page answers
 * @returns {string}
 */
export function vet(sdp, role) {
  const [session, ...sections] = split(linesOf(sdp));
  if (sections.map((section) => section.kind).join() !== KINDS.join()) refuse("sections are not video, audio, application");
  checkNames(session, SESSION);
  for (const section of sections) {
    checkNames(section, section.kind === "application" ? DATA : MEDIA);
    checkSection(section, role);
  }
  const mids = sections.map((section) => one(section, "mid"));
  if (new Set(mids).size !== mids.length) refuse("two sections have one mid");
  const groups = values(session, "group");
  if (groups.length !== 1 || groups[0] !== `BUNDLE ${mids.join(" ")}`) refuse("not one BUNDLE group of all sections");
  checkSetup(session, sections, role === "offer" ? "actpass" : "active");
  for (const section of sections.slice(0, 2)) checkCodecs(section, role);
  return oneFingerprint(session, sections);
}

/**
 * An answer as this page sends it: SHA-256 fingerprints, no header extension but those of the offer, Opus at a constant rate, no
 * candidates (they follow one by one), and directions only where they are of a section: Firefox says one for all of them, too.
 * @param {string} sdp as the browser made it
 */
export function shapeAnswer(sdp) {
  const all = sdp.split("\r\n");
  const media = all.findIndex((line) => line.startsWith("m="));
  const lines = all.filter((line, at) => {
    if (at < media && /^a=(sendrecv|sendonly|recvonly|inactive)$/.test(line)) return false;
    if (line.startsWith("a=fingerprint:")) return line.startsWith("a=fingerprint:sha-256 ");
    if (line.startsWith("a=extmap:")) return EXTENSIONS.video.includes(line.split(" ")[1]);
    return !line.startsWith("a=candidate:") && line !== "a=end-of-candidates";
  });
  return constantRate(lines.join("\r\n"));
}

/**
 * The description with every Opus payload at a constant rate and without pauses, so that packet sizes tell
 * nothing of what is said (RFC 6562). On an offer this governs our own encoder, whatever the door asked for.
 * @param {string} sdp
 */
export function constantRate(sdp) {
  const lines = sdp.split("\r\n");
  const payloads = lines.map((line) => /^a=rtpmap:(\d+) opus\/48000/i.exec(line)?.[1]).filter((one) => one !== undefined);
  return lines
    .flatMap((line) => {
      const fmtp = /^a=fmtp:(\d+) (.*)$/.exec(line);
      if (fmtp && payloads.includes(fmtp[1])) return [];
      const mapped = /^a=rtpmap:(\d+) /.exec(line);
      if (!mapped || !payloads.includes(mapped[1])) return [line];
      return [line, `a=fmtp:${mapped[1]} ${opusParameters(lines, mapped[1])}`];
    })
    .join("\r\n");
}

/** @param {string[]} lines @param {string} payload */
function opusParameters(lines, payload) {
  const line = lines.find((one) => one.startsWith(`a=fmtp:${payload} `));
  const given = line ? line.slice(line.indexOf(" ") + 1).split(";") : [];
  const kept = given.map((one) => one.trim()).filter((one) => one && !/^(cbr|usedtx)=/i.test(one));
  return [...kept, "cbr=1", "usedtx=0"].join(";");
}

/** @param {string} sdp @returns {string[]} */
function linesOf(sdp) {
  if (utf8(sdp).length > LIMIT) refuse(`more than ${LIMIT} bytes`);
  if (!sdp.endsWith("\r\n")) refuse("does not end in CRLF");
  const lines = sdp.slice(0, -2).split("\r\n");
  if (lines.length > LINES) refuse(`more than ${LINES} lines`);
  if (!lines.every((line) => line.length <= LINE && PRINTABLE.test(line))) refuse("a line too long or not printable");
  if (lines[0] !== "v=0") refuse("does not begin with v=0");
  return lines;
}

/** @param {string[]} lines @returns {Section[]} the session's own lines first */
function split(lines) {
  /** @type {Section[]} */
  const sections = [{ kind: "session", payloads: [], lines: new Map() }];
  for (const line of lines) {
    if (!/^[vostcbma]=/.test(line)) refuse("a line of an unknown kind");
    const value = line.slice(2);
    if (line[0] === "m") {
      sections.push({ kind: mediaKind(value), payloads: value.split(" ").slice(3), lines: new Map() });
      if (sections.length > 1 + KINDS.length) refuse("more than three media sections");
    } else if (line[0] === "a") {
      const colon = value.indexOf(":");
      const name = colon < 0 ? value : value.slice(0, colon);
      const { lines: known } = sections[sections.length - 1];
      known.set(name, [...(known.get(name) ?? []), colon < 0 ? "" : value.slice(colon + 1)]);
    }
  }
  return sections;
}

/** @param {string} value of an m line */
function mediaKind(value) {
  const words = value.split(" ");
  const [kind, port, protocol] = words;
  if (words.length < 4 || !/^\d{1,5}$/.test(port) || port === "0") refuse("a media line that is rejected or malformed");
  if (!Object.hasOwn(PROTOCOLS, kind) || PROTOCOLS[kind] !== protocol) refuse("a media line of another kind or protocol");
  if (kind === "application" && words.slice(3).join() !== "webrtc-datachannel") refuse("not a data channel");
  return kind;
}

/** @param {Section} section @param {Set<string>} known */
function checkNames(section, known) {
  for (const [name, found] of section.lines) {
    if (!known.has(name)) refuse(`${section.kind}: a=${name} has no place here`);
    if (found.length > (PER_SECTION[name] ?? 4)) refuse(`${section.kind}: too many a=${name}`);
  }
}

/** @param {Section} section @param {string} role */
function checkSection(section, role) {
  if (!MID.test(one(section, "mid"))) refuse(`${section.kind}: malformed mid`);
  for (const name of ["ice-ufrag", "ice-pwd"]) if (!ICE.test(one(section, name))) refuse(`${section.kind}: malformed ${name}`);
  for (const line of values(section, "candidate")) vetCandidate(`candidate:${line}`);
  if (section.kind === "application") {
    one(section, "sctp-port");
    return;
  }
  one(section, "rtcp-mux");
  const extensions = values(section, "extmap").map((line) => line.split(" ").slice(1).join(" "));
  const unknown = extensions.some((uri) => !EXTENSIONS[section.kind].includes(uri));
  if (unknown || new Set(extensions).size !== extensions.length) {
    refuse(`${section.kind}: a header extension that has no place here`);
  }
  const directions = ["sendrecv", "sendonly", "recvonly", "inactive"].filter((name) => section.lines.has(name));
  if (directions.length !== 1 || !DIRECTIONS[`${role} ${section.kind}`].includes(directions[0])) {
    refuse(`${section.kind}: its direction is not one an ${role} may have`);
  }
}

/** @param {Section} section @param {string} role */
function checkCodecs(section, role) {
  const { kind, payloads } = section;
  const names = numbered(section, "rtpmap");
  const parameters = numbered(section, "fmtp");
  const described = [...names.keys()].sort().join() === [...payloads].sort().join();
  if (!described || [...parameters.keys()].some((payload) => !names.has(payload))) {
    refuse(`${kind}: its payload types are not those it describes, once each`);
  }
  const spoken = payloads.filter((payload) => names.get(payload) !== RTX);
  const found = spoken.map((payload) => names.get(payload) ?? "");
  const known = CODECS[kind];
  if (!found.length || new Set(found).size !== found.length || found.some((name) => !known.includes(name))) {
    refuse(`${kind}: codecs other than ${known}`);
  }
  if (role === "offer" && found.join() !== known.join()) refuse(`${kind}: not all of ${known}, in this order`);
  const repeated = payloads.filter((payload) => names.get(payload) === RTX).map((payload) => parameters.get(payload));
  const repeatable = spoken.map((payload) => `apt=${payload}`);
  if (new Set(repeated).size !== repeated.length || repeated.some((apt) => !repeatable.includes(apt ?? ""))) {
    refuse(`${kind}: retransmission of something else`);
  }
  const h264 = spoken.filter((payload) => names.get(payload) === CODECS.video[0]);
  if (h264.some((payload) => !isBaseline(parameters.get(payload) ?? ""))) {
    refuse(`${kind}: H.264 other than constrained baseline, packetization mode 1`);
  }
}

/** @param {Section} section @param {string} name @returns {Map<string, string>} the rest of each line by payload type */
function numbered(section, name) {
  const found = values(section, name).map((value) => /** @type {[string, string]} */ (halves(value, " ")));
  const payloads = found.map(([payload]) => payload);
  if (new Set(payloads).size !== payloads.length || !payloads.every((payload) => PAYLOAD.test(payload))) {
    refuse(`${section.kind}: a payload type that is none, or twice in a=${name}`);
  }
  return new Map(found);
}

/** @param {string} parameters */
function isBaseline(parameters) {
  const given = new Map(parameters.split(";").map((part) => /** @type {[string, string]} */ (halves(part.trim(), "="))));
  return given.get("packetization-mode") === "1" && BASELINE.test(given.get("profile-level-id") ?? "");
}

/** @param {string} text @param {string} at @returns {string[]} what stands before and after the first of these */
function halves(text, at) {
  const place = text.indexOf(at);
  return place < 0 ? [text, ""] : [text.slice(0, place), text.slice(place + 1)];
}

/** @param {Section} session @param {Section[]} sections @param {string} expected */
function checkSetup(session, sections, expected) {
  const common = values(session, "setup");
  if (common.length > 1 || (common.length === 1 && common[0] !== expected)) refuse(`session: setup is not ${expected}`);
  for (const section of sections) {
    const own = values(section, "setup");
    const found = own.length ? own : common;
    if (found.length !== 1 || found[0] !== expected) refuse(`${section.kind}: setup is not ${expected}`);
  }
}

/** @param {Section} session @param {Section[]} sections @returns {string} */
function oneFingerprint(session, sections) {
  const found = new Set();
  const common = values(session, "fingerprint");
  for (const part of [session, ...sections]) {
    const own = values(part, "fingerprint");
    if (part !== session && !own.length && !common.length) untrusted(`${part.kind}: no fingerprint`);
    if (own.length > 1) untrusted(`${part.kind}: more than one fingerprint`);
    for (const value of own) {
      const match = FINGERPRINT.exec(value);
      if (!match) untrusted(`${part.kind}: a fingerprint that is not SHA-256`);
      else found.add(match[1].toUpperCase());
    }
  }
  if (found.size !== 1) untrusted("the sections have different fingerprints");
  return [...found][0];
}

/** @param {Section} section @param {string} name @returns {string[]} */
function values(section, name) {
  return section.lines.get(name) ?? [];
}

/** @param {Section} section @param {string} name @returns {string} */
function one(section, name) {
  const found = values(section, name);
  if (found.length !== 1) refuse(`${section.kind}: a=${name} stands ${found.length} times, not once`);
  return found[0];
}

/** @param {string} why @returns {never} */
function refuse(why) {
  throw new PeerError(`sdp: ${why}`);
}

/** @param {string} why @returns {never} */
function untrusted(why) {
  throw new PeerError(`sdp: ${why}`, "fingerprint");
}
