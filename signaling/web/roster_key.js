/**
 * The roster key and its successors (protocol section 8, rule 16): only the key that is believed introduces the next.
 */

import { PeerError } from "./errors.js";
import { fromUtf8, unb64url } from "./bytes.js";
import { parseJson } from "./json.js";
import { importPublic, verify } from "./jws.js";
import * as shape from "./shape.js";

/**
 * @typedef {import("./jws.js").PublicJwk} PublicJwk
 * @typedef {{jwk: PublicJwk, sequence: number}} Believed `sequence` of the document that introduced it; 0: an invitation did
 */

/** Successions that are kept and passed on; whoever is further behind needs a new invitation. */
export const LONGEST_CHAIN = 16;

const TYP = "doorward-roster-key+jwt";
const SHAPE = shape.object({
  v: shape.oneOf(1),
  site: shape.id,
  sequence: shape.positive,
  key: shape.publicJwk,
  issued: shape.positive,
});

/**
 * The key that the document introduces in place of the one believed; PeerError (reason `roster`) unless that one signed it.
 * @param {string} jws
 * @param {Believed} believed
 * @param {string} site
 * @returns {Promise<Believed>}
 */
export async function follow(jws, believed, site) {
  try {
    const introduced = SHAPE(parseJson(fromUtf8(await verify(jws, TYP, believed.jwk))), "roster key");
    await importPublic(introduced.key);
    if (introduced.site !== site) throw new PeerError("of another site");
    if (introduced.sequence <= believed.sequence) throw new PeerError(`sequence ${introduced.sequence} after ${believed.sequence}`);
    return { jwk: introduced.key, sequence: introduced.sequence };
  } catch (error) {
    throw new PeerError(`roster key: ${error instanceof Error ? error.message : error}`, "roster");
  }
}

/** Which roster key a site is judged by, and how it came to be: kept in the vault before it counts. */
export class Trust {
  /** @param {import("./vault.js").KnownSite} known @param {import("./vault.js").Vault} vault */
  constructor({ site, rosterKey, sequence, successions }, vault) {
    /** @private */ this.site = site;
    /** @private */ this.vault = vault;
    /** @private @type {Believed} */ this.believed = { jwk: rosterKey, sequence };
    /** What led from the invitation's key to this one, oldest first. */
    this.successions = successions;
  }

  /** The key that signs rosters now. @returns {PublicJwk} */
  get jwk() {
    return this.believed.jwk;
  }

  /**
   * Believe a successor from now on. What led here is no news: a chain may begin before the key that was invited.
   * @param {string} jws
   * @returns {Promise<void>} PeerError if it must be refused
   */
  async take(jws) {
    if (this.successions.includes(jws) || introduces(jws, this.jwk)) return;
    const next = await follow(jws, this.believed, this.site);
    await this.vault.keepRosterKey(this.site, next, jws);
    this.believed = next;
    this.successions = [...this.successions, jws].slice(-LONGEST_CHAIN);
  }
}

/**
 * Whether the document, whoever signed it, introduces no other key than this one.
 * @param {string} jws
 * @param {PublicJwk} jwk
 */
function introduces(jws, { x, y }) {
  try {
    const { key } = SHAPE(parseJson(fromUtf8(unb64url(jws.split(".")[1] ?? ""))), "roster key");
    return key.x === x && key.y === y;
  } catch {
    return false;
  }
}
