/**
 * Strict JSON: what two parsers could read differently is refused (RFC 7493; protocol section 8, rule 18).
 */

import { PeerError } from "./errors.js";
import { utf8 } from "./bytes.js";

/** Bytes of a signaling message (protocol section 3). */
export const MESSAGE_LIMIT = 64 * 1024;

/** Bytes of a message on the control channel (protocol section 6). */
export const CONTROL_LIMIT = 16 * 1024;

const DEPTH = 16;
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]/gs;

/**
 * @param {string} text
 * @param {number} [limit] bytes
 * @returns {any} PeerError for duplicate members, lone surrogates, too deep or too large documents
 */
export function parseJson(text, limit = MESSAGE_LIMIT) {
  if (text.length > limit || utf8(text).length > limit) throw new PeerError(`message of more than ${limit} bytes`);
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    throw new PeerError("not JSON");
  }
  scan(text);
  return value;
}

/**
 * Walk the tokens of a text that is known to be JSON, looking for what `JSON.parse` lets pass.
 * @param {string} text
 */
function scan(text) {
  /** @type {(Set<string>|null)[]} one entry per open container: an object's names, or null for a list */
  const open = [];
  let isName = false;
  for (const [token] of text.matchAll(TOKEN)) {
    switch (token) {
      case "{":
      case "[":
        if (open.length === DEPTH) throw new PeerError("message is nested too deeply");
        open.push(token === "{" ? new Set() : null);
        isName = token === "{";
        break;
      case "}":
      case "]":
        open.pop();
        isName = false;
        break;
      case ",":
        isName = open.at(-1) instanceof Set;
        break;
      case ":":
        isName = false;
        break;
      default:
        checkString(token, isName ? open.at(-1) : null);
        isName = false;
    }
  }
}

/** @param {string} token with its quotes @param {Set<string>|null|undefined} names */
function checkString(token, names) {
  const value = JSON.parse(token);
  if (!value.isWellFormed()) throw new PeerError("message holds half a character");
  if (!names) return;
  if (names.has(value)) throw new PeerError("a member appears twice");
  names.add(value);
}
