/**
 * The last calls of a door, with their pictures, and one picture large.
 *
 * Hooks: #calls-DEVICE, in it `[data-call][data-outcome]` with `img` or not; #all-calls-DEVICE; dialog#snapshot.
 */

import { TEXTS, whenOf } from "../texts.js";
import { arrange, make, say } from "./dom.js";
import { icon } from "./icons.js";

/** @typedef {import("../state.js").PastCall} PastCall */

const FEW = 3;

/** The list on a card. */
export class CallsView {
  /** @param {string} name of the door, as it ends ids @param {(call: string) => void} want a picture was asked for */
  constructor(name, want) {
    /** @private */ this.want = want;
    /** @private */ this.all = false;
    /** @private @type {Map<string, {element: HTMLLIElement, drawn: string}>} */ this.rows = new Map();
    /** @private @type {{calls: PastCall[], now: number}} */ this.last = { calls: [], now: 0 };
    /** @private */ this.none = make("p", { class: "small" }, TEXTS.calls.none);
    /** @private */ this.list = make("ul", {});
    /** @private */ this.more = make("button", { id: `all-calls-${name}`, type: "button", class: "quiet", click: () => this.turn() });
    const heading = make("h3", { id: `calls-heading-${name}` }, TEXTS.calls.heading);
    this.element = make("section", { class: "calls", id: `calls-${name}`, "aria-labelledby": heading.id, hidden: true },
      make("div", { class: "head" }, heading, this.more), this.none, this.list);
  }

  /** @param {PastCall[]|null} calls newest first; null: nothing is known @param {number} now @param {boolean} shown */
  update(calls, now, shown) {
    this.element.hidden = !shown || calls === null;
    if (this.element.hidden || !calls) return;
    this.last = { calls, now };
    this.none.hidden = calls.length > 0;
    this.more.hidden = calls.length <= FEW;
    say(this.more, calls.length <= FEW ? "" : this.all ? TEXTS.calls.fewer : TEXTS.calls.all);
    const seen = this.all ? calls : calls.slice(0, FEW);
    arrange(this.list, seen.map((call) => this.row(call, now)));
    for (const id of [...this.rows.keys()]) if (!calls.some((call) => call.id === id)) this.rows.delete(id);
  }

  /** @private */
  turn() {
    this.all = !this.all;
    if (this.all) for (const call of this.last.calls) if (call.snapshot) this.want(call.id);
    this.update(this.last.calls, this.last.now, true);
  }

  /** @private @param {PastCall} call @param {number} now @returns {HTMLLIElement} */
  row(call, now) {
    const when = whenOf(call.at, now);
    const drawn = JSON.stringify([call, when]);
    const there = this.rows.get(call.id);
    if (there?.drawn === drawn) return there.element;
    const words = make("div", { class: "words" },
      make("span", { class: "line" }, make("span", { class: "who" }, call.button), make("span", { class: "when" }, when)),
      make("span", { class: `outcome ${call.outcome}` }, icon(call.outcome), outcomeOf(call)),
    );
    const inside = [thumbnail(call, when), words];
    const element = make("li", { "data-call": call.id, "data-outcome": call.outcome }, ...inside);
    this.rows.set(call.id, { element, drawn });
    return element;
  }
}

/** @param {PastCall} call @returns {string} */
export function outcomeOf({ outcome, by, mine }) {
  const { answered, answeredYou, answeredNobody } = TEXTS.calls;
  if (outcome !== "answered") return TEXTS.calls[outcome];
  return mine ? answeredYou : by === null ? answeredNobody : answered(by);
}

/** @param {PastCall} call @param {string} when @returns {HTMLElement} */
function thumbnail(call, when) {
  if (!call.picture) return make("span", { class: "thumb none" }, icon("visitor"));
  const label = TEXTS.calls.picture(call.button, when);
  const show = () => enlarge(call, when, label);
  return make("button", { type: "button", class: "thumb", "aria-label": label, click: show },
    make("img", { src: call.picture, alt: "" }));
}

/** @param {PastCall} call @param {string} when @param {string} label */
function enlarge(call, when, label) {
  const close = make("button", { type: "button", class: "action plain", click: () => dialog.close() }, icon("close"), TEXTS.calls.close);
  const dialog = make("dialog", { id: "snapshot", class: "snapshot", "aria-label": label, close: () => dialog.remove() },
    make("img", { src: call.picture ?? "", alt: label }),
    make("div", { class: "foot" }, make("div", { class: "words" }, make("strong", {}, call.button), make("span", { class: "small" }, `${when} · ${outcomeOf(call)}`)), close),
  );
  dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
}
