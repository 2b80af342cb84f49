/**
 * Invitations: `PAGE_URL#i=` and base64url of one JSON document (protocol section 7; section 8, rules 2 and 3).
 *
 * Nothing is stored here: `read` and `judge` decide, the person confirms, then `accept` writes.
 */

import { InvitationError, PeerError } from "./errors.js";
import { fromUtf8, unb64url } from "./bytes.js";
import { parseJson } from "./json.js";
import { importPrivate, importPublic, thumbprint } from "./jws.js";
import { hostOf } from "./proof.js";
import * as shape from "./shape.js";

/**
 * @typedef {import("./jws.js").PublicJwk} PublicJwk
 * @typedef {{site: string, answerer: string, key: CryptoKey, jwk: PublicJwk, thumbprint: string, rosterKey: PublicJwk,
 *   serials: Record<string, number>, signaling: string, host: string}} Invitation
 */

const LIMIT = 16 * 1024;
const SHAPE = shape.object({
  v: shape.oneOf(1),
  site: shape.id,
  answerer: shape.id,
  key: shape.privateJwk,
  roster_key: shape.publicJwk,
  serials: shape.map(shape.positive, 64),
  signaling: shape.text(300, 8),
});

/**
 * An invitation's text, checked, its private key imported as one that never leaves; InvitationError otherwise.
 * @param {string} text what follows `#i=`
 * @returns {Promise<Invitation>}
 */
export async function read(text) {
  if (text.length > LIMIT) throw new InvitationError("malformed", "too long");
  try {
    const invited = SHAPE(parseJson(fromUtf8(unb64url(text))), "invitation");
    const { kty, crv, x, y } = invited.key;
    const jwk = { kty, crv, x, y };
    await importPublic(invited.roster_key);
    return {
      site: invited.site,
      answerer: invited.answerer,
      key: await importPrivate(invited.key),
      jwk,
      thumbprint: await thumbprint(jwk),
      rosterKey: invited.roster_key,
      serials: invited.serials,
      signaling: signalingOf(invited.signaling),
      host: hostOf(invited.signaling),
    };
  } catch (error) {
    if (error instanceof PeerError) throw new InvitationError("malformed", error.message);
    throw error;
  }
}

/**
 * InvitationError if the invitation may not be taken up: it would re-pin a site that is already known (rule 2), or
 * names a server this page may not talk to (rule 3).
 * @param {Invitation} invitation
 * @param {import("./vault.js").KnownSite|null} known what is held for that site
 * @param {string[]} permitted hosts with ports
 */
export function judge(invitation, known, permitted) {
  if (known) {
    const same = known.rosterKey.x === invitation.rosterKey.x && known.rosterKey.y === invitation.rosterKey.y;
    if (!same) throw new InvitationError("other-operator", invitation.site);
    if (known.answerer !== invitation.answerer) throw new InvitationError("other-person", invitation.site);
  }
  if (!permitted.includes(invitation.host)) throw new InvitationError("other-host", invitation.host);
}

/**
 * The hosts this page may talk to: what its own Content-Security-Policy permits (rule 3). It stands in the document where
 * the page has a host of its own; otherwise it is learned by asking for the page once more. Without a policy, only the
 * host that served it.
 * @returns {Promise<string[]>} hosts with ports
 */
export async function permittedHosts() {
  const own = hostOf(location.href.replace(/^http/, "ws"));
  const written = document.querySelector('meta[http-equiv="Content-Security-Policy"]');
  if (written instanceof HTMLMetaElement) return hostsOf(written.content, own);
  let policy = "";
  try {
    const answer = await fetch(location.pathname, { cache: "no-store", credentials: "omit" });
    policy = answer.headers.get("content-security-policy") ?? "";
  } catch {
    return [own];
  }
  return hostsOf(policy, own);
}

/**
 * @param {string} policy a Content-Security-Policy header
 * @param {string} own what `'self'` stands for
 * @returns {string[]}
 */
export function hostsOf(policy, own) {
  const directive = policy.split(/[;,]/).map((one) => one.trim().split(/\s+/)).find(([name]) => name === "connect-src");
  if (!directive) return [own];
  const hosts = directive.slice(1).flatMap((source) => {
    if (source === "'self'") return [own];
    return /^wss:\/\/[^*/]+\/?$/i.test(source) && URL.canParse(source) ? [hostOf(source)] : [];
  });
  return [...new Set(hosts)];
}

/** @param {string} text @returns {string} PeerError unless it is `wss://HOST:PORT/answerer` and nothing else */
function signalingOf(text) {
  if (!URL.canParse(text)) throw new PeerError("signaling: not an address");
  const url = new URL(text);
  const plain = url.protocol === "wss:" && url.pathname === "/answerer" && !url.search && !url.hash;
  if (!plain || url.username || url.password || text.includes("#")) throw new PeerError("signaling: not wss://HOST:PORT/answerer");
  return url.href;
}
