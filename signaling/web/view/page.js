/**
 * The page around the cards: its head, what it has to say, and whichever panel is in front. It draws a `Screen`.
 *
 * Hooks: #connection [data-state] (of further sites #connection-SITE; [data-site]), #open-settings, #enable-sound,
 * #use-here-SITE, #update, #unreachable-SITE, #ready, #doors.
 */

import { nameOf, TEXTS } from "../texts.js";
import { arrange, make, say } from "./dom.js";
import { icon } from "./icons.js";
import { ReadyView } from "./ready.js";

/**
 * @typedef {{site: string, state: import("../session.js").SessionState, address: string, wrongClock: boolean}} SessionSeen
 *   `address`: https, of its server
 * @typedef {{sessions: SessionSeen[], update: boolean, ready: import("./ready.js").Ready, showing: boolean}} Screen
 *   `showing`: somebody is at a door, and all else has to wait
 * @typedef {{row: HTMLElement, text: HTMLElement, use: HTMLElement, trouble: HTMLElement, why: HTMLElement,
 *   look: HTMLAnchorElement}} Row
 */

/** The page's frame. */
export class PageView {
  /** @param {import("./ready.js").ReadyDeeds & {settings: () => void, useHere: (site: string) => void, update: () => void}} deeds */
  constructor(deeds) {
    /** @private */ this.deeds = deeds;
    /** @private @type {Map<string, Row>} */ this.rows = new Map();
    /** @private */ this.status = make("div", { class: "sessions", role: "status" });
    /** @private */ this.settings = make("button", { id: "open-settings", type: "button", class: "round", title: TEXTS.settings.open,
      "aria-label": TEXTS.settings.open, click: deeds.settings }, icon("settings"));
    /** @private */ this.update_ = banner("update", "retry", TEXTS.update.text,
      make("button", { type: "button", class: "pill", click: deeds.update }, TEXTS.update.take));
    /** @private */ this.banners = make("div", { class: "banners" }, this.update_);
    /** @private */ this.ready = new ReadyView(deeds);
    /** @private */ this.cards = make("div", { id: "doors", class: "cards" });
    /** @private */ this.panel = make("div", { class: "front", hidden: true });
    document.body.replaceChildren(
      make("header", { class: "top" },
        make("span", { class: "brand" }, make("img", { src: new URL("../icon.svg", import.meta.url).href, alt: "", width: "28", height: "28" }), TEXTS.title),
        this.status, this.settings,
      ),
      make("main", {}, make("h1", { class: "unseen" }, TEXTS.title), this.panel, this.banners, this.ready.element, this.cards),
    );
  }

  /** @param {HTMLElement|null} panel in front of the cards; null: the cards themselves */
  front(panel) {
    this.panel.hidden = panel === null;
    this.cards.hidden = panel !== null;
    document.body.classList.toggle("fronted", panel !== null);
    this.panel.replaceChildren(...(panel ? [panel] : []));
    const heading = this.panel.querySelector("[tabindex='-1']");
    if (heading instanceof HTMLElement) heading.focus();
  }

  /** @param {HTMLElement[]} elements in their order */
  showCards(elements) {
    arrange(this.cards, elements);
    this.cards.dataset.count = String(elements.length);
  }

  /** @param {Screen} screen */
  update({ sessions, update, ready, showing }) {
    document.body.classList.toggle("visited", showing);
    document.body.classList.toggle("several", sessions.length > 1);
    this.settings.hidden = sessions.length === 0;
    this.update_.hidden = !update;
    this.ready.update(ready);
    const there = new Set(sessions.map(({ site }) => site));
    for (const [site, { row, trouble }] of this.rows) {
      if (there.has(site)) continue;
      row.remove();
      trouble.remove();
      this.rows.delete(site);
    }
    for (const { site, state, address, wrongClock } of sessions) {
      const { row, text, use, trouble, why, look } = this.rows.get(site) ?? this.newRow(site);
      row.dataset.state = state;
      say(text, sessions.length > 1 ? `${nameOf(site)}: ${TEXTS.session[state]}` : TEXTS.session[state]);
      use.hidden = state !== "replaced";
      trouble.hidden = state !== "unreachable";
      say(why, wrongClock ? TEXTS.unreachable.wrongClock : TEXTS.unreachable.text);
      look.href = address;
    }
  }

  /** @private @param {string} site @returns {Row} */
  newRow(site) {
    const text = make("span", {});
    const use = make("button", { id: `use-here-${site}`, type: "button", class: "pill", hidden: true, click: () => this.deeds.useHere(site) },
      TEXTS.useHere);
    const row = make("div", { class: "session", id: this.rows.size ? `connection-${site}` : "connection", "data-site": site },
      make("span", { class: "dot", "aria-hidden": "true" }), text, use);
    const why = make("p", {});
    const look = make("a", { href: "#", target: "_blank", rel: "noopener" }, TEXTS.unreachable.look);
    const trouble = make("section", { class: "trouble", id: `unreachable-${site}`, role: "alert", hidden: true },
      icon("away"),
      make("div", { class: "words" }, make("h2", {}, TEXTS.unreachable.heading), why, make("p", {}, look), make("p", { class: "small" }, TEXTS.unreachable.hint)),
    );
    this.status.append(row);
    this.banners.append(trouble);
    const made = { row, text, use, trouble, why, look };
    this.rows.set(site, made);
    return made;
  }
}

/** @param {string} id @param {string} symbol @param {string} text @param {HTMLElement} deed */
function banner(id, symbol, text, deed) {
  return make("div", { class: "banner", id, role: "status", hidden: true }, icon(symbol), make("p", {}, text), deed);
}
