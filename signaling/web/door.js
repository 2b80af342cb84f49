/**
 * One door, as this page has it: its link, the microphone, and what the person does there.
 */

import { Calls } from "./calls.js";
import { Refused } from "./errors.js";
import { Microphone } from "./microphone.js";
import { QualityWatch } from "./quality.js";
import { refused } from "./refusals.js";
import { cardOf, NOTHING, remember } from "./state.js";

const OLD_LINK_ANSWERS_MS = 2_000;
const REFUSAL_SHOWN_MS = 6_000;

/** Reasons worth telling a person; the others are the daily business of links. */
const DISTRUSTED = new Set(["fingerprint", "roster", "hello", "proof", "error", "full"]);

/**
 * @typedef {import("./link.js").Link} Link
 * @typedef {import("./state.js").Known} Known
 * @typedef {{microphone: () => string, asks: () => boolean}} Wishes the microphone that the person chose, or "", and whether
 *   the browser would ask before it gives one
 */

/** Takes offers, holds at most one live link, and turns buttons into commands. */
export class Door {
  /**
   * @param {string} device
   * @param {{answerer: string, changed: () => void, now: () => number, wishes: Wishes, refuse: (link: string, reason: string) => void,
   *   newLink: (id: string, hears: {onUp: (link: Link) => void, onState: (state: any) => void,
   *     onEnd: (link: Link, reason: string, why: string) => void}) => Link,
   *   standing: () => Pick<Known, "roster"|"admitted"|"expired"|"session">}} setting
   */
  constructor(device, setting) {
    this.device = device;
    /** @private */ this.setting = setting;
    /** @type {boolean|null} */ this.present = null;
    /** @private @type {Link|null} */ this.link = null;
    /** @private @type {Link|null} */ this.pendingLink = null;
    /** @private @type {import("./state.js").DoorState|null} */ this.state = null;
    /** @private */ this.memory = NOTHING;
    /** @private @type {string|null} */ this.distrust = null;
    /** @private */ this.microphone = new Microphone(setting.changed, setting.wishes.microphone);
    /** @private */ this.calls = new Calls(setting.changed);
    /** @private */ this.quality = new QualityWatch(setting.changed);
    /** @private @type {string[]} */ this.pending = [];
    /** @private @type {string|null} */ this.refusal = null;
    /** @private @type {number|undefined} */ this.refusalTimer = undefined;
  }

  /** @returns {import("./state.js").Card} what to show */
  card() {
    const { device, present, state, memory, distrust, pending, refusal, calls } = this;
    const { answerer, standing, now, wishes } = this.setting;
    const { state: microphone, muted } = this.microphone;
    const history = calls.list?.map((call) => ({ ...call, picture: calls.picture(call.call) })) ?? null;
    const own = { device, answerer, present, live: this.link?.live ?? false, state, memory, distrust, pending, refusal };
    const sound = { microphone, muted, asks: wishes.asks(), quality: this.quality.now };
    return cardOf({ ...standing(), ...own, ...sound, history }, now());
  }

  /** @returns {{video: MediaStreamTrack|null, audio: MediaStreamTrack|null}} of the live link */
  get tracks() {
    return { video: this.link?.videoTrack ?? null, audio: this.link?.audioTrack ?? null };
  }

  /** The live link's verified certificate, or "" without one. */
  get deviceFingerprint() {
    return (this.link ?? this.pendingLink)?.deviceFingerprint ?? "";
  }

  /**
   * A live link is kept if it still answers; otherwise the new one takes its place (section 8, rule 9).
   * @param {string} id
   * @param {string} sdp
   */
  async offered(id, sdp) {
    this.pendingLink?.close("replaced", "the door offers anew");
    const link = this.setting.newLink(id, {
      onUp: (up) => this.linkUp(up),
      onState: (state) => this.said(link, state),
      onEnd: (ended, reason, why) => this.linkEnded(ended, reason, why),
    });
    this.pendingLink = link;
    if (this.link && (await this.link.alive(OLD_LINK_ANSWERS_MS))) {
      if (this.pendingLink === link) link.close("linked");
      return;
    }
    this.link?.close("timeout", "silent when asked");
    if (this.pendingLink === link) await link.start(sdp);
  }

  /** @param {string} id @param {RTCIceCandidateInit|null} candidate */
  candidate(id, candidate) {
    for (const link of [this.pendingLink, this.link]) if (link?.id === id) void link.addCandidate(candidate);
  }

  /** The server passes on a `close`: believed only until both hellos (section 8, rule 9). @param {string} id @param {string} reason */
  closed(id, reason) {
    if (this.pendingLink?.id === id) this.pendingLink.close(reason, "closed by way of the server");
    else if (reason === "full" && !this.link) this.distrusted("full");
  }

  /** End every link, for a reason of section 5. @param {string} reason @param {string} why */
  drop(reason, why) {
    this.pendingLink?.close(reason, why);
    this.link?.close(reason, why);
    if (reason === "roster") this.calls.clear();
  }

  /** Its site is forgotten. */
  forget() {
    this.calls.clear();
  }

  /** @param {string} jws a newer roster for the door */
  sendRoster(jws) {
    this.link?.sendRoster(jws);
  }

  /** Ask the link for a sign of life now: the page was away. */
  async check() {
    const { link } = this;
    if (link?.live && !(await link.alive(OLD_LINK_ANSWERS_MS)) && link.live) link.close("timeout", "silent after a pause");
  }

  // What the person does

  async answer() {
    const { link } = this;
    const call = this.state?.call;
    if (!call || !link) return;
    // Both at once: the visitor is not kept waiting while somebody reads the browser's question.
    const microphone = this.microphone.open(link);
    if (!(await this.command("answer", "answer", { call }))) this.microphone.close();
    await microphone;
  }

  async decline() {
    const call = this.state?.call ?? null;
    this.memory = { ...this.memory, declined: call };
    await this.command("decline", "decline", { call });
  }

  async hangUp() {
    await this.command("hang-up", "hang-up", { call: this.state?.call });
  }

  /** @param {string} door */
  async open(door) {
    await this.command(`open-${door}`, "open-door", { door, call: this.state?.call });
  }

  /** @param {boolean} on */
  async look(on) {
    await this.command("look", "view", { on });
  }

  mute() {
    this.microphone.toggle();
  }

  /** Ask for the microphone again, or take another: the person has changed something. */
  async speakAgain() {
    await this.microphone.reopen();
  }

  /** @param {string} call whose picture the person wants to see */
  wantPicture(call) {
    if (this.link?.live) this.calls.fetch(this.link, call);
  }

  /** Ask the door for its last calls: somebody looks at them. */
  wantCalls() {
    if (this.link?.live && this.state?.you.may.includes("talk")) this.calls.refresh(this.link);
  }

  // What happens to it

  /** @private @param {Link} link */
  linkUp(link) {
    if (this.pendingLink === link) this.pendingLink = null;
    this.link = link;
    this.distrust = null;
    this.state = null;
    this.setting.changed();
  }

  /** @private @param {Link} link @param {import("./state.js").DoorState} state */
  said(link, state) {
    if (this.link !== link) return;
    const before = this.state;
    this.state = state;
    this.memory = remember(this.memory, state, this.setting.now());
    const talking = state.phase === "talking" && state.audio;
    if (!talking && !this.pending.includes("answer")) this.microphone.close();
    this.quality.watch(state.video || talking ? () => link.stats() : null);
    if (state.phase === "idle" && !state.video && before?.phase !== "idle") this.wantCalls();
    this.setting.changed();
  }

  /** @private @param {Link} link @param {string} reason @param {string} why */
  linkEnded(link, reason, why) {
    const wasLive = this.link === link;
    const wasPending = this.pendingLink === link;
    if (!wasLive && !wasPending) return;
    if (wasPending) {
      this.pendingLink = null;
      this.setting.refuse(link.id, reason);
      if (DISTRUSTED.has(reason)) this.distrusted(reason);
    }
    if (wasLive) {
      this.link = null;
      this.state = null;
      this.microphone.close();
      this.quality.watch(null);
      if (reason === "fingerprint") this.distrusted(reason);
    }
    if (reason !== "bye" && reason !== "linked") refused(`${this.device}: link ended (${reason})`, why, console.info);
    this.setting.changed();
  }

  /** @private @param {string} reason */
  distrusted(reason) {
    this.distrust = reason;
    this.setting.changed();
  }

  /** @private @param {string} name of the button @param {string} type @param {object} members @returns {Promise<boolean>} */
  async command(name, type, members) {
    if (!this.link || this.pending.includes(name)) return false;
    this.pending = [...this.pending, name];
    this.refused(null);
    try {
      await this.link.command(type, members);
      return true;
    } catch (error) {
      this.refused(error instanceof Refused ? error.code : "no-answer");
      return false;
    } finally {
      this.pending = this.pending.filter((one) => one !== name);
      this.setting.changed();
    }
  }

  /** @private @param {string|null} code */
  refused(code) {
    clearTimeout(this.refusalTimer);
    this.refusal = code;
    if (code) this.refusalTimer = setTimeout(() => this.refused(null), REFUSAL_SHOWN_MS);
    this.setting.changed();
  }
}
