/**
 * The microphone of one call: asked for at the answer, followed when devices come and go, given back at the end.
 */

import { openMicrophone } from "./media.js";

/**
 * @typedef {"closed"|"asking"|"open"|"denied"|"absent"} MicrophoneState
 * @typedef {{speak: (track: MediaStreamTrack|null) => Promise<void>}} Speaker what it is spoken into: a link
 */

/** One at a time; `open` begins a use of it, `close` ends it. */
export class Microphone {
  /**
   * @param {() => void} changed
   * @param {() => string} wanted id of the device that the person chose, or ""
   */
  constructor(changed, wanted) {
    /** @private */ this.changed = changed;
    /** @private */ this.wanted = wanted;
    /** @type {MicrophoneState} */ this.state = "closed";
    this.muted = false;
    /** @private @type {MediaStreamTrack|null} */ this.track = null;
    /** @private @type {Speaker|null} */ this.speaker = null;
    /** @private counts openings, so that a late one knows that it is late */ this.turn = 0;
    /** @private */ this.devicesChanged = () => {
      // A headset that was put on is what a person means, unless they chose another device.
      if (this.speaker && !this.wanted()) void this.reopen();
    };
  }

  /** @param {Speaker} speaker */
  async open(speaker) {
    if (this.speaker === speaker && this.state !== "denied" && this.state !== "absent") return;
    if (!this.speaker) navigator.mediaDevices?.addEventListener("devicechange", this.devicesChanged);
    this.speaker = speaker;
    await this.reopen();
  }

  /** Take the microphone anew: another was chosen, or the one in use has gone. */
  async reopen() {
    const { speaker } = this;
    if (!speaker) return;
    this.turn += 1;
    const { turn } = this;
    if (!this.track) this.become("asking");
    const got = await openMicrophone(this.wanted());
    if (turn !== this.turn || this.speaker !== speaker) {
      if (typeof got !== "string") got.stop();
      return;
    }
    this.release();
    if (typeof got === "string") {
      await speaker.speak(null);
      return this.become(got);
    }
    this.track = got;
    got.enabled = !this.muted;
    got.onended = () => void this.reopen();
    await speaker.speak(got);
    if (turn === this.turn) this.become("open");
  }

  close() {
    const { speaker } = this;
    if (!speaker) return;
    navigator.mediaDevices?.removeEventListener("devicechange", this.devicesChanged);
    this.turn += 1;
    this.speaker = null;
    this.muted = false;
    this.release();
    void speaker.speak(null);
    this.become("closed");
  }

  toggle() {
    this.muted = !this.muted;
    if (this.track) this.track.enabled = !this.muted;
    this.changed();
  }

  /** @private */
  release() {
    if (!this.track) return;
    this.track.onended = null;
    this.track.stop();
    this.track = null;
  }

  /** @private @param {MicrophoneState} state */
  become(state) {
    this.state = state;
    this.changed();
  }
}
