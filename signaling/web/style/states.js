/**
 * Recorded states of the page: what a door said and what this browser knew, as tests and the style page draw them.
 */

import { cardOf, NOTHING } from "../state.js";

/**
 * @typedef {import("../state.js").Known} Known
 * @typedef {import("../state.js").DoorState} DoorState
 * @typedef {import("../view/page.js").Screen} Screen
 * @typedef {{site: string, device: string, known: Known, visitor: number|null}} RecordedDoor `visitor`: which picture, or none
 * @typedef {{doors: RecordedDoor[], screen?: Partial<Screen>, panel?: "welcome"|"invitation"|"refused"|"settings"|"snapshot",
 *   session?: import("../session.js").SessionState, hold?: boolean}} Recorded
 */

/** The moment of all recordings: a Saturday afternoon. */
export const NOW = 1_790_431_320;

const CALL = `${"c".repeat(21)}A`;
/** @type {any} */
const ROSTER = {
  buttons: { "flat-1": { label: "Family Berg", rings: ["alice", "bob", "carol"] } },
  doors: { main: { label: "street door" }, yard: { label: "yard gate" } },
  answerers: { alice: { label: "Alice" }, bob: { label: "Bob" }, carol: { label: "Grandma" } },
};

/** @type {DoorState} */
const IDLE = {
  phase: "idle", call: null, button: null, since: 1, answered_by: null, video: false, audio: false,
  doors: { main: { open_until: null }, yard: { open_until: null } }, you: { may: ["talk", "open", "view"] }, faults: [],
};
/** @type {DoorState["doors"]} */
const CLOSED = { main: { open_until: null, contact: "closed" }, yard: { open_until: null, contact: "closed" } };
/** @type {DoorState} */
const RINGING = { ...IDLE, phase: "ringing", call: CALL, button: "flat-1", since: NOW - 4, video: true };
/** @type {DoorState} */
const TALKING = { ...RINGING, phase: "talking", answered_by: "alice", audio: true, since: NOW - 67 };

/** @param {number} n @param {string} outcome @param {number} ago seconds @param {string|null} by @param {string|null} picture */
const past = (n, outcome, ago, by, picture) => ({
  call: `${"c".repeat(20)}${n}A`, button: "flat-1", at: NOW - ago, outcome: /** @type {"missed"} */ (outcome), answered_by: by,
  snapshot: picture !== null, picture,
});
const HISTORY = [
  past(1, "missed", 2_900, null, "visitor-2.svg"),
  past(2, "answered", 9_400, "bob", null),
  past(3, "answered", 79_000, "alice", null),
  past(4, "missed", 262_000, null, "visitor-3.svg"),
  past(5, "declined", 340_000, null, null),
];

/** @type {Known} */
const KNOWN = {
  device: "front-door", answerer: "alice", roster: ROSTER, admitted: true, expired: false, session: "online", present: true,
  live: true, state: IDLE, memory: NOTHING, distrust: null, microphone: "closed", muted: false, asks: false, pending: [],
  refusal: null, quality: null, history: HISTORY,
};

/** @param {Partial<Known>} [changes] @param {number|null} [visitor] @param {string} [site] @returns {RecordedDoor} */
const door = (changes = {}, visitor = null, site = "home") => {
  const known = { ...KNOWN, ...changes };
  return { site, device: known.device, known, visitor };
};

const call = { quality: /** @type {"good"} */ ("good"), microphone: /** @type {"open"} */ ("open") };
const other = { device: "garden-gate", history: [] };

/** @type {Record<string, Recorded>} */
export const STATES = {
  "first-visit": { doors: [], panel: "welcome" },
  invitation: { doors: [], panel: "invitation" },
  "invitation-refused": { doors: [], panel: "refused" },
  ready: {
    doors: [door()],
    screen: { ready: { shown: true, dismissed: false, audible: false, push: "off", install: "offer" } },
  },
  idle: { doors: [door()] },
  "several-doors": {
    doors: [door(), door(other), door({ device: "front-door", history: [HISTORY[1], HISTORY[3]] }, null, "cottage")],
  },
  snapshot: { doors: [door()], panel: "snapshot" },
  "ringing-before-picture": { doors: [door({ state: RINGING })] },
  ringing: { doors: [door({ state: RINGING, quality: "good" }, 1)] },
  "ringing-first-answer": { doors: [door({ state: RINGING, quality: "good", asks: true }, 2)] },
  "ringing-several-doors": { doors: [door(), door({ ...other, state: RINGING, quality: "good" }, 1)] },
  talking: { doors: [door({ ...call, state: TALKING }, 1)] },
  "talking-muted": { doors: [door({ ...call, muted: true, state: TALKING }, 1)] },
  "talking-hold-to-open": { doors: [door({ ...call, state: TALKING }, 2)], hold: true },
  "talking-door-open": {
    doors: [door({ ...call, state: { ...TALKING, doors: { main: { open_until: NOW + 4 }, yard: { open_until: null } } } }, 2)],
  },
  "talking-poor-connection": { doors: [door({ ...call, quality: "poor", state: TALKING }, 1)] },
  "microphone-asked": { doors: [door({ ...call, microphone: "asking", state: TALKING }, 1)] },
  "microphone-denied": { doors: [door({ ...call, microphone: "denied", state: TALKING }, 1)] },
  "no-camera": { doors: [door({ ...call, state: { ...TALKING, faults: ["camera"] } })] },
  viewing: { doors: [door({ quality: "good", state: { ...IDLE, call: CALL, video: true } }, 3)] },
  "viewing-together": {
    doors: [door({ quality: "good", state: { ...IDLE, call: CALL, video: true, watching: ["bob", "carol"] } }, 3)],
  },
  "ringing-together": { doors: [door({ state: { ...RINGING, watching: ["carol"] }, quality: "good" }, 1)] },
  "somebody-looks-in": { doors: [door({ state: { ...IDLE, watching: ["bob"] } })] },
  "doors-closed": { doors: [door({ state: { ...IDLE, doors: CLOSED } })] },
  "door-left-open": {
    doors: [door({ state: { ...IDLE, doors: { ...CLOSED, yard: { open_until: null, contact: "open" } }, faults: ["left-open"] } })],
  },
  missed: {
    doors: [door({ memory: { ringing: null, declined: null, missed: { button: "flat-1", at: NOW - 70, until: NOW + 50 } } })],
  },
  elsewhere: { doors: [door({ state: { ...TALKING, audio: false, video: false, answered_by: "bob" } })] },
  busy: { doors: [door({ state: { ...IDLE, phase: "busy" } })] },
  refused: { doors: [door({ state: RINGING, refusal: "answered-elsewhere" }, 1)] },
  connecting: { doors: [door({ live: false, state: null })] },
  "door-offline": { doors: [door({ live: false, state: null, present: false })] },
  faults: { doors: [door({ state: { ...IDLE, faults: ["microphone", "certificate"] } })] },
  "not-the-door": { doors: [door({ live: false, state: null, history: null, distrust: "fingerprint" })] },
  removed: { doors: [door({ live: false, state: null, admitted: false })], session: "refused" },
  expired: { doors: [door({ live: false, state: null, expired: true })] },
  "no-network": { doors: [door({ live: false, state: null, session: "offline", present: null })], session: "offline" },
  "server-unreachable": {
    doors: [door({ live: false, state: null, session: "unreachable", present: null })], session: "unreachable",
  },
  update: { doors: [door()], screen: { update: true } },
  settings: { doors: [door()], panel: "settings" },
};

/** @param {RecordedDoor} recorded @returns {import("../state.js").Card} */
export function cardAt({ known }) {
  return cardOf(known, NOW);
}
