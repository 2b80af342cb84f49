/**
 * One link with one door: verified before the browser hears of it, and again once it stands (protocol section 4).
 */

import { PeerError, Refused } from "./errors.js";
import { fingerprint } from "./bytes.js";
import { ownCandidate, PER_LINK, vetCandidate } from "./candidates.js";
import { Control } from "./control.js";
import { signProof } from "./proof.js";
import { refused } from "./refusals.js";
import { constantRate, shapeAnswer, vet } from "./sdp.js";

const PENDING_MS = 30_000;
const CERTIFICATE = { name: "ECDSA", namedCurve: "P-256" };

/**
 * @typedef {{me: import("./proof.js").Identity, device: string, iceServers: RTCIceServer[],
 *   roster: () => import("./roster.js").SignedRoster|null, successions: () => string[],
 *   send: (message: object) => void, onUp: (link: Link) => void, onState: (state: any) => void,
 *   onRoster: (jws: string) => void, onRosterKey: (jws: string) => void,
 *   onEnd: (link: Link, reason: string, why: string) => void}} LinkSetting
 *   `roster` is the one in force now, which admits this page's key, null if there is none; `successions` lead to its key
 */

/** A link from offer to end. `start` begins it; `onEnd` is called once, whatever happened. */
export class Link {
  /**
   * @param {string} id
   * @param {LinkSetting} setting
   */
  constructor(id, setting) {
    this.id = id;
    /** @private */ this.setting = setting;
    /** @type {MediaStreamTrack|null} */ this.videoTrack = null;
    /** @type {MediaStreamTrack|null} */ this.audioTrack = null;
    /** The door's certificate, as offered and verified. */
    this.deviceFingerprint = "";
    /** @private @type {RTCPeerConnection|null} */ this.connection = null;
    /** @private @type {RTCRtpSender|null} */ this.voice = null;
    /** @private @type {Control|null} */ this.control = null;
    /** @private @type {RTCDataChannel|null} */ this.channel = null;
    /** @private */ this.candidates = 0;
    /** @private @type {Set<string>} successions of the roster key that the door was given */ this.given = new Set();
    /** @private @type {Promise<unknown>} */ this.described = new Promise((resolve) => (this.setDescribed = resolve));
    /** @private */ this.ended = false;
    /** @private */ this.deadline = setTimeout(() => this.end("timeout", "not up within 30 s"), PENDING_MS);
  }

  /** Both hellos were exchanged and nothing has ended it. */
  get live() {
    return this.control?.up ?? false;
  }

  /**
   * Answer the door's offer, if it is one to trust.
   * @param {string} offer
   */
  async start(offer) {
    try {
      this.deviceFingerprint = this.judge(offer);
      await this.answer(offer);
    } catch (error) {
      const reason = error instanceof PeerError ? error.reason : "error";
      this.end(reason, error instanceof Error ? error.message : String(error));
    }
  }

  /** @private @param {string} offer @returns {string} its fingerprint; PeerError before the browser sees anything */
  judge(offer) {
    const signed = this.setting.roster();
    if (!signed) throw new PeerError("no roster in force that names this page", "roster");
    const offered = vet(offer, "offer");
    if (!signed.roster.fingerprints.includes(offered)) {
      throw new PeerError("the offer's certificate is not on the roster", "fingerprint");
    }
    return offered;
  }

  /** @private @param {string} offer that was judged */
  async answer(offer) {
    const { me, device, iceServers, send } = this.setting;
    const certificate = await RTCPeerConnection.generateCertificate(CERTIFICATE);
    if (this.ended) return;
    const connection = new RTCPeerConnection({
      iceServers,
      certificates: [certificate],
      bundlePolicy: "max-bundle",
      rtcpMuxPolicy: "require",
    });
    this.connection = connection;
    const gathered = this.listen(connection);
    await connection.setRemoteDescription({ type: "offer", sdp: constantRate(offer) });
    this.prepareMedia(connection);
    // The browser keeps its own text (it refuses an edited one); the door gets the shaped text, and the proof binds that.
    const made = await connection.createAnswer();
    await connection.setLocalDescription(made);
    const sdp = shapeAnswer(made.sdp ?? "");
    const mine = vet(sdp, "answer");
    const local = connection.localDescription?.sdp ?? "";
    if (vet(shapeAnswer(local), "answer") !== mine) throw new PeerError("own certificate changed");
    const proof = await signProof(me, {
      device,
      link: this.id,
      deviceFingerprint: this.deviceFingerprint,
      fingerprint: mine,
      offer,
      answer: sdp,
    });
    if (this.ended) return;
    send({ type: "answer", device, link: this.id, sdp, proof });
    gathered();
    this.setDescribed?.(undefined);
  }

  /**
   * A further candidate of the door; too many, or one that does not belong, is dropped.
   * @param {RTCIceCandidateInit|null} candidate
   */
  async addCandidate(candidate) {
    this.candidates += 1;
    if (this.candidates > PER_LINK) return refused("candidate dropped", `more than ${PER_LINK}`);
    try {
      if (candidate) vetCandidate(candidate.candidate ?? "");
      await this.described;
      if (!this.ended) await this.connection?.addIceCandidate(candidate);
    } catch (error) {
      refused("candidate dropped", error);
    }
  }

  /**
   * Speak with this microphone, or with none.
   * @param {MediaStreamTrack|null} track
   */
  async speak(track) {
    if (!this.ended) await this.voice?.replaceTrack(track);
  }

  /** @param {string} type @param {object} [members] @returns {Promise<void>} as `Control.command` */
  command(type, members) {
    if (!this.control) return Promise.reject(new PeerError("no connection"));
    return this.control.command(type, members);
  }

  /** @returns {Promise<import("./calls.js").Call[]>} as `Control.history` */
  history() {
    return this.control?.history() ?? Promise.reject(new Refused("no-answer"));
  }

  /** @param {string} call @returns {Promise<Blob>} as `Control.snapshot` */
  snapshot(call) {
    return this.control?.snapshot(call) ?? Promise.reject(new Refused("no-answer"));
  }

  /** @returns {Promise<RTCStatsReport>} what the browser counts on this link */
  stats() {
    return this.connection?.getStats() ?? Promise.resolve(/** @type {RTCStatsReport} */ (new Map()));
  }

  /** @param {number} withinMs @returns {Promise<boolean>} */
  async alive(withinMs) {
    return this.live && (await /** @type {Control} */ (this.control).alive(withinMs));
  }

  /** Give the door a newer roster, after what leads to its key (section 8, rule 16). @param {string} jws */
  sendRoster(jws) {
    if (!this.live) return;
    for (const succession of this.setting.successions()) {
      if (!this.given.has(succession)) this.control?.give("roster-key", succession);
      this.given.add(succession);
    }
    this.control?.give("roster", jws);
  }

  /** End it, telling the door. @param {string} reason @param {string} [why] */
  close(reason, why = "") {
    if (this.control) this.control.close(reason, why);
    this.end(reason, why);
  }

  /** @private @param {RTCPeerConnection} connection @returns {() => void} call once the answer is sent */
  listen(connection) {
    const { device, send } = this.setting;
    /** @type {object[]|null} */
    let held = [];
    connection.onicecandidate = ({ candidate }) => {
      const message = { type: "candidate", device, link: this.id, candidate: ownCandidate(candidate) };
      if (message.candidate === undefined) return;
      if (held) held.push(message);
      else send(message);
    };
    connection.ontrack = ({ track }) => {
      if (track.kind === "video") this.videoTrack = track;
      else this.audioTrack = track;
    };
    connection.onconnectionstatechange = () => {
      const { connectionState } = connection;
      if (connectionState === "failed" || connectionState === "closed") this.end("timeout", `connection ${connectionState}`);
    };
    connection.ondatachannel = ({ channel }) => this.converse(connection, channel);
    return () => {
      for (const message of held ?? []) send(message);
      held = null;
    };
  }

  /** @private @param {RTCPeerConnection} connection */
  prepareMedia(connection) {
    for (const transceiver of connection.getTransceivers()) {
      // As little delay as the network allows; the browser's buffer grows by itself where packets come late.
      if ("jitterBufferTarget" in transceiver.receiver) transceiver.receiver.jitterBufferTarget = 0;
      if (transceiver.receiver.track.kind === "video") {
        transceiver.direction = "recvonly";
      } else {
        transceiver.direction = "sendrecv";
        this.voice = transceiver.sender;
      }
    }
  }

  /** @private @param {RTCPeerConnection} connection @param {RTCDataChannel} channel */
  converse(connection, channel) {
    const bounded = channel.maxRetransmits !== null || channel.maxPacketLifeTime !== null;
    if (this.channel || channel.label !== "control" || channel.protocol !== "doorward.v1" || !channel.ordered || bounded) {
      this.end("error", "a data channel that has no place here");
      return;
    }
    this.channel = channel;
    const { me, device } = this.setting;
    const control = new Control(
      channel,
      { link: this.id, site: me.site, device, answerer: me.answerer },
      {
        serial: () => this.serial(),
        onUp: (serial) => this.up(serial),
        onState: (state) => this.setting.onState(state),
        onRoster: (jws) => this.setting.onRoster(jws),
        onRosterKey: (jws) => this.setting.onRosterKey(jws),
        onEnd: (reason, why) => this.end(reason, why),
      },
    );
    this.control = control;
    const opened = channel.readyState === "open" ? Promise.resolve() : new Promise((resolve) => (channel.onopen = resolve));
    // What the door says waits until its certificate was compared: nothing is heard from anybody else.
    const ready = opened.then(() => this.compare(connection)).then(() => control.listen());
    ready.catch((error) => this.end(error instanceof PeerError ? error.reason : "error", String(error?.message ?? error)));
    channel.onmessage = ({ data }) => void ready.then(() => control.hear(data), () => undefined);
    channel.onclose = () => this.end("bye", "the channel was closed");
  }

  /** @private @param {RTCPeerConnection} connection the peer's real certificate against the verified one (step 5) */
  async compare(connection) {
    const transport = /** @type {any} */ (connection.sctp?.transport);
    // A browser without this call has compared the certificate with the description itself (RFC 8827 section 6.5).
    if (typeof transport?.getRemoteCertificates !== "function") return;
    // Under load Chromium opens the channel before it tells of the certificate, which comes with a change of state.
    while (!this.ended && transport.getRemoteCertificates().length < 1) {
      await new Promise((resolve) => transport.addEventListener("statechange", resolve, { once: true }));
    }
    if (this.ended) throw new PeerError("ended before the certificate was known");
    if ((await fingerprint(transport.getRemoteCertificates()[0])) !== this.deviceFingerprint) {
      throw new PeerError("the peer's certificate is another than the offered one", "fingerprint");
    }
  }

  /** @private @returns {number} of the roster in force, if the door's certificate still stands on it */
  serial() {
    const signed = this.setting.roster();
    if (!signed?.roster.fingerprints.includes(this.deviceFingerprint)) throw new PeerError("no longer on the roster", "roster");
    return signed.roster.serial;
  }

  /** @private @param {number} serial the door's */
  up(serial) {
    clearTimeout(this.deadline);
    const signed = this.setting.roster();
    if (!signed) return this.close("roster", "no roster in force");
    if (signed.roster.serial > serial) this.sendRoster(signed.jws);
    this.setting.onUp(this);
  }

  /** @private @param {string} reason @param {string} why */
  end(reason, why) {
    if (this.ended) return;
    this.ended = true;
    clearTimeout(this.deadline);
    this.setDescribed?.(undefined);
    this.control?.end(reason, why);
    if (this.connection) {
      this.connection.onconnectionstatechange = null;
      this.connection.onicecandidate = null;
      // A moment, so that a `close` on the channel still leaves.
      const { connection } = this;
      setTimeout(() => connection.close(), 100);
    }
    this.setting.onEnd(this, reason, why);
  }
}
