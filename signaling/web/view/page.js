/**
 * The page around the cards: its head, the sessions' sentences, and whichever panel is in front.
 *
 * Hooks: #connection [data-state] (one per site: [data-site]), #enable-sound, #use-here-SITE, #doors.
 */

import { icon, make, say } from "./dom.js";
import { nameOf, TEXTS } from "../texts.js";

/** The page's frame. */
export class PageView {
  /** @param {{enableSound: () => void, useHere: (site: string) => void}} deeds */
  constructor(deeds) {
    /** @private */ this.deeds = deeds;
    /** @private @type {Map<string, {row: HTMLElement, text: HTMLElement, use: HTMLElement}>} */ this.rows = new Map();
    /** @private */ this.sound = make("button", { id: "enable-sound", type: "button", class: "pill", hidden: true, click: deeds.enableSound },
      icon("bell"), TEXTS.enableSound);
    /** @private */ this.status = make("div", { class: "sessions", role: "status" });
    /** @private */ this.cards = make("div", { id: "doors", class: "cards" });
    /** @private */ this.panel = make("div", { class: "front", hidden: true });
    document.body.replaceChildren(
      make("header", { class: "top" },
        make("span", { class: "brand" }, make("img", { src: "icon.svg", alt: "", width: "28", height: "28" }), TEXTS.title),
        this.status, this.sound,
      ),
      make("main", {}, this.panel, this.cards),
    );
  }

  /** @param {HTMLElement|null} panel in front of the cards; null: the cards themselves */
  front(panel) {
    this.panel.hidden = panel === null;
    this.cards.hidden = panel !== null;
    this.panel.replaceChildren(...(panel ? [panel] : []));
    const heading = this.panel.querySelector("h1[tabindex]");
    if (heading instanceof HTMLElement) heading.focus();
  }

  /** @param {HTMLElement[]} elements in their order */
  showCards(elements) {
    const same = elements.length === this.cards.children.length && elements.every((one, i) => this.cards.children[i] === one);
    if (!same) this.cards.replaceChildren(...elements);
    this.cards.dataset.count = String(elements.length);
  }

  /** @param {{site: string, state: import("../session.js").SessionState}[]} sessions @param {boolean} audible */
  update(sessions, audible) {
    for (const { site, state } of sessions) {
      const { row, text, use } = this.rows.get(site) ?? this.newRow(site);
      row.dataset.state = state;
      say(text, sessions.length > 1 ? `${nameOf(site)}: ${TEXTS.session[state]}` : TEXTS.session[state]);
      use.hidden = state !== "replaced";
    }
    this.sound.hidden = audible || sessions.length === 0;
  }

  /** @private @param {string} site */
  newRow(site) {
    const text = make("span", {});
    const use = make("button", { id: `use-here-${site}`, type: "button", class: "pill", hidden: true, click: () => this.deeds.useHere(site) },
      TEXTS.useHere);
    const row = make("div", { class: "session", id: this.rows.size ? `connection-${site}` : "connection", "data-site": site },
      make("span", { class: "dot", "aria-hidden": "true" }), text, use);
    this.rows.set(site, { row, text, use });
    this.status.append(row);
    return { row, text, use };
  }
}
