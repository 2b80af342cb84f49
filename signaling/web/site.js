/**
 * One site this browser is invited to: its session, its rosters, its doors.
 */

import { PeerError } from "./errors.js";
import { Door } from "./door.js";
import { Link } from "./link.js";
import { Push } from "./push.js";
import { refused } from "./refusals.js";
import { admit, admits, expired, verifyRoster } from "./roster.js";
import { Trust } from "./roster_key.js";
import { Session } from "./session.js";

const JUDGE_EVERY_MS = 30_000;

/**
 * @typedef {import("./roster.js").SignedRoster} SignedRoster
 * @typedef {import("./roster.js").Held} Held
 */

/** Runs one site until `close`; `changed` is called whenever there is something else to draw. */
export class Site {
  /**
   * @param {import("./vault.js").KnownSite} known
   * @param {{vault: import("./vault.js").Vault, clock: import("./clock.js").Clock, changed: () => void,
   *   wishes: import("./door.js").Wishes}} world
   */
  constructor(known, world) {
    this.known = known;
    /** @private */ this.world = world;
    /** @private */ this.trust = new Trust(known, world.vault);
    /** @type {Map<string, Door>} */ this.doors = new Map();
    /** @type {import("./session.js").SessionState} */ this.sessionState = "connecting";
    /** @private @type {Map<string, SignedRoster>} */ this.rosters = new Map();
    /** @private @type {Map<string, Held>} */ this.held = new Map();
    /** @private @type {RTCIceServer[]} */ this.iceServers = [];
    /** @private @type {Promise<void>} */ this.inbox = Promise.resolve();
    /** Notifications of this site. */
    this.push = new Push(known.site, { changed: world.changed, send: (message) => this.session.send(message) });
    /** @private */ this.session = new Session(known, {
      onState: (state) => this.sessionIs(state),
      onMessage: (message) => this.later(() => this.hear(message)),
    });
  }

  /** Load what is kept, then connect. */
  async open() {
    for (const kept of await this.world.vault.rosters(this.known.site)) {
      this.held.set(kept.device, { serial: kept.serial, digest: kept.digest });
      if (kept.jws) await this.recall(kept.jws, kept.rosterKey ?? this.trust.jwk, kept.device);
    }
    /** @private */ this.judging = setInterval(() => this.judge(), JUDGE_EVERY_MS);
    this.session.open();
  }

  /** End every link and the session. */
  close() {
    clearInterval(this.judging);
    for (const door of this.doors.values()) door.drop("bye", "the page goes");
    this.session.close();
  }

  /** Connect now: the network or the person is back. */
  nudge() {
    this.session.nudge();
    for (const door of this.doors.values()) void door.check();
  }

  /** Forget everything of it: its doors, its keys, its notifications. */
  async forget() {
    if (this.push.state === "on") await this.push.disable();
    await this.push.forget();
    this.close();
    for (const door of this.doors.values()) door.forget();
    await this.world.vault.forget(this.known.site);
  }

  /** Whether the time of this device cannot be right: a roster in force was issued later than it says. */
  get wrongClock() {
    const latest = Math.max(0, ...[...this.rosters.values()].map(({ roster }) => roster.issued));
    return Date.now() / 1000 < latest - 60;
  }

  /** The person wants this window to be the one. */
  useHere() {
    this.session.open();
  }

  /** @private @param {import("./session.js").SessionState} state */
  sessionIs(state) {
    this.sessionState = state;
    if (state !== "online") for (const door of this.doors.values()) door.present = null;
    this.world.changed();
  }

  /** @private One message at a time, in order: an offer is judged by the roster that came before it. @param {() => Promise<void>} work */
  later(work) {
    this.inbox = this.inbox.then(work).catch((error) => refused("a message was dropped", error));
  }

  /** @private @param {any} message */
  async hear(message) {
    switch (message.type) {
      case "welcome":
        this.iceServers = message.ice_servers;
        for (const jws of message.rosters) await this.takeRoster(jws);
        for (const { device, online } of message.devices) this.presence(device, online);
        void this.push.welcomed(message.push_key, [...this.doors.keys()]).catch((error) => refused("no notifications", error));
        break;
      case "roster-key":
        await this.takeRosterKey(message.jws);
        break;
      case "roster":
        await this.takeRoster(message.jws);
        break;
      case "device":
        this.presence(message.device, message.online);
        break;
      case "offer":
        // Not awaited: an old link is asked for a sign of life first, and others need not wait for that.
        void this.door(message.device).offered(message.link, message.sdp);
        break;
      case "candidate":
        this.doors.get(message.device)?.candidate(message.link, message.candidate);
        break;
      case "close":
        this.doors.get(message.device)?.closed(message.link, message.reason);
        break;
      case "error":
        refused("the server refused a message", message.code);
        break;
      default:
        throw new PeerError(`${message.type} has no place after the welcome`);
    }
    this.world.changed();
  }

  /** @private @param {string} device @param {boolean} online */
  presence(device, online) {
    this.door(device).present = online;
  }

  // Rosters

  /**
   * @private A roster of this browser's own store: it stays in force when its key has a successor (rule 16), so it is
   * held to the key by which it was believed.
   * @param {string} jws
   * @param {import("./jws.js").PublicJwk} rosterKey
   * @param {string} device
   */
  async recall(jws, rosterKey, device) {
    try {
      const signed = await verifyRoster(jws, rosterKey, this.known.site, device);
      admit(signed, this.held.get(device) ?? null);
      this.inForce(signed);
    } catch (error) {
      refused("a kept roster does not hold", error);
    }
  }

  /** @private A roster of the server or of a door. @param {string} jws @param {string|null} [device] */
  async takeRoster(jws, device = null) {
    // The very one that is in force may be of an earlier key: servers send it at every login.
    if ([...this.rosters.values()].some((signed) => signed.jws === jws)) return;
    try {
      const signed = await verifyRoster(jws, this.trust.jwk, this.known.site, device);
      const held = this.held.get(signed.roster.device) ?? null;
      admit(signed, held);
      if (held?.digest === signed.digest && this.rosters.has(signed.roster.device)) return;
      await this.world.vault.keepRoster(signed, this.trust.jwk);
      this.held.set(signed.roster.device, { serial: signed.roster.serial, digest: signed.digest });
      this.inForce(signed);
      if (device === null) this.doors.get(signed.roster.device)?.sendRoster(jws);
    } catch (error) {
      refused("a roster was refused", error);
    }
  }

  /** @private A successor of the roster key, brought by the server or a door: rosters in force stay so. @param {string} jws */
  async takeRosterKey(jws) {
    try {
      await this.trust.take(jws);
    } catch (error) {
      refused("a roster key was refused", error);
    }
  }

  /** @private @param {SignedRoster} signed */
  inForce(signed) {
    const { device, issued } = signed.roster;
    this.rosters.set(device, signed);
    this.world.clock.atLeast(issued);
    this.door(device);
    this.judge();
  }

  /** @private Links are judged anew by the rosters in force, at every new one and as time passes (rule 1). */
  judge() {
    for (const [device, door] of this.doors) {
      const signed = this.standing(device);
      const print = door.deviceFingerprint;
      if (print && !signed?.roster.fingerprints.includes(print)) door.drop("roster", "not by the roster in force");
    }
    this.world.changed();
  }

  /** @private @param {string} device @returns {SignedRoster|null} in force, and naming this key */
  standing(device) {
    const signed = this.rosters.get(device);
    if (!signed || expired(signed.roster, this.world.clock.now())) return null;
    return admits(signed.roster, this.known.answerer, this.known.thumbprint) ? signed : null;
  }

  /** @private @param {string} device @returns {Door} */
  door(device) {
    const there = this.doors.get(device);
    if (there) return there;
    const door = new Door(device, {
      answerer: this.known.answerer,
      changed: this.world.changed,
      now: () => this.world.clock.now(),
      wishes: this.world.wishes,
      refuse: (link, reason) => this.session.send({ type: "close", device, link, reason }),
      newLink: (id, hears) =>
        new Link(id, {
          me: this.known,
          device,
          iceServers: this.iceServers,
          roster: () => this.standing(device),
          successions: () => this.trust.successions,
          send: (message) => this.session.send(message),
          onRoster: (jws) => this.later(() => this.takeRoster(jws, device)),
          onRosterKey: (jws) => this.later(() => this.takeRosterKey(jws)),
          ...hears,
        }),
      standing: () => {
        const signed = this.rosters.get(device);
        return {
          roster: signed?.roster ?? null,
          admitted: signed ? admits(signed.roster, this.known.answerer, this.known.thumbprint) : false,
          expired: signed ? expired(signed.roster, this.world.clock.now()) : false,
          session: this.sessionState,
        };
      },
    });
    this.doors.set(device, door);
    return door;
  }
}
