/**
 * One door's card. It draws a `Card` of state.js and nothing else.
 *
 * Hooks, stable for tests and for scripts (DEVICE is the device id; where two sites have a device of one name, the
 * later one's is `SITE.DEVICE`):
 *   #door-DEVICE [data-site] [data-device] [data-phase] [data-picture="none|waiting|live"] [data-link="live|none"]
 *     data-phase: offline connecting idle ringing talking viewing elsewhere busy removed expired
 *   #answer-DEVICE #decline-DEVICE #hang-up-DEVICE #mute-DEVICE[aria-pressed] #look-in-DEVICE[aria-pressed]
 *   #open-DEVICE-DOOR[data-open="true|false"]   buttons that are not to be used now have `hidden`
 *   video[data-device] audio[data-device] #line-DEVICE #alert-DEVICE #notice-DEVICE #missed-DEVICE
 */

import { button, icon, make, say } from "./dom.js";
import { lengthOf, nameOf, TEXTS, timeOf } from "../texts.js";

/**
 * @typedef {import("../state.js").Card} Card
 * @typedef {{answer: () => void, decline: () => void, hangUp: () => void, mute: () => void,
 *   look: (on: boolean) => void, open: (door: string) => void}} Deeds
 */

/** Owns the card's elements; `update` is all there is to it. */
export class CardView {
  /**
   * @param {{site: string, device: string, name: string, deeds: Deeds}} setting `name` ends every id
   */
  constructor({ site, device, name, deeds }) {
    /** @private */ this.name = name;
    /** @private */ this.deeds = deeds;
    /** @private */ this.viewing = false;
    /** @private @type {Map<string, ReturnType<typeof button>>} */ this.doorButtons = new Map();
    const label = nameOf(device);
    const { answer, decline, hangUp, mute, look } = TEXTS.action;
    /** @private */ this.answer = button(`answer-${name}`, "go", "answer", answer, () => {
      void this.audio.play().catch(() => undefined);
      deeds.answer();
    });
    /** @private */ this.decline = button(`decline-${name}`, "stop", "decline", decline, deeds.decline);
    /** @private */ this.hangUp = button(`hang-up-${name}`, "stop", "hangUp", hangUp, deeds.hangUp);
    /** @private */ this.mute = button(`mute-${name}`, "plain", "mute", mute, deeds.mute);
    /** @private */ this.look = button(`look-in-${name}`, "plain", "look", look, () => deeds.look(!this.viewing));
    /** @private */ this.video = make("video", {
      "data-device": device, autoplay: true, playsinline: true, disablepictureinpicture: true,
      "aria-label": TEXTS.picture(label),
    });
    this.video.muted = true;
    /** @private */ this.audio = make("audio", { "data-device": device, autoplay: true });
    this.audio.muted = true;
    /** @private */ this.badge = make("span", { class: "badge" });
    /** @private */ this.line = make("p", { class: "line", id: `line-${name}`, role: "status" });
    /** @private */ this.curtainText = make("p", {});
    /** @private */ this.timer = make("span", { class: "timer", "aria-hidden": "true" });
    /** @private */ this.alert = make("p", { class: "alert", id: `alert-${name}`, role: "alert", hidden: true });
    /** @private */ this.notice = make("p", { class: "notice", id: `notice-${name}`, role: "status", hidden: true });
    /** @private */ this.missed = make("p", { class: "notice missed", id: `missed-${name}`, role: "status", hidden: true });
    /** @private */ this.faults = make("p", { class: "faults", id: `faults-${name}`, hidden: true });
    /** @private */ this.openers = make("div", { class: "openers" });
    const picture = make("div", { class: "picture" },
      this.video, this.audio,
      make("div", { class: "curtain" }, icon("open"), this.curtainText),
      this.timer,
    );
    const panel = make("div", { class: "panel" },
      make("header", {}, make("h2", {}, label), this.badge),
      this.line, this.alert, this.missed, this.notice, this.faults,
      make("div", { class: "actions" }, this.openers, this.answer.element, this.decline.element, this.mute.element,
        this.hangUp.element, this.look.element),
    );
    this.element = make("article", {
      class: "card", id: `door-${name}`, "data-site": site, "data-device": device, "data-phase": "connecting",
      "data-picture": "none", "aria-label": label,
    }, picture, panel);
  }

  /**
   * @param {Card} card
   * @param {{video: MediaStreamTrack|null, audio: MediaStreamTrack|null}} tracks of the live link
   * @param {number} now seconds
   */
  update(card, tracks, now) {
    const { dataset } = this.element;
    dataset.phase = card.phase;
    dataset.link = tracks.video ? "live" : "none";
    this.viewing = card.phase === "viewing";
    feed(this.video, tracks.video);
    feed(this.audio, tracks.audio);
    this.audio.muted = !card.audio;
    this.uncover(card.video);
    this.sentences(card);
    this.timer.hidden = card.phase !== "talking";
    this.timer.textContent = card.phase === "talking" ? lengthOf(now - card.since) : "";
    this.answer.set(card.answer);
    this.decline.set(card.decline);
    this.hangUp.set(card.hangUp);
    const { mute, unmute, look, lookAway } = TEXTS.action;
    this.mute.set({
      ...card.mute, label: card.muted ? unmute : mute, symbol: card.muted ? "unmute" : "mute", pressed: card.muted,
    });
    const eye = this.viewing ? card.lookAway : card.look;
    this.look.set({ ...eye, label: this.viewing ? lookAway : look, pressed: this.viewing });
    this.drawDoors(card);
  }

  /** @private The old picture stays covered until a frame of the new one is there. @param {boolean} video */
  uncover(video) {
    const { dataset } = this.element;
    if (!video) dataset.picture = "none";
    else if (dataset.picture === "none") {
      dataset.picture = "waiting";
      const show = () => {
        if (dataset.picture === "waiting") dataset.picture = "live";
      };
      this.video.requestVideoFrameCallback(show);
      void this.video.play().catch(() => undefined);
    }
  }

  /** @private @param {Card} card */
  sentences(card) {
    const { line } = TEXTS;
    const lines = {
      ...line,
      ringing: line.ringing(card.button ?? nameOf(card.device)),
      elsewhere: card.mine ? line.elsewhereYou : line.elsewhere(card.answeredBy ?? ""),
    };
    say(this.badge, TEXTS.badge[card.phase]);
    say(this.line, lines[card.phase]);
    say(this.curtainText, card.video ? TEXTS.waitingForPicture : "");
    say(this.alert, card.distrust ? pick(TEXTS.distrust, card.distrust) : "");
    const { missed } = card;
    say(this.missed, missed ? TEXTS.missed(missed.button ?? nameOf(card.device), timeOf(missed.at)) : "");
    const microphone = pick(TEXTS.microphone, card.microphone);
    say(this.notice, card.refusal ? pick(TEXTS.refused, card.refusal) : microphone);
    say(this.faults, card.faults.map((fault) => pick(TEXTS.fault, fault)).join(" "));
  }

  /** @private @param {Card} card */
  drawDoors(card) {
    const shown = new Set(card.doors.map((door) => door.id));
    for (const [id, drawn] of this.doorButtons) if (!shown.has(id)) drawn.set({ shown: false, busy: false });
    for (const door of card.doors) {
      const drawn = this.doorButtons.get(door.id) ?? this.newDoor(door.id);
      const { open, isOpen } = TEXTS.action;
      drawn.set({ shown: true, busy: door.busy, label: door.open ? isOpen(door.label) : open(door.label) });
      drawn.element.dataset.open = String(door.open);
    }
  }

  /** @private @param {string} id */
  newDoor(id) {
    const drawn = button(`open-${this.name}-${id}`, "open", "open", "", () => this.deeds.open(id));
    this.doorButtons.set(id, drawn);
    this.openers.append(drawn.element);
    return drawn;
  }
}

/** @param {HTMLMediaElement} element @param {MediaStreamTrack|null} track */
function feed(element, track) {
  const playing = element.srcObject instanceof MediaStream ? element.srcObject.getTracks()[0] : null;
  if ((playing ?? null) === track) return;
  element.srcObject = track ? new MediaStream([track]) : null;
}

/** @param {Record<string, string>} texts @param {string} code @returns {string} "" for a code without a sentence */
function pick(texts, code) {
  return Object.hasOwn(texts, code) ? texts[code] : "";
}
