/**
 * ICE candidates as they travel after an offer or answer (protocol section 8, rule 17).
 */

import { PeerError } from "./errors.js";

/** How many candidates a verified link accepts from its peer. */
export const PER_LINK = 32;

const LINE = new RegExp(
  "^candidate:[A-Za-z0-9+/]{1,32} [12] ([A-Za-z]{1,3}) \\d{1,10} (\\S{1,64}) (\\d{1,5})" +
    " typ (?:host|srflx|prflx|relay)(?: [\\x21-\\x7e]{1,64}){0,20}$",
);
const MDNS = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.local$/i;
const OCTET = "(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const IPV4 = new RegExp(`^${OCTET}(\\.${OCTET}){3}$`);

/**
 * PeerError unless it is UDP to an IP literal or to an mDNS name made of a UUID.
 * @param {string} line `candidate:…`
 */
export function vetCandidate(line) {
  const match = LINE.exec(line);
  if (!match) throw new PeerError("candidate: not a candidate line of RFC 8839");
  const [, transport, host, port] = match;
  if (transport.toLowerCase() !== "udp") throw new PeerError("candidate: only UDP is used");
  if (Number(port) < 1 || Number(port) > 65535) throw new PeerError("candidate: no such port");
  if (!MDNS.test(host) && !unicast(host)) throw new PeerError("candidate: neither a unicast address nor an mDNS name");
}

/** @param {string} host @returns {boolean} */
function unicast(host) {
  if (IPV4.test(host)) {
    const first = Number(host.split(".")[0]);
    return host !== "0.0.0.0" && !(first >= 224 && first <= 239);
  }
  if (!/^[0-9a-f:.]{2,45}$/i.test(host) || !URL.canParse(`http://[${host}]/`)) return false;
  const canonical = new URL(`http://[${host}]/`).hostname;
  return canonical !== "[::]" && !canonical.startsWith("[ff");
}

/**
 * Our candidate as it travels: null ends them, undefined is not for the door (TCP).
 * @param {RTCIceCandidate|null} candidate
 */
export function ownCandidate(candidate) {
  if (!candidate || candidate.candidate === "") return candidate ? undefined : null;
  try {
    vetCandidate(candidate.candidate);
  } catch {
    return undefined;
  }
  const { candidate: line, sdpMid, sdpMLineIndex } = candidate;
  return { candidate: line, sdpMid: sdpMid ?? "0", sdpMLineIndex: sdpMLineIndex ?? 0 };
}
