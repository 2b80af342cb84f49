/**
 * Every message this page receives, checked member by member (protocol sections 3 and 5).
 */

import { PeerError } from "./errors.js";
import { CONTROL_LIMIT, MESSAGE_LIMIT, parseJson } from "./json.js";
import * as shape from "./shape.js";

export const REASONS = [
  "bye", "replaced", "full", "fingerprint", "proof", "roster", "hello", "linked", "timeout", "error",
];
const FAULTS = [
  "camera", "microphone", "loudspeaker", "buttons", "strike", "clock", "certificate", "storage", "offline", "roster",
  "tamper", "keypad", "left-open", "forced",
];
const CODES = ["not-allowed", "not-now", "answered-elsewhere", "unknown", "too-fast", "fault"];

const line = shape.text(256);
const iceServers = shape.list(
  shape.object({ urls: shape.list(line, 8) }, { username: line, credential: line }),
  8,
);
const index = shape.oneOf(0, 1, 2);
const candidate = shape.nullable(
  shape.object({ candidate: shape.text(512), sdpMid: shape.text(16), sdpMLineIndex: index }),
);
const call = shape.object({
  call: shape.callId,
  button: shape.id,
  at: shape.positive,
  outcome: shape.oneOf("answered", "missed", "declined", "failed"),
  answered_by: shape.nullable(shape.id),
  snapshot: shape.bool,
});
const reason = shape.oneOf(...REASONS);

/** @type {Record<string, Record<string, shape.Shape>>} */
const FROM_SERVER = {
  challenge: { nonce: shape.token, site: shape.id },
  welcome: {
    session: shape.token,
    ice_servers: iceServers,
    rosters: shape.list(shape.jws, 64),
    devices: shape.list(shape.object({ device: shape.id, online: shape.bool }), 64),
    push_key: shape.nullable(line),
  },
  offer: { device: shape.id, link: shape.token, sdp: shape.text(32 * 1024) },
  device: { device: shape.id, online: shape.bool },
  roster: { jws: shape.jws },
  "roster-key": { jws: shape.jws },
  candidate: { device: shape.id, link: shape.token, candidate },
  close: { device: shape.id, link: shape.token, reason },
  error: { code: line, message: line },
};

/** @type {Record<string, Record<string, shape.Shape>>} */
const FROM_DOOR = {
  hello: {
    v: shape.oneOf(1),
    link: shape.token,
    site: shape.id,
    device: shape.id,
    answerer: shape.id,
    serial: shape.positive,
  },
  state: {
    phase: shape.oneOf("idle", "ringing", "talking", "busy"),
    call: shape.nullable(shape.callId),
    button: shape.nullable(shape.id),
    since: shape.positive,
    answered_by: shape.nullable(shape.id),
    video: shape.bool,
    audio: shape.bool,
    doors: shape.map(
      shape.object({ open_until: shape.nullable(shape.positive) }, { contact: shape.oneOf("closed", "open") }),
      16,
    ),
    you: shape.object({ may: shape.list(shape.oneOf("talk", "open", "view"), 3) }),
    faults: shape.list(shape.oneOf(...FAULTS), FAULTS.length),
  },
  done: { id: shape.positive },
  history: { id: shape.positive, calls: shape.list(call, 100) },
  snapshot: { id: shape.positive, size: shape.positive },
  refused: { id: shape.positive, code: shape.oneOf(...CODES), message: line },
  roster: { jws: shape.jws },
  "roster-key": { jws: shape.jws },
  close: { reason },
  ping: { id: shape.positive },
};

/** Members that a door's message may leave out. @type {Record<string, Record<string, shape.Shape>>} */
const OPTIONAL = { state: { watching: shape.list(shape.id, 64) } };

/** @param {string} text @returns {any} a message of the server; PeerError unless it is one */
export function fromServer(text) {
  return parse(text, FROM_SERVER, MESSAGE_LIMIT);
}

/** @param {string} text @returns {any} a message of a door on `control`; PeerError unless it is one */
export function fromDoor(text) {
  return parse(text, FROM_DOOR, CONTROL_LIMIT, OPTIONAL);
}

/**
 * @param {unknown} text
 * @param {Record<string, Record<string, shape.Shape>>} known
 * @param {number} limit
 * @param {Record<string, Record<string, shape.Shape>>} [optional] by type as well
 */
function parse(text, known, limit, optional = {}) {
  if (typeof text !== "string") throw new PeerError("a message that is not text");
  const message = parseJson(text, limit);
  const type = message?.type;
  if (typeof type !== "string" || !Object.hasOwn(known, type)) throw new PeerError("a message of an unknown type");
  return shape.object({ type: shape.oneOf(type), ...known[type] }, optional[type])(message, type);
}
