/**
 * Compact JWS, ES256 only (RFC 7515; protocol sections 2 and 7, and rule 18 of section 8).
 */

import { PeerError } from "./errors.js";
import { b64url, digest, fromUtf8, unb64url, utf8 } from "./bytes.js";
import { parseJson } from "./json.js";
import * as shape from "./shape.js";

/** @typedef {{kty: string, crv: string, x: string, y: string}} PublicJwk */

const ES256 = { name: "ECDSA", hash: "SHA-256" };
const P256 = { name: "ECDSA", namedCurve: "P-256" };
const LIMIT = 12 * 1024;

/**
 * The RFC 7638 thumbprint, by which a roster names a key.
 * @param {PublicJwk} jwk
 * @returns {Promise<string>}
 */
export function thumbprint({ kty, crv, x, y }) {
  return digest(utf8(JSON.stringify({ crv, kty, x, y })));
}

/**
 * `payload` signed by `key`, with the public key in the header.
 * @param {object} payload
 * @param {CryptoKey} key
 * @param {string} typ
 * @param {PublicJwk} jwk of `key`
 * @returns {Promise<string>}
 */
export async function sign(payload, key, typ, { kty, crv, x, y }) {
  const header = { alg: "ES256", typ, jwk: { kty, crv, x, y } };
  const input = `${b64url(utf8(JSON.stringify(header)))}.${b64url(utf8(JSON.stringify(payload)))}`;
  return `${input}.${b64url(await crypto.subtle.sign(ES256, key, utf8(input)))}`;
}

/**
 * The payload of a token that the key `jwk` signed and its `kid` names; PeerError otherwise.
 * @param {string} token
 * @param {string} typ
 * @param {PublicJwk} jwk
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
export async function verify(token, typ, jwk) {
  if (token.length > LIMIT) throw new PeerError(`signed document of more than ${LIMIT} characters`);
  const parts = token.split(".");
  if (parts.length !== 3) throw new PeerError("not a compact JWS");
  const [head, payload, signature] = parts.map(unb64url);
  const header = shape.object({ alg: shape.oneOf("ES256"), typ: shape.oneOf(typ), kid: shape.digest });
  const { kid } = header(parseJson(fromUtf8(head)), "header");
  shape.publicJwk(jwk, "key");
  if (kid !== (await thumbprint(jwk))) throw new PeerError(`${typ}: signed by another key`);
  if (signature.length !== 64) throw new PeerError(`${typ}: the signature is malformed`);
  const key = await importPublic(jwk);
  const good = await crypto.subtle.verify(ES256, key, signature, utf8(`${parts[0]}.${parts[1]}`));
  if (!good) throw new PeerError(`${typ}: the signature does not verify`);
  return payload;
}

/** @param {PublicJwk} jwk @returns {Promise<CryptoKey>} PeerError unless it is a point of P-256 */
export async function importPublic({ kty, crv, x, y }) {
  try {
    return await crypto.subtle.importKey("jwk", { kty, crv, x, y }, P256, true, ["verify"]);
  } catch {
    throw new PeerError("not a public key on P-256");
  }
}

/**
 * A private key that can sign and never leave: not extractable. PeerError unless its two halves belong together.
 * @param {PublicJwk & {d: string}} jwk
 * @returns {Promise<CryptoKey>}
 */
export async function importPrivate({ kty, crv, x, y, d }) {
  const publicKey = await importPublic({ kty, crv, x, y });
  let key;
  try {
    key = await crypto.subtle.importKey("jwk", { kty, crv, x, y, d }, P256, false, ["sign"]);
  } catch {
    throw new PeerError("not a private key on P-256");
  }
  const probe = utf8("doorward");
  const signature = await crypto.subtle.sign(ES256, key, probe);
  if (!(await crypto.subtle.verify(ES256, publicKey, signature, probe))) throw new PeerError("the key's halves differ");
  return key;
}
