/**
 * What a device still needs so that it rings: sound, notifications, a place on the home screen.
 *
 * Hooks: #ready, #enable-sound, #enable-push, #install, #ready-later.
 */

import { TEXTS } from "../texts.js";
import { make, say } from "./dom.js";
import { icon } from "./icons.js";

/**
 * @typedef {{shown: boolean, dismissed: boolean, audible: boolean, push: import("../push.js").PushState, install: "done"|"offer"|"how"|"ios"}} Ready
 *   `dismissed`: only what is needed every time; `install`: it is installed, the browser can be asked to, or the person has to do it by hand
 * @typedef {{enableSound: () => void, enablePush: () => void, install: () => void, readyLater: () => void}} ReadyDeeds
 */

/** The list. */
export class ReadyView {
  /** @param {ReadyDeeds} deeds */
  constructor(deeds) {
    const texts = TEXTS.ready;
    /** @private */ this.sound = new Row("bell", texts.sound, texts.soundText, "enable-sound", texts.soundDo, deeds.enableSound);
    /** @private */ this.push = new Row("phone", texts.push, texts.pushText, "enable-push", texts.pushDo, deeds.enablePush);
    /** @private */ this.install = new Row("home", texts.install, texts.installText, "install", texts.installDo, deeds.install);
    /** @private */ this.later = make("button", { id: "ready-later", type: "button", class: "quiet", click: deeds.readyLater }, texts.later);
    this.element = make("section", { class: "ready", id: "ready", "aria-labelledby": "ready-heading", hidden: true },
      make("div", { class: "head" }, make("h2", { id: "ready-heading" }, texts.heading), this.later),
      make("ul", {}, this.sound.element, this.push.element, this.install.element),
    );
  }

  /** @param {Ready} ready */
  update({ shown, dismissed, audible, push, install }) {
    const texts = TEXTS.ready;
    const done = audible && (dismissed || ((push === "on" || push === "unsupported" || push === "server") && install === "done"));
    this.element.hidden = !shown || done;
    for (const { element } of [this.push, this.install]) element.hidden = dismissed;
    this.later.hidden = dismissed;
    this.sound.set(audible, texts.soundText, !audible);
    this.push.set(push === "on", push === "on" || push === "off" ? texts.pushText : TEXTS.push[push], push === "off" || push === "denied" || push === "failed");
    const how = install === "ios" ? texts.installHow.ios : texts.installHow.other;
    this.install.set(install === "done", install === "how" || install === "ios" ? how : texts.installText, install === "offer");
  }
}

/** One thing to do, or done. */
class Row {
  /** @param {string} symbol @param {string} label @param {string} text @param {string} id @param {string} deed @param {() => void} pressed */
  constructor(symbol, label, text, id, deed, pressed) {
    /** @private */ this.text = make("span", { class: "small" }, text);
    /** @private */ this.deed = make("button", { id, type: "button", class: "pill", click: pressed }, deed);
    /** @private */ this.done = make("span", { class: "done" }, icon("check"), TEXTS.ready.done);
    this.element = make("li", {}, icon(symbol), make("span", { class: "words" }, make("span", { class: "who" }, label), this.text), this.deed, this.done);
  }

  /** @param {boolean} done @param {string} text @param {boolean} possible */
  set(done, text, possible) {
    say(this.text, text);
    this.done.hidden = !done;
    this.deed.hidden = done || !possible;
  }
}
