/**
 * A ring calls for attention: a chime, the title, vibration. Nothing plays before the person has touched the page.
 */

const CHIME_EVERY_MS = 2_500;
const TITLE_EVERY_MS = 1_000;
/** Ding, dong: hertz and seconds after the start. */
const NOTES = [
  { hertz: 659.26, at: 0 },
  { hertz: 523.25, at: 0.45 },
];

/** Rings until told otherwise. */
export class Attention {
  /** @param {() => void} changed called when sound becomes possible */
  constructor(changed) {
    /** @private @type {AudioContext|null} */ this.context = null;
    /** @private */ this.changed = changed;
    /** @private */ this.title = document.title;
    /** @private @type {number[]} */ this.timers = [];
    const unlock = () => void this.unlock();
    for (const gesture of ["pointerdown", "keydown"]) document.addEventListener(gesture, unlock, { capture: true });
  }

  /** Whether a ring would be heard. */
  get audible() {
    return this.context?.state === "running";
  }

  /** Call from within a gesture. */
  async unlock() {
    this.context ??= new AudioContext();
    if (this.context.state === "running") return;
    await this.context.resume();
    this.changed();
  }

  /** @param {string|null} title what to flash while it rings; null: nobody rings */
  ring(title) {
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
      this.chime();
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
      tone.start(start);
      tone.stop(start + 1.5);
    }
  }
}
