/**
 * Every sentence this page shows, in one place.
 */

/** @param {string} id @returns {string} an id as a person would write it: `front-door` → `Front door` */
export function nameOf(id) {
  const words = id.replaceAll("-", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** @param {number} seconds UTC @returns {string} the time of day */
export function timeOf(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

/** @param {number} seconds @returns {string} as `1:07` */
export function lengthOf(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

export const TEXTS = {
  title: "Doorward",

  line: {
    offline: "The door station is not connected. It will appear here by itself when it is back.",
    connecting: "Making a secure connection to the door…",
    idle: "Nobody is at the door. You will see and hear a ring here.",
    ringing: (/** @type {string} */ button) => `Ringing at ${button}`,
    talking: "You are talking with the door",
    viewing: "You are looking in. The lamp at the door shows it.",
    elsewhere: (/** @type {string} */ name) => `${name} has answered`,
    elsewhereYou: "Answered on another of your devices",
    busy: "Somebody else is in a call with the door.",
    removed: "You no longer have access to this door. Ask whoever runs it for a new invitation.",
    expired: "The door's guest list has run out, so no connection is made. Whoever runs the door must renew it.",
  },
  badge: {
    offline: "Offline",
    connecting: "Connecting",
    idle: "Ready",
    ringing: "Ringing",
    talking: "In call",
    viewing: "Looking in",
    elsewhere: "Answered",
    busy: "Busy",
    removed: "No access",
    expired: "Expired",
  },
  action: {
    answer: "Answer",
    decline: "Decline",
    hangUp: "Hang up",
    mute: "Mute",
    unmute: "Unmute",
    look: "Look in",
    lookAway: "Stop looking",
    open: (/** @type {string} */ door) => `Open ${door}`,
    isOpen: (/** @type {string} */ door) => `${door} is open`,
  },
  missed: (/** @type {string} */ button, /** @type {string} */ time) => `Missed: somebody rang at ${button}, ${time}.`,
  waitingForPicture: "Waiting for the picture…",
  picture: (/** @type {string} */ door) => `Live picture from ${door}`,

  /** Security: said plainly, and not taken away until a verified connection stands. */
  distrust: {
    fingerprint:
      "A connection was refused for your safety: what called itself this door station could not prove that it is. " +
      "If you see this again, tell whoever runs the door.",
    roster: "A connection was refused: the door's guest list on this device does not match. Tell whoever runs the door.",
    hello: "A connection was refused: it was meant for somebody else. Tell whoever runs the door if you see this again.",
    proof: "The door refused this page's key. Ask whoever runs the door for a new invitation.",
    error: "A connection to the door was refused because it was malformed. Tell whoever runs the door.",
    full: "The door has no free connection just now. It will be tried again.",
  },
  microphone: {
    asking: "Allow the microphone, so that the visitor can hear you.",
    denied: "The visitor cannot hear you: this page may not use the microphone. You can still listen and open the door.",
    absent: "The visitor cannot hear you: no microphone was found. You can still listen and open the door.",
  },
  refused: {
    "not-allowed": "You are not allowed to do that at this door.",
    "not-now": "That is no longer possible: the call has changed.",
    "answered-elsewhere": "Somebody else has just answered.",
    unknown: "The door station does not know that door.",
    "too-fast": "The door is already open.",
    fault: "The door could not be opened: its opener does not work.",
    "no-answer": "The door station did not answer. Try again.",
  },
  fault: {
    camera: "The camera is not working.",
    microphone: "The door's microphone is not working.",
    loudspeaker: "The door's loudspeaker is not working.",
    buttons: "A bell button is stuck.",
    strike: "The door opener is not working.",
    clock: "The door station's clock is not set.",
    certificate: "The door station's certificate runs out soon.",
    storage: "The door station cannot store anything.",
    offline: "The door station has lost the server; this connection still works.",
    roster: "The door station has no valid guest list.",
    tamper: "The door station's housing has been opened, or its wires are cut.",
    keypad: "The door's keypad is locked: wrong codes were typed, or it does not work.",
    "left-open": "A door has been standing open for a while.",
    forced: "A door was opened without being released.",
  },

  session: {
    connecting: "Connecting…",
    online: "Connected",
    lost: "No connection to the server. Trying again…",
    refused: "The server does not admit this device. Ask whoever runs the door for a new invitation.",
    replaced: "Doorward was opened in too many places; this one was disconnected.",
    blocked: "This page may not connect to its server: the server is not among the addresses the page is allowed to use.",
  },
  useHere: "Use it here",
  enableSound: "Turn on ring sound",
  soundOn: "Ring sound is on",
  ringTitle: (/** @type {string} */ door) => `🔔 ${door} is ringing`,

  welcome: {
    heading: "Your door, on this screen",
    text: "To set up this device, open the invitation you were given: a link, or a QR code to scan with this device's camera.",
    note: "The invitation is for you alone. It is stored on this device and cannot be copied out of it again.",
  },
  invitation: {
    heading: "Take up this invitation?",
    site: "Site",
    host: "Server",
    person: "You are",
    note: "Continue only if you were given this link by the person who runs this door.",
    again: "This device already knows this site. Its key will be replaced by the one of this invitation.",
    confirm: "Yes, set up this device",
    cancel: "Cancel",
    dismiss: "Close",
    refusedHeading: "This invitation was not taken up",
    refused: {
      malformed: "The link is incomplete or damaged. Open it again exactly as you were given it, or ask for a new one.",
      "other-operator":
        "It was made by another operator than the one this device trusts for that site. Nothing was changed. " +
        "Do not use it; ask whoever runs the door.",
      "other-person": "This device is set up for another person at that site. Nothing was changed.",
      "other-host": "It names a server that this page may not connect to. Nothing was changed.",
      storage: "This browser keeps nothing (a private window?). Open the invitation in an ordinary window.",
    },
  },
  framed: "Doorward does not run inside another page. Open it by itself.",
  broken: "This browser cannot run Doorward: it needs an up-to-date browser and a secure (https) page.",
};
