/**
 * The settings, in front of everything until they are closed.
 *
 * Hooks: dialog#settings, #setting-sound, #setting-push-SITE, #setting-hold, #setting-awake, #setting-microphone,
 * #setting-loudspeaker, #forget-SITE, #confirm-forget-SITE, #close-settings.
 */

import { nameOf, TEXTS } from "../texts.js";
import { make, toggle } from "./dom.js";
import { icon } from "./icons.js";

/**
 * @typedef {import("../settings.js").Settings} Settings
 * @typedef {import("../push.js").PushState} PushState
 * @typedef {{site: string, person: string, host: string, push: PushState}} House
 * @typedef {{settings: Settings, houses: House[], devices: import("../media.js").Devices, canStayAwake: boolean}} SettingsSeen
 * @typedef {{set: (change: Partial<Settings>) => void, push: (site: string, on: boolean) => void, forget: (site: string) => void,
 *   tryRing: () => void}} SettingsDeeds
 */

/** Open once, updated while open, gone when it is closed. */
export class SettingsView {
  /** @param {SettingsSeen} seen @param {SettingsDeeds} deeds @param {() => void} closed */
  constructor(seen, deeds, closed) {
    const texts = TEXTS.settings;
    /** @private */ this.deeds = deeds;
    /** @private */ this.sound = toggle("setting-sound", texts.sound, "", (on) => deeds.set({ ringSound: on }));
    /** @private */ this.hold = toggle("setting-hold", texts.hold, texts.holdText, (on) => deeds.set({ holdToOpen: on }));
    /** @private */ this.awake = toggle("setting-awake", texts.awake, texts.awakeText, (on) => deeds.set({ keepAwake: on }));
    /** @private */ this.microphone = chooser("setting-microphone", texts.microphone, (id) => deeds.set({ microphone: id }));
    /** @private */ this.loudspeaker = chooser("setting-loudspeaker", texts.loudspeaker, (id) => deeds.set({ loudspeaker: id }));
    /** @private @type {Map<string, ReturnType<typeof toggle>>} */ this.pushes = new Map();
    const hear = make("button", { id: "try-ring", type: "button", class: "pill", click: deeds.tryRing }, icon("bell"), texts.soundTry);
    const houses = seen.houses.map((house) => this.house(house));
    this.element = make("dialog", { id: "settings", class: "settings", "aria-labelledby": "settings-heading", close: () => {
      this.element.remove();
      closed();
    } },
      make("header", {}, make("h2", { id: "settings-heading" }, texts.heading),
        make("button", { id: "close-settings", type: "button", class: "pill", click: () => this.element.close() }, texts.close)),
      section(texts.ring, this.sound.element, hear, this.awake.element),
      section(texts.hold, this.hold.element),
      section(texts.devices, this.microphone.element, this.loudspeaker.element),
      section(texts.houses, ...houses),
    );
    this.element.addEventListener("click", ({ target }) => target === this.element && this.element.close());
    this.update(seen);
  }

  show() {
    document.body.append(this.element);
    this.element.showModal();
  }

  /** @param {SettingsSeen} seen */
  update({ settings, houses, devices, canStayAwake }) {
    this.sound.set(settings.ringSound, TEXTS.ready.soundText);
    this.hold.set(settings.holdToOpen);
    this.awake.set(settings.keepAwake && canStayAwake, canStayAwake ? TEXTS.settings.awakeText : TEXTS.settings.awakeNot, canStayAwake);
    this.microphone.set(devices.microphones, settings.microphone);
    this.loudspeaker.set(devices.loudspeakers, settings.loudspeaker);
    for (const { site, push } of houses) {
      const words = push === "on" || push === "off" ? TEXTS.ready.pushText : TEXTS.push[push];
      this.pushes.get(site)?.set(push === "on", words, push === "on" || push === "off" || push === "denied" || push === "failed");
    }
  }

  /** @private @param {House} house @returns {HTMLElement} */
  house({ site, person, host }) {
    const texts = TEXTS.settings;
    const push = toggle(`setting-push-${site}`, TEXTS.ready.push, "", (on) => this.deeds.push(site, on));
    this.pushes.set(site, push);
    const sure = make("div", { class: "sure", hidden: true },
      make("p", {}, texts.forgetAsk(nameOf(site))),
      make("button", { id: `confirm-forget-${site}`, type: "button", class: "action stop", click: () => {
        this.element.close();
        this.deeds.forget(site);
      } }, texts.forgetDo),
      make("button", { type: "button", class: "action plain", click: () => {
        sure.hidden = true;
        ask.hidden = false;
        ask.focus();
      } }, texts.forgetNot),
    );
    const ask = make("button", { id: `forget-${site}`, type: "button", class: "quiet danger", click: () => {
      sure.hidden = false;
      ask.hidden = true;
      sure.querySelector("button")?.focus();
    } }, texts.forget);
    return make("div", { class: "house" },
      make("h4", {}, nameOf(site)), make("p", { class: "small" }, texts.asPerson(nameOf(person), host)), push.element, ask, sure);
  }
}

/** @param {string} heading @param {...HTMLElement} children */
function section(heading, ...children) {
  return make("section", {}, make("h3", {}, heading), ...children);
}

/** A choice of devices. @param {string} id @param {string} label @param {(id: string) => void} chosen */
function chooser(id, label, chosen) {
  const select = make("select", { id, change: () => chosen(select.value) });
  const element = make("label", { class: "setting" }, make("span", { class: "words" }, label), select);
  let drawn = "";
  return {
    element,
    /** @param {import("../media.js").Device[]} devices @param {string} now */
    set(devices, now) {
      const key = JSON.stringify([devices, now]);
      if (key === drawn) return;
      drawn = key;
      const { standard, unnamed } = TEXTS.settings;
      const options = devices.map((device, n) => make("option", { value: device.id }, device.label || unnamed(n + 1)));
      select.replaceChildren(make("option", { value: "" }, standard), ...options);
      select.value = devices.some((device) => device.id === now) ? now : "";
      element.hidden = devices.length === 0;
    },
  };
}
