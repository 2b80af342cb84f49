/**
 * What this page signs: its login towards the server, and its proof towards a door (protocol sections 3 and 4).
 */

import { digest, utf8 } from "./bytes.js";
import { sign } from "./jws.js";

/** @typedef {{site: string, answerer: string, key: CryptoKey, jwk: import("./jws.js").PublicJwk}} Identity */

/**
 * @param {Identity} me
 * @param {string} nonce of the server's challenge
 * @param {string} host name and port the page is connected to, as `hostOf` makes it
 * @returns {Promise<string>}
 */
export function signLogin(me, nonce, host) {
  return sign({ nonce, site: me.site, answerer: me.answerer, host }, me.key, "doorward-login+jwt", me.jwk);
}

/**
 * Bind this page's key to one link: both certificates and both descriptions (section 8, rule 6).
 * @param {Identity} me
 * @param {{device: string, link: string, deviceFingerprint: string, fingerprint: string, offer: string,
 *   answer: string}} link the descriptions as they were received and as they are sent
 * @returns {Promise<string>}
 */
export async function signProof(me, link) {
  const payload = {
    site: me.site,
    device: link.device,
    answerer: me.answerer,
    link: link.link,
    device_fingerprint: link.deviceFingerprint,
    fingerprint: link.fingerprint,
    offer: await digest(utf8(link.offer)),
    answer: await digest(utf8(link.answer)),
  };
  return sign(payload, me.key, "doorward-proof+jwt", me.jwk);
}

/**
 * The `host` of a login: lower case, the port explicit, IPv6 in brackets (section 8, rule 14).
 * @param {string} signaling a wss address
 */
export function hostOf(signaling) {
  const url = new URL(signaling);
  return `${url.hostname.toLowerCase()}:${url.port || "443"}`;
}
