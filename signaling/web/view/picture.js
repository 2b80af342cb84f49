/**
 * A door's picture and sound: the video, what lies over it, and the loudspeaker that nobody sees.
 */

import { playOn } from "../media.js";
import { lengthOf, TEXTS } from "../texts.js";
import { make, say } from "./dom.js";
import { bars, icon } from "./icons.js";
import { Zoom } from "./zoom.js";

/** @typedef {import("../state.js").Card} Card */

/** Owns `video[data-device]` and `audio[data-device]`; `element` lies at the top of a card. */
export class PictureView {
  /** @param {string} device @param {string} label of the door */
  constructor(device, label) {
    /** Nothing is to be seen, a picture is on its way, or it is there. @type {"none"|"waiting"|"live"} */ this.shows = "none";
    /** @private the frame that is waited for */ this.frame = 0;
    /** @private */ this.video = make("video", { "data-device": device, autoplay: true, playsinline: true, "aria-label": TEXTS.picture(label) });
    this.video.muted = true;
    /** @private */ this.audio = make("audio", { "data-device": device, autoplay: true });
    this.audio.muted = true;
    /** @private */ this.curtainText = make("p", {});
    /** @private */ this.timer = make("span", { class: "timer", "aria-hidden": "true" });
    /** @private */ this.qualityText = make("span", {});
    /** @private */ this.quality = make("span", { class: "quality", role: "status" }, bars(), this.qualityText);
    /** @private */ this.whole = tool("whole", TEXTS.action.zoomOut, () => this.zoom.reset());
    /** @private */ this.float = tool("float", TEXTS.action.float, () => void this.floats());
    this.element = make("div", { class: "picture", tabindex: "0", role: "group", "aria-label": `${TEXTS.picture(label)}. ${TEXTS.zoomHint}` },
      this.video, this.audio,
      make("div", { class: "curtain" }, icon("visitor"), this.curtainText),
      make("div", { class: "over" }, this.quality, this.timer),
      make("div", { class: "tools" }, this.whole, this.float),
    );
    /** @private */ this.zoom = new Zoom(this.element, this.video, () => (this.whole.hidden = !this.zoom.closer));
    this.whole.hidden = true;
  }

  /**
   * @param {Card} card
   * @param {{video: MediaStreamTrack|null, audio: MediaStreamTrack|null}} tracks
   * @param {{now: number, volume: number, loudspeaker: string, changed: () => void}} world `changed`: the picture has come
   */
  update(card, tracks, { now, volume, loudspeaker, changed }) {
    feed(this.video, tracks.video);
    feed(this.audio, tracks.audio);
    this.audio.muted = !card.audio;
    if (this.audio.volume !== volume) this.audio.volume = volume;
    playOn(this.audio, loudspeaker);
    this.uncover(card.video, changed);
    const talking = card.phase === "talking";
    this.timer.hidden = !talking;
    if (talking) this.timer.textContent = lengthOf(now - card.since);
    this.quality.hidden = card.quality === null;
    this.quality.dataset.quality = card.quality ?? "";
    say(this.qualityText, card.quality ? TEXTS.quality[card.quality] : "");
    say(this.curtainText, card.video ? (card.faults.includes("camera") ? TEXTS.noPicture : TEXTS.waitingForPicture) : "");
    this.float.hidden = !document.pictureInPictureEnabled || this.shows !== "live";
  }

  /** Call within a gesture: from now on the browser lets it be heard. */
  hear() {
    void this.audio.play().catch(() => undefined);
  }

  /** @private The old picture stays covered until a frame of the new one is there. @param {boolean} video @param {() => void} changed */
  uncover(video, changed) {
    if (!video) {
      if (this.shows === "none") return;
      this.shows = "none";
      this.video.cancelVideoFrameCallback(this.frame);
      this.zoom.reset();
      if (document.pictureInPictureElement === this.video) void document.exitPictureInPicture();
    } else if (this.shows === "none") {
      this.shows = "waiting";
      this.frame = this.video.requestVideoFrameCallback(() => {
        this.shows = "live";
        changed();
      });
      // What was asked to play waits for its first frame; each further `play` would leave a promise that waits with it.
      if (this.video.paused) void this.video.play().catch(() => undefined);
    }
  }

  /** @private */
  async floats() {
    try {
      if (document.pictureInPictureElement === this.video) await document.exitPictureInPicture();
      else await this.video.requestPictureInPicture();
    } catch (error) {
      console.info("doorward: no picture in picture:", error);
    }
  }
}

/** @param {string} symbol @param {string} label @param {() => void} pressed */
function tool(symbol, label, pressed) {
  return make("button", { type: "button", class: "tool", title: label, "aria-label": label, click: pressed }, icon(symbol));
}

/** @param {HTMLMediaElement} element @param {MediaStreamTrack|null} track */
function feed(element, track) {
  const playing = element.srcObject instanceof MediaStream ? element.srcObject.getTracks()[0] : null;
  if ((playing ?? null) === track) return;
  element.srcObject = track ? new MediaStream([track]) : null;
}
