/**
 * What a door said, and what this page knows besides, as what a person should see. Pure: no browser, no clock.
 */

/**
 * @typedef {import("./roster.js").Roster} Roster
 * @typedef {{phase: "idle"|"ringing"|"talking"|"busy", call: string|null, button: string|null, since: number,
 *   answered_by: string|null, video: boolean, audio: boolean, doors: Record<string, {open_until: number|null, contact?: "closed"|"open"}>,
 *   you: {may: string[]}, faults: string[], watching?: string[]}} DoorState as section 5 has it
 * @typedef {"offline"|"connecting"|"idle"|"ringing"|"talking"|"viewing"|"elsewhere"|"busy"|"removed"|"expired"} Phase
 * @typedef {{ringing: {call: string|null, button: string|null, since: number}|null, declined: string|null,
 *   missed: {button: string|null, at: number, until: number}|null}} Memory
 * @typedef {{device: string, answerer: string, roster: Roster|null, admitted: boolean, expired: boolean,
 *   session: import("./session.js").SessionState, present: boolean|null, live: boolean, state: DoorState|null,
 *   memory: Memory, distrust: string|null, microphone: import("./microphone.js").MicrophoneState, muted: boolean,
 *   asks: boolean, pending: readonly string[], refusal: string|null, quality: import("./quality.js").Quality|null,
 *   history: readonly (import("./calls.js").Call & {picture: string|null})[]|null}} Known
 *   `asks`: the browser would ask for the microphone first; `history` newest first, null while it is not known
 * @typedef {{shown: boolean, busy: boolean}} Action
 * @typedef {{id: string, button: string, at: number, outcome: import("./calls.js").Call["outcome"], by: string|null,
 *   mine: boolean, snapshot: boolean, picture: string|null}} PastCall
 * @typedef {{phase: Phase, device: string, call: string|null, button: string|null, since: number, answeredBy: string|null,
 *   mine: boolean, rung: string[], video: boolean, audio: boolean, muted: boolean, microphone: Known["microphone"],
 *   asks: boolean, quality: Known["quality"],
 *   answer: Action, decline: Action, hangUp: Action, mute: Action, look: Action, lookAway: Action, retry: Action,
 *   doors: {id: string, label: string, open: boolean, busy: boolean, openUntil: number|null}[], calls: PastCall[]|null,
 *   contacts: {id: string, label: string, is: "closed"|"open"|"left-open"|"forced"}[], watching: string[],
 *   missed: {button: string|null, at: number}|null, distrust: string|null, refusal: string|null, faults: string[],
 *   ticking: boolean}} Card `rung`: who else is called by this button; `watching`: who else
 *   of the household sees the picture now; `contacts`: how the doors stand that can tell
 */

/** Seconds for which a missed ring stays on the card. */
export const MISSED_S = 120;

/** @type {Memory} */
export const NOTHING = { ringing: null, declined: null, missed: null };

/**
 * What is remembered after the door has said `state`.
 * @param {Memory} memory
 * @param {DoorState} state
 * @param {number} now seconds
 * @returns {Memory}
 */
export function remember(memory, state, now) {
  if (state.phase === "ringing") {
    const { call, button, since } = state;
    return { ...memory, ringing: { call, button, since }, missed: null };
  }
  const rang = memory.ringing;
  if (!rang) return memory;
  const unanswered = state.phase === "idle" && rang.call !== memory.declined;
  const missed = unanswered ? { button: rang.button, at: rang.since, until: now + MISSED_S } : memory.missed;
  return { ...memory, ringing: null, missed };
}

/**
 * The card of one door.
 * @param {Known} known
 * @param {number} now seconds
 * @returns {Card}
 */
export function cardOf(known, now) {
  const phase = phaseOf(known);
  const state = known.live ? known.state : null;
  const may = state?.you.may ?? [];
  const rung = phase === "ringing";
  const action = (/** @type {string} */ name, /** @type {boolean} */ shown) => ({ shown, busy: known.pending.includes(name) });
  const inside = rung || phase === "talking" || phase === "viewing";
  const missed = known.memory.missed && known.memory.missed.until > now ? known.memory.missed : null;
  const doors = doorsOf(known, state, now, inside && may.includes("open"));
  return {
    phase,
    device: known.device,
    call: state?.call ?? null,
    button: labelOfButton(known.roster, state?.button ?? null),
    since: state?.since ?? 0,
    answeredBy: labelOfAnswerer(known.roster, state?.answered_by ?? null),
    mine: state?.answered_by === known.answerer,
    rung: rung || phase === "talking" ? othersOf(known, state?.button ?? null) : [],
    video: inside && (state?.video ?? false),
    audio: phase === "talking",
    muted: known.muted,
    microphone: phase === "talking" || known.microphone === "asking" ? known.microphone : "closed",
    asks: known.asks && rung && may.includes("talk"),
    quality: inside ? known.quality : null,
    answer: action("answer", rung && may.includes("talk")),
    decline: action("decline", rung && may.includes("talk")),
    hangUp: action("hang-up", phase === "talking"),
    mute: action("mute", phase === "talking" && known.microphone === "open"),
    look: action("look", phase === "idle" && may.includes("view")),
    lookAway: action("look", phase === "viewing"),
    retry: action("retry", phase === "talking" && (known.microphone === "denied" || known.microphone === "absent")),
    doors,
    contacts: contactsOf(known, state),
    watching: rung || phase === "idle" || phase === "viewing" ? watchingOf(known, state) : [],
    calls: callsOf(known),
    missed: missed && { button: labelOfButton(known.roster, missed.button), at: missed.at },
    distrust: known.distrust,
    refusal: known.refusal,
    faults: state?.faults ?? [],
    ticking: missed !== null || phase === "talking" || doors.some((door) => door.open),
  };
}

/** @param {Known} known @returns {Phase} */
function phaseOf({ roster, admitted, expired, session, present, live, state }) {
  if (roster && !admitted) return "removed";
  if (expired) return "expired";
  if (!live || !state) {
    if (session === "online" && present === false) return "offline";
    return session === "online" || session === "connecting" ? "connecting" : "offline";
  }
  switch (state.phase) {
    case "ringing":
      return "ringing";
    case "talking":
      if (state.audio) return "talking";
      return state.answered_by ? "elsewhere" : "busy";
    case "idle":
      return state.video ? "viewing" : "idle";
    default:
      return "busy";
  }
}

/** @param {Known} known @param {DoorState|null} state @param {number} now @param {boolean} may */
function doorsOf(known, state, now, may) {
  if (!state) return [];
  return Object.entries(state.doors)
    .map(([id, { open_until: openUntil }]) => ({
      id,
      label: labelOfDoor(known.roster, id),
      open: openUntil !== null && openUntil > now - 1,
      busy: known.pending.includes(`open-${id}`),
      openUntil,
    }))
    .filter((door) => may || door.open);
}

/**
 * How each door stands whose contact the door station reads. An alarm does not say which door it is of: where only one is open,
 * it is that one.
 * @param {Known} known @param {DoorState|null} state @returns {Card["contacts"]}
 */
function contactsOf({ roster }, state) {
  const told = Object.entries(state?.doors ?? {}).filter(([, { contact }]) => contact !== undefined);
  const open = told.filter(([, { contact }]) => contact === "open");
  const alarm = state?.faults.find((fault) => fault === "forced") ?? state?.faults.find((fault) => fault === "left-open");
  return told.map(([id, { contact }]) => ({
    id,
    label: labelOfDoor(roster, id),
    is: /** @type {"closed"} */ (contact === "open" && alarm && open.length === 1 ? alarm : contact),
  }));
}

/** @param {Known} known @param {DoorState|null} state @returns {string[]} labels of the others who see the picture */
function watchingOf({ roster, answerer }, state) {
  const others = (state?.watching ?? []).filter((id) => id !== answerer);
  return others.map((id) => labelOfAnswerer(roster, id) ?? id);
}

/** @param {Known} known @param {string|null} button @returns {string[]} labels of the others whom it rings */
function othersOf({ roster, answerer }, button) {
  if (button === null || !roster || !Object.hasOwn(roster.buttons, button)) return [];
  const others = roster.buttons[button].rings.filter((id) => id !== answerer);
  return others.map((id) => labelOfAnswerer(roster, id) ?? id);
}

/** @param {Known} known @returns {PastCall[]|null} what this person may know of earlier calls */
function callsOf({ roster, admitted, expired, answerer, history }) {
  if (!history || !admitted || expired) return null;
  return history.map(({ call, button, at, outcome, answered_by: by, snapshot, picture }) => ({
    id: call, at, outcome, snapshot, picture,
    button: labelOfButton(roster, button) ?? button,
    by: labelOfAnswerer(roster, by),
    mine: by === answerer,
  }));
}

/** @param {Roster|null} roster @param {string|null} id */
function labelOfButton(roster, id) {
  if (id === null) return null;
  return roster && Object.hasOwn(roster.buttons, id) ? roster.buttons[id].label : id;
}

/** @param {Roster|null} roster @param {string} id */
function labelOfDoor(roster, id) {
  return roster && Object.hasOwn(roster.doors, id) ? roster.doors[id].label : id;
}

/** @param {Roster|null} roster @param {string|null} id */
function labelOfAnswerer(roster, id) {
  if (id === null) return null;
  return roster && Object.hasOwn(roster.answerers, id) ? roster.answerers[id].label : id;
}
