/**
 * Shapes of values: a shape is a function that returns its argument, or throws PeerError naming the place at fault.
 * Objects have exactly the members named: none missing, none unknown.
 */

import { PeerError } from "./errors.js";

/** @typedef {(value: any, where: string) => any} Shape */

const ID = /^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/;

/** @param {RegExp} pattern @param {string} what @returns {Shape} */
export const matching = (pattern, what) => (value, where) =>
  typeof value === "string" && pattern.test(value) ? value : fail(where, what);

/** A site, device, answerer, button or door. */
export const id = matching(ID, "an id");

/** A session, link or nonce: 128 random bits or more. */
export const token = matching(/^[A-Za-z0-9_-]{22,86}$/, "a token");

/** A call: exactly 128 bits. */
export const callId = matching(/^[A-Za-z0-9_-]{21}[AQgw]$/, "a call");

/** A SHA-256, base64url. */
export const digest = matching(/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/, "a digest");

/** SHA-256 of a certificate, upper-case hex with colons. */
export const fingerprint = matching(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/, "a fingerprint");

/** A compact JWS, at most 12 KiB (section 8, rule 14). */
export const jws = matching(/^[A-Za-z0-9_-]{1,12000}\.[A-Za-z0-9_-]{0,12280}\.[A-Za-z0-9_-]{1,200}$/, "a signed document");

/** An integer every implementation reads alike. @type {Shape} */
export const positive = (value, where) =>
  Number.isSafeInteger(value) && value >= 1 ? value : fail(where, "a whole number from 1");

/** @type {Shape} */
export const bool = (value, where) => (typeof value === "boolean" ? value : fail(where, "true or false"));

/** @param {number} max characters @param {number} [min] @returns {Shape} */
export const text = (max, min = 0) => (value, where) =>
  typeof value === "string" && value.length >= min && value.length <= max ? value : fail(where, "a text");

/** @param {...any} allowed @returns {Shape} */
export const oneOf = (...allowed) => (value, where) =>
  allowed.includes(value) ? value : fail(where, `one of ${allowed.join(", ")}`);

/** @param {Shape} shape @returns {Shape} */
export const nullable = (shape) => (value, where) => (value === null ? null : shape(value, where));

/** @param {Shape} shape @param {number} max @returns {Shape} */
export const list = (shape, max) => (value, where) => {
  if (!Array.isArray(value) || value.length > max) fail(where, `a list of at most ${max}`);
  value.forEach((/** @type {any} */ item, /** @type {number} */ index) => shape(item, `${where}[${index}]`));
  return value;
};

/** @param {Shape} shape of the values; the names are ids @param {number} max @returns {Shape} */
export const map = (shape, max) => (value, where) => {
  const names = namesOf(value, where);
  if (names.length > max) fail(where, `at most ${max} members`);
  for (const name of names) {
    id(name, `${where}.${name}`);
    shape(value[name], `${where}.${name}`);
  }
  return value;
};

/**
 * @param {Record<string, Shape>} members all required
 * @param {Record<string, Shape>} [optional]
 * @returns {Shape}
 */
export const object = (members, optional = {}) => (value, where) => {
  const names = namesOf(value, where);
  for (const name of names) {
    const shape = Object.hasOwn(members, name) ? members[name] : Object.hasOwn(optional, name) ? optional[name] : null;
    if (!shape) fail(where, "without unknown members");
    else shape(value[name], `${where}.${name}`);
  }
  for (const name of Object.keys(members)) if (!Object.hasOwn(value, name)) fail(`${where}.${name}`, "there");
  return value;
};

/** A public P-256 key with exactly its four members (section 8, rule 18). */
const coordinate = matching(/^[A-Za-z0-9_-]{43}$/, "a coordinate");
export const publicJwk = object({ kty: oneOf("EC"), crv: oneOf("P-256"), x: coordinate, y: coordinate });
export const privateJwk = object({ kty: oneOf("EC"), crv: oneOf("P-256"), x: coordinate, y: coordinate, d: coordinate });

/** @param {any} value @param {string} where @returns {string[]} */
function namesOf(value, where) {
  if (typeof value !== "object" || value === null || Array.isArray(value)) fail(where, "an object");
  return Object.keys(value);
}

/** @param {string} where @param {string} what @returns {never} */
function fail(where, what) {
  throw new PeerError(`${where}: not ${what}`);
}
