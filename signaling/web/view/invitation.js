/**
 * The invitation's panel, and the first visit without one.
 *
 * Hooks: #invitation [data-state="ask|refused"], #confirm-invitation, #cancel-invitation, #dismiss-invitation,
 * #invitation-site, #invitation-host, #invitation-person, #invitation-refused; #welcome.
 */

import { make } from "./dom.js";
import { icon } from "./icons.js";
import { nameOf, TEXTS } from "../texts.js";

/** @returns {HTMLElement} what a browser without any site shows */
export function welcomePanel() {
  const { heading, text, note } = TEXTS.welcome;
  return make("section", { class: "sheet", id: "welcome" },
    make("div", { class: "emblem" }, icon("bell")),
    make("h2", {}, heading), make("p", {}, text), make("p", { class: "small" }, note),
  );
}

/**
 * @param {{site: string, host: string, answerer: string, known: boolean}} invitation
 * @param {() => void} confirm
 * @param {() => void} cancel
 */
export function askPanel(invitation, confirm, cancel) {
  const texts = TEXTS.invitation;
  return make("section", { class: "sheet", id: "invitation", "data-state": "ask", "aria-labelledby": "invitation-heading" },
    make("div", { class: "emblem" }, icon("shield")),
    make("h2", { id: "invitation-heading", tabindex: "-1" }, texts.heading),
    make("dl", {},
      make("div", {}, make("dt", {}, texts.site), make("dd", { id: "invitation-site" }, nameOf(invitation.site))),
      make("div", {}, make("dt", {}, texts.host), make("dd", { id: "invitation-host" }, invitation.host)),
      make("div", {}, make("dt", {}, texts.person), make("dd", { id: "invitation-person" }, nameOf(invitation.answerer))),
    ),
    make("p", {}, texts.note),
    invitation.known ? make("p", { class: "small" }, texts.again) : "",
    make("div", { class: "actions" },
      make("button", { id: "confirm-invitation", type: "button", class: "action go", click: confirm }, texts.confirm),
      make("button", { id: "cancel-invitation", type: "button", class: "action plain", click: cancel }, texts.cancel),
    ),
  );
}

/**
 * @param {string} code of an InvitationError
 * @param {() => void} dismiss
 */
export function refusedPanel(code, dismiss) {
  const texts = TEXTS.invitation;
  /** @type {Record<string, string>} */
  const sentences = texts.refused;
  return make("section", { class: "sheet", id: "invitation", "data-state": "refused", role: "alert" },
    make("div", { class: "emblem warn" }, icon("shield")),
    make("h2", { tabindex: "-1" }, texts.refusedHeading),
    make("p", { id: "invitation-refused", "data-code": code }, sentences[code] ?? sentences.malformed),
    make("div", { class: "actions" },
      make("button", { id: "dismiss-invitation", type: "button", class: "action plain", click: dismiss }, texts.dismiss),
    ),
  );
}
