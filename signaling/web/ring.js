/**
 * A ring calls for attention: a chime, the title, vibration, and a screen that stays on. Nothing plays before the person has
 * touched the page.
 */

import { soundIs } from "./media.js";

const CHIME_EVERY_MS = 2_500;
const TITLE_EVERY_MS = 1_000;
/** Ding, dong: hertz and seconds after the start. */
const NOTES = [
  { hertz: 659.26, at: 0 },
  { hertz: 523.25, at: 0.45 },
];

/** @typedef {import("./settings.js").Settings} Settings */

/** Rings until told otherwise. */
export class Attention {
  /** @param {() => void} changed called when sound becomes possible, or no longer is */
  constructor(changed) {
    /** @private @type {AudioContext|null} */ this.context = null;
    /** @private */ this.changed = changed;
    /** @private */ this.title = document.title;
    /** @private @type {number[]} */ this.timers = [];
    /** @private */ this.sound = true;
    /** @private @type {"ring"|"call"|"rest"} */ this.kind = "rest";
    /** @private */ this.wake = new WakeLock();
    const unlock = () => void this.unlock();
    for (const gesture of ["pointerdown", "keydown"]) document.addEventListener(gesture, unlock, { capture: true });
  }

  /** Whether a ring would be heard. */
  get audible() {
    return this.context?.state === "running";
  }

  /** Call from within a gesture. */
  async unlock() {
    if (!this.context) {
      this.context = new AudioContext();
      this.context.onstatechange = () => this.changed();
    }
    if (this.context.state === "running") return;
    await this.context.resume();
    this.changed();
  }

  /** Let the person hear it. */
  async demonstrate() {
    await this.unlock();
    this.chime();
  }

  /**
   * @param {{title: string|null, inCall: boolean, settings: Settings}} now `title`: what to flash while it rings; null: nobody
   *   rings. `inCall`: somebody talks or looks
   */
  update({ title, inCall, settings }) {
    this.sound = settings.ringSound;
    this.wake.hold(title !== null || inCall || settings.keepAwake);
    const kind = title !== null ? "ring" : inCall ? "call" : "rest";
    if (kind !== this.kind) soundIs(kind);
    this.kind = kind;
    if ((title !== null) === (this.timers.length > 0)) return;
    for (const timer of this.timers) clearInterval(timer);
    this.timers = [];
    if (title === null) {
      document.title = this.title;
      navigator.vibrate?.(0);
      return;
    }
    const flash = () => (document.title = document.title === this.title ? title : this.title);
    const call = () => {
      if (this.sound) this.chime();
      navigator.vibrate?.([300, 150, 300]);
    };
    flash();
    call();
    this.timers = [setInterval(flash, TITLE_EVERY_MS), setInterval(call, CHIME_EVERY_MS)];
  }

  /** @private */
  chime() {
    const { context } = this;
    if (!context || context.state !== "running") return;
    for (const { hertz, at } of NOTES) {
      const start = context.currentTime + at;
      const tone = new OscillatorNode(context, { type: "sine", frequency: hertz });
      const volume = new GainNode(context, { gain: 0 });
      volume.gain.setValueAtTime(0, start);
      volume.gain.linearRampToValueAtTime(0.35, start + 0.02);
      volume.gain.exponentialRampToValueAtTime(0.001, start + 1.4);
      tone.connect(volume).connect(context.destination);
      tone.onended = () => volume.disconnect();
      tone.start(start);
      tone.stop(start + 1.5);
    }
  }
}

/** Keeps the screen on while it is wanted; browsers let it go whenever the page is hidden. */
class WakeLock {
  constructor() {
    /** @private */ this.wanted = false;
    /** @private @type {WakeLockSentinel|null} */ this.lock = null;
    /** @private */ this.asking = false;
    document.addEventListener("visibilitychange", () => void this.take());
  }

  /** @param {boolean} wanted */
  hold(wanted) {
    if (wanted === this.wanted) return;
    this.wanted = wanted;
    if (wanted) void this.take();
    else void this.release();
  }

  /** @private */
  async take() {
    if (!this.wanted || this.lock || this.asking || document.visibilityState !== "visible" || !navigator.wakeLock) return;
    this.asking = true;
    try {
      const lock = await navigator.wakeLock.request("screen");
      this.lock = lock;
      lock.onrelease = () => {
        if (this.lock === lock) this.lock = null;
      };
    } catch (error) {
      // A nearly empty battery: the screen goes dark, and the ring goes on.
      console.info("doorward: the screen is not kept on:", error);
    } finally {
      this.asking = false;
    }
    if (!this.wanted) await this.release();
  }

  /** @private */
  async release() {
    const { lock } = this;
    this.lock = null;
    await lock?.release();
  }
}
