/**
 * The time by which rosters are judged (protocol section 8, rule 5): it never runs backwards, over reloads too.
 */

const KEEP_EVERY_MS = 10 * 60 * 1000;

/** Seconds UTC: the system clock, or the highest time kept plus what has passed since, whichever is later. */
export class Clock {
  /**
   * @param {number} kept highest time ever kept, seconds
   * @param {(seconds: number) => Promise<void>} keep
   */
  constructor(kept, keep) {
    /** @private */ this.floor = kept;
    /** @private */ this.floorAt = performance.now();
    /** @private */ this.keep = keep;
  }

  /** @returns {number} whole seconds UTC */
  now() {
    const passed = (performance.now() - this.floorAt) / 1000;
    return Math.floor(Math.max(Date.now() / 1000, this.floor + passed));
  }

  /** A roster in force was issued then: it cannot be earlier now. @param {number} seconds */
  atLeast(seconds) {
    if (seconds <= this.now()) return;
    this.floor = seconds;
    this.floorAt = performance.now();
  }

  /** Keep the time now and then. @returns {() => void} ends it */
  run() {
    const save = () => void this.keep(this.now()).catch((error) => console.warn("doorward: time not kept:", error));
    save();
    const timer = setInterval(save, KEEP_EVERY_MS);
    return () => clearInterval(timer);
  }
}
