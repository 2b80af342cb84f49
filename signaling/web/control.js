/**
 * The conversation on a link's `control` channel: hellos first, then states, commands and heartbeats
 * (protocol sections 4 and 5; section 8, rules 4, 8 and 9).
 */

import { PeerError, Refused } from "./errors.js";
import { fromDoor } from "./messages.js";
import { Incoming } from "./snapshot.js";

const PING_EVERY_MS = 3_000;
const DEAD_AFTER_MS = 10_000;
const ANSWER_WITHIN_MS = 6_000;
const PICTURE_WITHIN_MS = 20_000;

/**
 * @typedef {{link: string, site: string, device: string, answerer: string}} Names every hello must repeat
 * @typedef {{serial: () => number, onUp: (serial: number) => void, onState: (state: any) => void, onRoster: (jws: string) => void,
 *   onRosterKey: (jws: string) => void, onEnd: (reason: string, why: string) => void}} Hears
 *   `serial` is that of the roster this page holds; PeerError where there is none that admits this link
 */

/** One conversation. It starts with `listen` and ends once: by `close`, by the door, or by silence. */
export class Control {
  /**
   * @param {RTCDataChannel} channel
   * @param {Names} names
   * @param {Hears} hears
   */
  constructor(channel, names, hears) {
    /** @private */ this.channel = channel;
    /** @private */ this.names = names;
    /** @private */ this.hears = hears;
    /** @private @type {Map<number, {resolve: (value: any) => void, reject: (why: Refused) => void, timer: number}>} */
    this.waiting = new Map();
    /** @private @type {{id: number, incoming: Incoming}|null} the picture that is under way */ this.picture = null;
    channel.binaryType = "arraybuffer";
    /** @private */ this.lastId = 0;
    /** @private */ this.greeted = false;
    /** @private */ this.heard = false;
    /** @private */ this.ended = false;
    /** @private @type {number|undefined} */ this.silence = undefined;
    /** @private @type {number|undefined} */ this.heartbeat = undefined;
  }

  /** Both hellos were exchanged: what the door says counts, and only then. */
  get up() {
    return this.greeted && this.heard && !this.ended;
  }

  /** From now on the door may be silent for so long, and no longer: when the channel opens, and whenever it has spoken. */
  listen() {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.close("timeout", "the door is silent"), DEAD_AFTER_MS);
  }

  /** A message of the door. Whatever is wrong with it ends the link. @param {unknown} data */
  hear(data) {
    if (this.ended) return;
    try {
      if (!this.greeted) this.greet();
      if (data instanceof ArrayBuffer) return this.piece(data);
      const message = fromDoor(/** @type {string} */ (data));
      this.listen();
      if (this.heard) this.obey(message);
      else this.meet(message);
    } catch (error) {
      const reason = error instanceof PeerError ? error.reason : "error";
      this.close(this.heard || !this.greeted ? reason : "hello", error instanceof Error ? error.message : String(error));
    }
  }

  /**
   * Send a command.
   * @param {string} type
   * @param {object} [members]
   * @param {number} [withinMs]
   * @returns {Promise<any>} settled by the door's word, with what it was asked for; Refused otherwise
   */
  command(type, members = {}, withinMs = ANSWER_WITHIN_MS) {
    if (!this.up) return Promise.reject(new Refused("no-answer", "no connection to the door"));
    this.lastId += 1;
    const id = this.lastId;
    const { promise, resolve, reject } = Promise.withResolvers();
    const timer = setTimeout(() => this.settle(id, new Refused("no-answer")), withinMs);
    this.waiting.set(id, { resolve, reject, timer });
    this.say({ type, id, ...members });
    return promise;
  }

  /** @param {number} withinMs @returns {Promise<boolean>} whether the door answers a ping in time */
  async alive(withinMs) {
    try {
      await this.command("ping", {}, withinMs);
      return true;
    } catch {
      return false;
    }
  }

  /** @returns {Promise<import("./calls.js").Call[]>} the last calls that rang this person; Refused */
  async history() {
    return (await this.command("history")) ?? [];
  }

  /** @param {string} call @returns {Promise<Blob>} its JPEG; Refused. One at a time: the pieces carry no name */
  snapshot(call) {
    return this.command("snapshot", { call }, PICTURE_WITHIN_MS);
  }

  /** Give the door a signed document that it does not have. @param {"roster"|"roster-key"} type @param {string} jws */
  give(type, jws) {
    if (this.up) this.say({ type, jws });
  }

  /** @param {string} reason of section 5 @param {string} [why] for the console */
  close(reason, why = "") {
    if (this.ended) return;
    if (this.greeted) this.say({ type: "close", reason });
    this.end(reason, why);
  }

  /** End without a word: the channel is gone. @param {string} reason @param {string} why */
  end(reason, why) {
    if (this.ended) return;
    this.ended = true;
    clearInterval(this.heartbeat);
    clearTimeout(this.silence);
    for (const id of [...this.waiting.keys()]) this.settle(id, new Refused("no-answer", why));
    this.hears.onEnd(reason, why);
  }

  /**
   * @private Say who we are, once the door has spoken: a browser may announce a channel before it can send on it, and
   * lose what is said until then (seen in Chromium 156). A word that was heard proves that it can.
   */
  greet() {
    this.say({ type: "hello", v: 1, ...this.names, serial: this.hears.serial() });
    this.greeted = true;
    this.heartbeat = setInterval(() => this.beat(), PING_EVERY_MS);
  }

  /** @private @param {any} message the first one */
  meet(message) {
    if (message.type === "close") return this.end(message.reason, "closed by the door");
    if (message.type !== "hello") throw new PeerError("the first message is not hello", "hello");
    for (const [name, mine] of Object.entries(this.names)) {
      if (message[name] !== mine) throw new PeerError(`hello of another ${name}`, "hello");
    }
    this.heard = true;
    this.hears.onUp(message.serial);
  }

  /** @private @param {any} message */
  obey(message) {
    switch (message.type) {
      case "state":
        return this.hears.onState(message);
      case "done":
        return this.settle(message.id, null);
      case "refused":
        return this.settle(message.id, new Refused(message.code, message.message));
      case "history":
        return this.settle(message.id, null, message.calls);
      case "snapshot":
        if (this.picture) throw new PeerError("a picture before the end of another");
        this.picture = { id: message.id, incoming: new Incoming(message.size) };
        return;
      case "ping":
        return this.say({ type: "done", id: message.id });
      case "roster":
        return this.hears.onRoster(message.jws);
      case "roster-key":
        return this.hears.onRosterKey(message.jws);
      case "close":
        return this.end(message.reason, "closed by the door");
      default:
        throw new PeerError(`${message.type} has no place here`);
    }
  }

  /** @private @param {ArrayBuffer} data of a picture, also of one that nobody waits for any more */
  piece(data) {
    if (!this.heard || !this.picture) throw new PeerError("bytes that belong to nothing");
    this.listen();
    const whole = this.picture.incoming.add(data);
    if (!whole) return;
    const { id } = this.picture;
    this.picture = null;
    this.settle(id, null, whole);
  }

  /** @private @param {number} id @param {Refused|null} refused @param {any} [value] */
  settle(id, refused, value) {
    const waiting = this.waiting.get(id);
    if (!waiting) return;
    this.waiting.delete(id);
    clearTimeout(waiting.timer);
    if (refused) waiting.reject(refused);
    else waiting.resolve(value);
  }

  /** @private */
  beat() {
    if (this.up) this.command("ping", {}, DEAD_AFTER_MS).catch(() => undefined);
  }

  /** @private @param {object} message */
  say(message) {
    if (this.channel.readyState !== "open") return;
    try {
      this.channel.send(JSON.stringify(message));
    } catch (error) {
      console.warn("doorward: a message was not sent:", error);
    }
  }
}
