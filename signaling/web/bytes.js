/**
 * Bytes and their encodings: base64url (RFC 7515 section 2), UTF-8, SHA-256, certificate fingerprints (RFC 8122).
 */

import { PeerError } from "./errors.js";

const UTF8 = new TextEncoder();
const STRICT_UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** @param {string} text @returns {Uint8Array<ArrayBuffer>} */
export function utf8(text) {
  return UTF8.encode(text);
}

/** @param {Uint8Array} bytes @returns {string} PeerError unless it is UTF-8 */
export function fromUtf8(bytes) {
  try {
    return STRICT_UTF8.decode(bytes);
  } catch {
    throw new PeerError("not UTF-8");
  }
}

/** @param {ArrayBuffer|Uint8Array} data @returns {string} without padding */
export function b64url(data) {
  const bytes = data instanceof Uint8Array ? data : new Uint8Array(data);
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/**
 * @param {string} text
 * @returns {Uint8Array<ArrayBuffer>} PeerError unless `text` is the one canonical encoding of the bytes
 */
export function unb64url(text) {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) throw new PeerError("not base64url");
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  if (b64url(bytes) !== text) throw new PeerError("base64url: not the canonical encoding");
  return bytes;
}

/** @param {Uint8Array<ArrayBuffer>|ArrayBuffer} data @returns {Promise<string>} SHA-256, base64url */
export async function digest(data) {
  return b64url(await crypto.subtle.digest("SHA-256", data));
}

/** @param {ArrayBuffer} der a certificate @returns {Promise<string>} upper-case hex with colons */
export async function fingerprint(der) {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", der));
  return [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join(":").toUpperCase();
}
