/**
 * The answering page's composition: what is kept, the sites, and the view are put together here.
 */

import { sweep, take } from "./fragment.js";
import { Clock } from "./clock.js";
import { InvitationError } from "./errors.js";
import { judge, permittedHosts, read } from "./invitation.js";
import { Attention } from "./ring.js";
import { Site } from "./site.js";
import { refused } from "./refusals.js";
import { nameOf, TEXTS } from "./texts.js";
import { Vault } from "./vault.js";
import { CardView } from "./view/card.js";
import { make } from "./view/dom.js";
import { askPanel, refusedPanel, welcomePanel } from "./view/invitation.js";
import { PageView } from "./view/page.js";

const TICK_MS = 1_000;

/** The page as it runs. */
class App {
  /** @param {Vault} vault @param {Clock} clock */
  constructor(vault, clock) {
    this.vault = vault;
    this.clock = clock;
    /** @type {Map<string, Site>} */ this.sites = new Map();
    /** @type {Map<import("./door.js").Door, CardView>} */ this.cards = new Map();
    this.drawing = false;
    this.inPanel = false;
    this.ticking = false;
    this.attention = new Attention(() => this.changed());
    this.page = new PageView({
      enableSound: () => void this.attention.unlock(),
      useHere: (site) => this.sites.get(site)?.useHere(),
    });
  }

  async open() {
    for (const known of await this.vault.sites()) await this.add(known);
    this.home();
    setInterval(() => this.ticking && this.changed(), TICK_MS);
    addEventListener("online", () => this.nudge());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.nudge());
    addEventListener("pagehide", () => this.sites.forEach((site) => site.close()));
    addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
    addEventListener("hashchange", () => {
      sweep();
      void this.invited(take());
    });
    await this.invited(take());
  }

  /** @param {string|null} text of an invitation */
  async invited(text) {
    if (text === null) return;
    try {
      const invitation = await read(text);
      const known = await this.vault.site(invitation.site);
      judge(invitation, known, await permittedHosts());
      this.show(askPanel({ ...invitation, known: known !== null }, () => void this.accept(invitation), () => this.home()));
    } catch (error) {
      this.refuse(error);
    }
  }

  /** The person has confirmed. @param {import("./invitation.js").Invitation} invitation */
  async accept(invitation) {
    try {
      await this.vault.accept(invitation);
    } catch (error) {
      this.refuse(error);
      return;
    }
    void navigator.storage?.persist?.();
    this.remove(invitation.site);
    const known = await this.vault.site(invitation.site);
    if (known) await this.add(known);
    this.home();
  }

  /** @param {unknown} error */
  refuse(error) {
    refused("invitation refused", error);
    this.show(refusedPanel(error instanceof InvitationError ? error.code : "storage", () => this.home()));
  }

  /** @param {import("./vault.js").KnownSite} known */
  async add(known) {
    const site = new Site(known, { vault: this.vault, clock: this.clock, changed: () => this.changed() });
    this.sites.set(known.site, site);
    await site.open();
  }

  /** @param {string} name */
  remove(name) {
    const site = this.sites.get(name);
    if (!site) return;
    site.close();
    for (const door of site.doors.values()) this.cards.delete(door);
    this.sites.delete(name);
  }

  /** @param {HTMLElement} panel */
  show(panel) {
    this.inPanel = true;
    this.page.front(panel);
  }

  home() {
    this.inPanel = false;
    this.page.front(this.sites.size ? null : welcomePanel());
    this.changed();
  }

  nudge() {
    for (const site of this.sites.values()) site.nudge();
  }

  /** Draw soon: several changes in one turn are drawn once, in hidden tabs as well. */
  changed() {
    if (this.drawing) return;
    this.drawing = true;
    queueMicrotask(() => {
      this.drawing = false;
      this.draw();
    });
  }

  draw() {
    const now = this.clock.now();
    const elements = [];
    let ringing = null;
    this.ticking = false;
    for (const site of this.sites.values()) {
      for (const door of [...site.doors.values()].sort((one, other) => (one.device < other.device ? -1 : 1))) {
        const view = this.cards.get(door) ?? this.newCard(site, door);
        const card = door.card();
        view.update(card, door.tracks, now);
        elements.push(view.element);
        this.ticking ||= card.ticking;
        if (card.phase === "ringing") ringing ??= TEXTS.ringTitle(nameOf(door.device));
      }
    }
    this.page.showCards(elements);
    this.page.update([...this.sites.values()].map((site) => ({ site: site.known.site, state: site.sessionState })), this.attention.audible);
    this.attention.ring(ringing);
    // A ring does not wait behind a panel.
    if (ringing && this.inPanel) this.home();
  }

  /** @param {Site} site @param {import("./door.js").Door} door */
  newCard(site, door) {
    const { device } = door;
    const taken = [...this.cards.keys()].some((other) => other.device === device);
    const view = new CardView({
      site: site.known.site,
      device,
      name: taken ? `${site.known.site}.${device}` : device,
      deeds: {
        answer: () => void door.answer(),
        decline: () => void door.decline(),
        hangUp: () => void door.hangUp(),
        mute: () => door.mute(),
        look: (on) => void door.look(on),
        open: (id) => void door.open(id),
      },
    });
    this.cards.set(door, view);
    return view;
  }
}

async function start() {
  // A page without headers cannot forbid to be framed, and in a frame a click could open the door unseen.
  if (window.top !== window) {
    refused("to run in a frame of another page");
    document.body.replaceChildren(make("p", { class: "plain", role: "alert" }, TEXTS.framed));
    return;
  }
  if (!isSecureContext || !globalThis.RTCPeerConnection || !globalThis.indexedDB || !Promise.withResolvers) {
    document.body.replaceChildren(make("p", { class: "plain", role: "alert" }, TEXTS.broken));
    return;
  }
  let vault;
  try {
    vault = await Vault.open();
  } catch {
    document.body.replaceChildren(make("p", { class: "plain", role: "alert" }, TEXTS.invitation.refused.storage));
    return;
  }
  const kept = vault;
  const clock = new Clock(await kept.time(), (seconds) => kept.keepTime(seconds));
  clock.run();
  await new App(kept, clock).open();
}

void start();
