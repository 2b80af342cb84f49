/**
 * The roster: the operator's signed word on who belongs to a door (protocol section 2; section 8, rules 1, 5, 7).
 */

import { PeerError } from "./errors.js";
import { digest, fromUtf8 } from "./bytes.js";
import { parseJson } from "./json.js";
import { verify } from "./jws.js";
import * as shape from "./shape.js";

/**
 * @typedef {"talk"|"open"|"view"} May
 * @typedef {{label: string, keys: string[], may: May[]}} Answerer
 * @typedef {{v: 1, site: string, device: string, serial: number, issued: number, expires: number,
 *   fingerprints: string[], buttons: Record<string, {label: string, rings: string[]}>,
 *   doors: Record<string, {label: string}>, answerers: Record<string, Answerer>}} Roster
 * @typedef {{roster: Roster, jws: string, digest: string}} SignedRoster
 * @typedef {{serial: number, digest: string|null}} Held what was accepted before; no digest: only a floor is known
 */

const TYP = "doorward-roster+jwt";
const label = shape.text(64, 1);
const SHAPE = shape.object({
  v: shape.oneOf(1),
  site: shape.id,
  device: shape.id,
  serial: shape.positive,
  issued: shape.positive,
  expires: shape.positive,
  fingerprints: shape.list(shape.fingerprint, 2),
  buttons: shape.map(shape.object({ label, rings: shape.list(shape.id, 64) }), 64),
  doors: shape.map(shape.object({ label }), 16),
  answerers: shape.map(
    shape.object({
      label,
      keys: shape.list(shape.digest, 8),
      may: shape.list(shape.oneOf("talk", "open", "view"), 3),
    }),
    64,
  ),
});

/**
 * A roster whose signature, shape and inner references hold; PeerError (reason `roster`) otherwise.
 * @param {string} jws
 * @param {import("./jws.js").PublicJwk} rosterKey the pinned one
 * @param {string} site
 * @param {string|null} [device] when only one will do
 * @returns {Promise<SignedRoster>}
 */
export async function verifyRoster(jws, rosterKey, site, device = null) {
  try {
    const payload = await verify(jws, TYP, rosterKey);
    /** @type {Roster} */
    const roster = SHAPE(parseJson(fromUtf8(payload)), "roster");
    checkReferences(roster);
    if (roster.site !== site) throw new PeerError("of another site");
    if (device !== null && roster.device !== device) throw new PeerError("of another device");
    return { roster, jws, digest: await digest(payload) };
  } catch (error) {
    throw new PeerError(`roster: ${error instanceof Error ? error.message : error}`, "roster");
  }
}

/**
 * PeerError (reason `roster`) if `next` is older than what was held, or the same serial with another payload.
 * @param {SignedRoster} next
 * @param {Held|null} held
 */
export function admit(next, held) {
  if (!held || next.roster.serial > held.serial) return;
  if (next.roster.serial < held.serial) throw new PeerError("roster: older than the one held", "roster");
  if (held.digest !== null && next.digest !== held.digest) {
    throw new PeerError("roster: the same serial with other contents", "roster");
  }
}

/** @param {Roster} roster @param {number} now seconds @returns {boolean} whether it is past its end (rule 5) */
export function expired(roster, now) {
  return now >= roster.expires;
}

/**
 * Whether the key stands on the roster under the name.
 * @param {Roster} roster
 * @param {string} answerer
 * @param {string} thumbprint
 */
export function admits(roster, answerer, thumbprint) {
  return Object.hasOwn(roster.answerers, answerer) && roster.answerers[answerer].keys.includes(thumbprint);
}

/** @param {Roster} roster */
function checkReferences(roster) {
  if (roster.expires <= roster.issued) throw new PeerError("expires before it is issued");
  if (new Set(roster.fingerprints).size !== roster.fingerprints.length) throw new PeerError("a fingerprint stands twice");
  for (const button of Object.values(roster.buttons)) {
    for (const rung of button.rings) {
      if (!Object.hasOwn(roster.answerers, rung)) throw new PeerError("a button rings somebody unknown");
    }
  }
  const keys = Object.values(roster.answerers).flatMap((answerer) => answerer.keys);
  if (new Set(keys).size !== keys.length) throw new PeerError("a key stands twice");
}
