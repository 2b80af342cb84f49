/**
 * One door's card. It draws a `Card` of state.js and nothing else.
 *
 * Hooks, stable for tests and for scripts (DEVICE is the device id; where two sites have a device of one name, the
 * later one's is `SITE.DEVICE`):
 *   #door-DEVICE [data-site] [data-device] [data-phase] [data-picture="none|waiting|live"] [data-link="live|none"]
 *     data-phase: offline connecting idle ringing talking viewing elsewhere busy removed expired
 *   #answer-DEVICE #decline-DEVICE #hang-up-DEVICE #mute-DEVICE[aria-pressed] #look-in-DEVICE[aria-pressed] #volume-DEVICE
 *   #open-DEVICE-DOOR[data-open="true|false"] #retry-DEVICE   what is not to be used now has `hidden`
 *   video[data-device] audio[data-device] #line-DEVICE #rung-DEVICE #watching-DEVICE #alert-DEVICE #notice-DEVICE #missed-DEVICE #calls-DEVICE
 *   #contacts-DEVICE li[data-door][data-contact="closed|open|left-open|forced"]
 */

import { listOf, nameOf, TEXTS, timeOf } from "../texts.js";
import { CallsView } from "./calls.js";
import { button, make, pick, say } from "./dom.js";
import { holdable } from "./hold.js";
import { icon } from "./icons.js";
import { PictureView } from "./picture.js";

/**
 * @typedef {import("../state.js").Card} Card
 * @typedef {{answer: () => void, decline: () => void, hangUp: () => void, mute: () => void, retry: () => void,
 *   look: (on: boolean) => void, open: (door: string) => void, picture: (call: string) => void, forget: () => void,
 *   volume: (volume: number) => void}} Deeds
 * @typedef {{now: number, settings: import("../settings.js").Settings, changed: () => void}} World
 */

/** In these phases somebody is at the door, and the card shows it. */
const SHOWING = new Set(["ringing", "talking", "viewing"]);

/** Owns the card's elements; `update` is all there is to it. */
export class CardView {
  /**
   * @param {{site: string, device: string, name: string, deeds: Deeds}} setting `name` ends every id
   */
  constructor({ site, device, name, deeds }) {
    /** @private */ this.name = name;
    /** @private */ this.deeds = deeds;
    /** @private */ this.viewing = false;
    /** @private */ this.mustHold = false;
    /** @private @type {Map<string, ReturnType<typeof button>>} */ this.doorButtons = new Map();
    const label = nameOf(device);
    const { answer, decline, hangUp, mute, look, retry, volume } = TEXTS.action;
    /** @private */ this.picture = new PictureView(device, label);
    /** @private */ this.calls = new CallsView(name, deeds.picture);
    /** @private */ this.answer = button(`answer-${name}`, "go", "answer", answer, () => {
      this.picture.hear();
      deeds.answer();
    });
    /** @private */ this.decline = button(`decline-${name}`, "stop", "decline", decline, deeds.decline);
    /** @private */ this.hangUp = button(`hang-up-${name}`, "stop", "hangUp", hangUp, deeds.hangUp);
    /** @private */ this.mute = button(`mute-${name}`, "plain", "mute", mute, deeds.mute);
    /** @private */ this.look = button(`look-in-${name}`, "plain", "look", look, () => deeds.look(!this.viewing));
    /** @private */ this.retry = button(`retry-${name}`, "small-action", "retry", retry, deeds.retry);
    /** @private */ this.forget = button(`forget-${name}`, "plain", "close", TEXTS.settings.forget, deeds.forget);
    /** @private */ this.volume = make("input", {
      id: `volume-${name}`, type: "range", min: "0", max: "100", "aria-label": volume,
      input: () => deeds.volume(Number(this.volume.value) / 100),
    });
    /** @private */ this.loudness = make("label", { class: "volume", title: volume }, icon("volume"), this.volume);
    /** @private */ this.badge = make("span", { class: "badge" });
    /** @private */ this.line = make("p", { class: "line", id: `line-${name}`, role: "status" });
    /** @private */ this.rung = make("p", { class: "small", id: `rung-${name}` });
    /** @private */ this.watching = make("p", { class: "small", id: `watching-${name}`, role: "status", hidden: true });
    /** @private */ this.contacts = make("ul", { class: "contacts", id: `contacts-${name}`, hidden: true });
    /** @private */ this.alertText = make("p", {});
    /** @private */ this.alert = make("div", { class: "alert", id: `alert-${name}`, role: "alert", hidden: true },
      icon("shield"), make("div", {}, make("strong", {}, TEXTS.distrustHeading), this.alertText));
    /** @private */ this.notice = make("p", { id: `notice-${name}`, role: "status" });
    /** @private */ this.noticeBox = make("div", { class: "notice", hidden: true }, this.notice, this.retry.element);
    /** @private */ this.missed = make("p", { class: "notice missed", id: `missed-${name}`, role: "status", hidden: true });
    /** @private */ this.faults = make("ul", { class: "faults", id: `faults-${name}`, hidden: true });
    /** @private */ this.openers = make("div", { class: "openers" });
    const panel = make("div", { class: "panel" },
      make("header", {}, make("div", {}, make("h2", {}, label), make("p", { class: "small house-name" }, nameOf(site))), this.badge),
      this.line, this.rung, this.watching, this.contacts, this.alert, this.missed, this.noticeBox, this.faults,
      make("div", { class: "actions" }, this.openers, this.decline.element, this.answer.element, this.mute.element,
        this.loudness, this.hangUp.element, this.look.element, this.forget.element),
      this.calls.element,
    );
    this.element = make("article", {
      class: "card", id: `door-${name}`, "data-site": site, "data-device": device, "data-phase": "connecting",
      "data-picture": "none", "aria-label": label,
    }, this.picture.element, panel);
  }

  /**
   * @param {Card} card
   * @param {{video: MediaStreamTrack|null, audio: MediaStreamTrack|null}} tracks of the live link
   * @param {World} world
   */
  update(card, tracks, { now, settings, changed }) {
    const { dataset } = this.element;
    const showing = SHOWING.has(card.phase);
    dataset.phase = card.phase;
    dataset.link = tracks.video ? "live" : "none";
    this.element.classList.toggle("showing", showing);
    this.viewing = card.phase === "viewing";
    this.mustHold = settings.holdToOpen;
    this.picture.update(card, tracks, { now, volume: settings.volume, loudspeaker: settings.loudspeaker, changed });
    dataset.picture = this.picture.shows;
    this.sentences(card);
    this.answer.set(card.answer);
    this.decline.set(card.decline);
    this.hangUp.set(card.hangUp);
    const { mute, unmute, look, lookAway } = TEXTS.action;
    this.mute.set({
      ...card.mute, label: card.muted ? unmute : mute, symbol: card.muted ? "unmute" : "mute", pressed: card.muted,
    });
    const eye = this.viewing ? card.lookAway : card.look;
    this.look.set({ ...eye, label: this.viewing ? lookAway : look, pressed: this.viewing });
    this.retry.set(card.retry);
    this.forget.set({ shown: card.phase === "removed", busy: false });
    this.loudness.hidden = card.phase !== "talking";
    const volume = String(Math.round(settings.volume * 100));
    if (this.volume.value !== volume) this.volume.value = volume;
    this.drawDoors(card);
    this.calls.update(card.calls, now, !showing);
  }

  /** @private @param {Card} card */
  sentences(card) {
    const { line } = TEXTS;
    const lines = {
      ...line,
      ringing: line.ringing(card.button ?? nameOf(card.device)),
      elsewhere: card.mine ? line.elsewhereYou : line.elsewhere(card.answeredBy ?? ""),
    };
    const { phase, missed } = card;
    say(this.badge, TEXTS.badge[phase]);
    say(this.line, lines[phase]);
    const called = phase === "ringing" || phase === "talking";
    say(this.rung, !called ? "" : card.rung.length ? TEXTS.rungToo(listOf(card.rung)) : TEXTS.rungOnly);
    const watched = phase === "idle" ? TEXTS.watchingAlone : TEXTS.watching;  // who is idle sees no picture
    say(this.watching, card.watching.length ? watched(listOf(card.watching), card.watching.length) : "");
    this.drawContacts(card.contacts);
    say(this.alertText, card.distrust ? pick(TEXTS.distrust, card.distrust) : "");
    this.alert.hidden = this.alertText.hidden;
    say(this.missed, missed ? TEXTS.missed(missed.button ?? nameOf(card.device), timeOf(missed.at)) : "");
    const microphone = card.asks ? TEXTS.microphone.before : pick(TEXTS.microphone, card.microphone);
    say(this.notice, card.refusal ? pick(TEXTS.refused, card.refusal) : microphone);
    this.noticeBox.hidden = this.notice.hidden;
    const faults = card.faults.map((fault) => pick(TEXTS.fault, fault)).filter(Boolean);
    this.faults.hidden = faults.length === 0;
    if (this.faults.textContent !== faults.join("")) {
      this.faults.replaceChildren(...faults.map((fault) => make("li", {}, icon("warning"), fault)));
    }
  }

  /** @private @param {Card["contacts"]} contacts */
  drawContacts(contacts) {
    const drawn = JSON.stringify(contacts);
    if (this.contacts.dataset.drawn === drawn) return;
    this.contacts.dataset.drawn = drawn;
    this.contacts.hidden = contacts.length === 0;
    this.contacts.replaceChildren(...contacts.map(({ id, label, is }) =>
      make("li", { "data-door": id, "data-contact": is }, icon(is === "closed" ? "shut" : "ajar"),
        make("span", {}, `${capital(label)}: ${TEXTS.contact[is]}`))));
  }

  /** @private @param {Card} card */
  drawDoors(card) {
    const shown = new Set(card.doors.map((door) => door.id));
    for (const [id, drawn] of this.doorButtons) if (!shown.has(id)) drawn.set({ shown: false, busy: false });
    for (const door of card.doors) {
      const drawn = this.doorButtons.get(door.id) ?? this.newDoor(door.id);
      const { open, hold, isOpen } = TEXTS.action;
      const closed = this.mustHold ? hold(door.label) : open(door.label);
      drawn.set({ shown: true, busy: door.busy, label: capital(door.open ? isOpen(door.label) : closed) });
      drawn.element.dataset.open = String(door.open);
    }
  }

  /** @private @param {string} id */
  newDoor(id) {
    const drawn = button(`open-${this.name}-${id}`, "open", "open", "", () => undefined);
    holdable(drawn.element, () => this.mustHold, () => this.deeds.open(id));
    this.doorButtons.set(id, drawn);
    this.openers.append(drawn.element);
    return drawn;
  }
}

/** @param {string} text @returns {string} as a sentence begins */
function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
