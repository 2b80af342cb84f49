/**
 * The connection to the signaling server: login with this person's key, and back again by itself (protocol section 3).
 */

import { PeerError } from "./errors.js";
import { fromServer } from "./messages.js";
import { hostOf, signLogin } from "./proof.js";
import { refused as refusal } from "./refusals.js";

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 10_000;
const LOGIN_WITHIN_MS = 10_000;
/** Tries without an answer after which it is no passing trouble: some ten seconds. */
const TRIES = 5;

/**
 * @typedef {"connecting"|"online"|"lost"|"offline"|"unreachable"|"refused"|"replaced"|"blocked"} SessionState
 *   `offline`: this device has no network; `unreachable`: for longer than a passing trouble. A browser does not tell a page
 *   whether it was the network, the server or its certificate
 * @typedef {{onState: (state: SessionState) => void, onMessage: (message: any) => void}} SessionHears
 *   `onMessage` gets the welcome and everything after it, checked for shape
 */

/**
 * How long to wait before try number `attempt` (from 0): doubling from half a second to ten, jittered.
 * @param {number} attempt
 * @param {number} chance 0…1
 * @returns {number} milliseconds
 */
export function delayBefore(attempt, chance) {
  return Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(attempt, 10)) * (0.5 + chance / 2);
}

/** One site's session; `open` starts it and it keeps itself up until `close`. */
export class Session {
  /**
   * @param {import("./vault.js").KnownSite} known
   * @param {SessionHears} hears
   */
  constructor(known, hears) {
    /** @private */ this.known = known;
    /** @private */ this.hears = hears;
    /** @private @type {WebSocket|null} */ this.socket = null;
    /** @private */ this.welcomed = false;
    /** @private */ this.attempt = 0;
    /** @private @type {number|undefined} */ this.timer = undefined;
    /** @private */ this.blocked = false;
    /** @private */ this.listening = new AbortController();
    const { signal } = this.listening;
    document.addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) => {
      if (effectiveDirective === "connect-src" && blockedURI.startsWith(new URL(known.signaling).origin)) this.blocked = true;
    }, { signal });
  }

  /** Connect now, unless connected. */
  open() {
    clearTimeout(this.timer);
    if (this.socket) return;
    this.welcomed = false;
    // A retry is not worth a word until it succeeds.
    if (this.attempt === 0) this.hears.onState("connecting");
    let socket;
    try {
      socket = new WebSocket(this.known.signaling, "doorward.v1");
    } catch {
      this.hears.onState("blocked");
      return;
    }
    this.socket = socket;
    let refused = false;
    const deadline = setTimeout(() => socket.close(), LOGIN_WITHIN_MS);
    socket.onmessage = ({ data }) => {
      if (socket !== this.socket) return;
      try {
        const message = fromServer(data);
        if (message.type === "welcome") clearTimeout(deadline);
        if (message.type === "error" && !this.welcomed) refused = true;
        this.hear(socket, message);
      } catch (error) {
        refusal("the server said something wrong", error);
        if (!this.welcomed) socket.close();
      }
    };
    socket.onclose = ({ code, reason }) => {
      clearTimeout(deadline);
      if (socket === this.socket) this.closed(refused || (code === 1008 && !this.welcomed), reason === "replaced");
    };
  }

  /** @param {object} message */
  send(message) {
    if (this.welcomed && this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  /** The page is back in front, or the network is: do not wait out a delay. */
  nudge() {
    if (!this.socket && this.timer !== undefined) this.open();
  }

  /** End it for good. */
  close() {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.listening.abort();
    const { socket } = this;
    this.socket = null;
    socket?.close();
  }

  /** @private @param {WebSocket} socket @param {any} message */
  hear(socket, message) {
    if (this.welcomed) {
      this.hears.onMessage(message);
    } else if (message.type === "challenge") {
      void this.login(socket, message);
    } else if (message.type === "welcome") {
      this.welcomed = true;
      this.attempt = 0;
      this.hears.onState("online");
      this.hears.onMessage(message);
    } else if (message.type === "error") {
      refusal("login refused", message.code);
    } else {
      throw new PeerError(`${message.type} before welcome`);
    }
  }

  /** @private @param {WebSocket} socket @param {{nonce: string, site: string}} challenge */
  async login(socket, { nonce, site }) {
    if (site !== this.known.site) {
      refusal("this server serves another site");
      socket.close();
      return;
    }
    const jws = await signLogin(this.known, nonce, hostOf(this.known.signaling));
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type: "login", jws }));
  }

  /** @private @param {boolean} refused @param {boolean} replaced */
  closed(refused, replaced) {
    this.socket = null;
    this.welcomed = false;
    if (replaced) {
      this.attempt = 0;
      this.timer = undefined;
      this.hears.onState("replaced");
      return;
    }
    this.hears.onState(this.blocked ? "blocked" : refused ? "refused" : this.silence());
    const delay = refused || this.blocked ? LONGEST_DELAY_MS : delayBefore(this.attempt, Math.random());
    this.attempt += 1;
    this.timer = setTimeout(() => this.open(), delay);
  }

  /** @private @returns {SessionState} what to say of a server that is not there */
  silence() {
    if (!navigator.onLine) return "offline";
    return this.attempt >= TRIES ? "unreachable" : "lost";
  }
}
