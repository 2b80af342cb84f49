/**
 * The answering page as it runs: what is kept, the sites, and the view are put together here.
 */

import { sweep, take } from "./fragment.js";
import { InvitationError } from "./errors.js";
import { Install } from "./install.js";
import { judge, permittedHosts, read } from "./invitation.js";
import { devices, watchPermission } from "./media.js";
import { Attention } from "./ring.js";
import { Preferences } from "./settings.js";
import { Site } from "./site.js";
import { refused } from "./refusals.js";
import { nameOf, TEXTS } from "./texts.js";
import { Updates } from "./updates.js";
import { CardView } from "./view/card.js";
import { askPanel, refusedPanel, welcomePanel } from "./view/invitation.js";
import { PageView } from "./view/page.js";
import { SettingsView } from "./view/settings.js";

const TICK_MS = 1_000;

/** @typedef {import("./door.js").Door} Door */

/** Runs from `open` until the window goes. */
export class App {
  /** @param {import("./vault.js").Vault} vault @param {import("./clock.js").Clock} clock */
  constructor(vault, clock) {
    /** @private */ this.vault = vault;
    /** @private */ this.clock = clock;
    /** @private @type {Map<string, Site>} */ this.sites = new Map();
    /** @private @type {Map<Door, CardView>} */ this.cards = new Map();
    /** @private */ this.drawing = false;
    /** @private */ this.inPanel = false;
    /** @private */ this.ticking = false;
    /** @private */ this.asks = false;
    /** @private @type {SettingsView|null} */ this.open_ = null;
    /** @private @type {import("./media.js").Devices} */ this.devices = { microphones: [], loudspeakers: [] };
    const changed = () => this.changed();
    /** @private */ this.preferences = new Preferences(changed);
    /** @private */ this.attention = new Attention(changed);
    /** @private */ this.updates = new Updates(changed);
    /** @private */ this.install = new Install(changed);
    /** @private */ this.page = new PageView({
      settings: () => void this.showSettings(),
      useHere: (site) => this.sites.get(site)?.useHere(),
      update: () => this.updates.take(),
      enableSound: () => void this.attention.demonstrate(),
      enablePush: () => this.sites.forEach((site) => void this.notify(site, true)),
      install: () => void this.install.take(),
      readyLater: () => this.preferences.set({ readyDismissed: true }),
    });
  }

  async open() {
    for (const known of await this.vault.sites()) await this.add(known);
    this.home();
    setInterval(() => this.ticking && this.changed(), TICK_MS);
    for (const event of ["online", "offline"]) addEventListener(event, () => this.nudge());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.nudge());
    addEventListener("pagehide", () => this.sites.forEach((site) => site.close()));
    addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
    addEventListener("hashchange", () => {
      sweep();
      this.visit(location.hash);
      void this.invited(take());
    });
    navigator.serviceWorker?.addEventListener("message", ({ data }) => {
      if (typeof data === "string" && data.startsWith("door ")) this.visit(`#door=${data.slice(5)}`);
    });
    void watchPermission((asks) => {
      this.asks = asks;
      this.changed();
    });
    void this.attention.unlock().catch(() => undefined);
    void this.updates.open();
    this.visit(location.hash);
    await this.invited(take());
  }

  /** @private @param {string|null} text of an invitation */
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

  /** @private The person has confirmed. @param {import("./invitation.js").Invitation} invitation */
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

  /** @private @param {unknown} error */
  refuse(error) {
    refused("invitation refused", error);
    this.show(refusedPanel(error instanceof InvitationError ? error.code : "storage", () => this.home()));
  }

  /** @private A notification was tapped: that door first. @param {string} hash `#door=SITE.DEVICE` */
  visit(hash) {
    const [, site, device] = /^#door=([a-z0-9-]{1,32})\.([a-z0-9-]{1,32})$/.exec(hash) ?? [];
    if (!site) return;
    history.replaceState(null, "", location.pathname + location.search);
    this.home();
    for (const [door, view] of this.cards) {
      if (door.device === device && this.sites.get(site)?.doors.get(device) === door) view.element.scrollIntoView({ block: "start" });
    }
  }

  /** @private @param {import("./vault.js").KnownSite} known */
  async add(known) {
    const wishes = { microphone: () => this.preferences.now.microphone, asks: () => this.asks };
    const site = new Site(known, { vault: this.vault, clock: this.clock, changed: () => this.changed(), wishes });
    this.sites.set(known.site, site);
    await site.open();
  }

  /** @private @param {string} name */
  remove(name) {
    const site = this.sites.get(name);
    if (!site) return;
    site.close();
    for (const door of site.doors.values()) this.cards.delete(door);
    this.sites.delete(name);
  }

  /** @private The person wants nothing more to do with this house. @param {string} name */
  async forget(name) {
    await this.sites.get(name)?.forget();
    this.remove(name);
    this.home();
  }

  /** @private @param {Site} site @param {boolean} on */
  async notify(site, on) {
    if (on) await site.push.enable([...site.doors.keys()]);
    else await site.push.disable();
  }

  /** @private */
  async showSettings(/** @type {string} */ forgetting = "") {
    if (this.open_) return;
    this.devices = await devices();
    this.open_ = new SettingsView(this.settingsSeen(), {
      set: (change) => {
        this.preferences.set(change);
        if ("microphone" in change) for (const door of this.cards.keys()) void door.speakAgain();
      },
      push: (site, on) => {
        const named = this.sites.get(site);
        if (named) void this.notify(named, on);
      },
      forget: (site) => void this.forget(site),
      tryRing: () => void this.attention.demonstrate(),
    }, () => (this.open_ = null));
    this.open_.show();
    document.getElementById(`forget-${forgetting}`)?.click();
  }

  /** @private @returns {import("./view/settings.js").SettingsSeen} */
  settingsSeen() {
    const houses = [...this.sites.values()].map(({ known, push }) => ({
      site: known.site, person: known.answerer, host: known.host, push: push.state,
    }));
    return { settings: this.preferences.now, houses, devices: this.devices, canStayAwake: "wakeLock" in navigator };
  }

  /** @private @param {HTMLElement} panel */
  show(panel) {
    this.inPanel = true;
    this.page.front(panel);
  }

  /** @private */
  home() {
    this.inPanel = false;
    this.page.front(this.sites.size ? null : welcomePanel());
    this.changed();
  }

  /** @private */
  nudge() {
    for (const site of this.sites.values()) site.nudge();
    this.changed();
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

  /** @private */
  draw() {
    const now = this.clock.now();
    const settings = this.preferences.now;
    const elements = [];
    const phases = new Set();
    let ringing = null;
    this.ticking = false;
    for (const site of this.sites.values()) {
      for (const door of [...site.doors.values()].sort((one, other) => (one.device < other.device ? -1 : 1))) {
        const view = this.cards.get(door) ?? this.newCard(site, door);
        const card = door.card();
        view.update(card, door.tracks, { now, settings, changed: () => this.changed() });
        elements.push(view.element);
        phases.add(card.phase);
        this.ticking ||= card.ticking;
        if (card.phase === "ringing") ringing ??= TEXTS.ringTitle(nameOf(door.device));
      }
    }
    const showing = phases.has("ringing") || phases.has("talking") || phases.has("viewing");
    this.page.showCards(elements);
    this.page.update({ sessions: this.sessions(), update: this.updates.waiting && !showing, showing, ready: this.ready(showing) });
    this.attention.update({ title: ringing, inCall: showing, settings });
    this.open_?.update(this.settingsSeen());
    // A ring does not wait behind a panel.
    if (!ringing) return;
    if (this.inPanel) this.home();
    if (this.open_) this.open_.element.close();
  }

  /** @private @returns {import("./view/page.js").SessionSeen[]} */
  sessions() {
    return [...this.sites.values()].map(({ known, sessionState, wrongClock }) => ({
      site: known.site, state: sessionState, address: `https://${known.host}/`, wrongClock,
    }));
  }

  /** @private @param {boolean} showing @returns {import("./view/ready.js").Ready} */
  ready(showing) {
    const states = [...this.sites.values()].map((site) => site.push.state);
    return {
      shown: this.sites.size > 0 && !this.inPanel && !showing,
      dismissed: this.preferences.now.readyDismissed,
      audible: this.attention.audible || !this.preferences.now.ringSound,
      push: states.find((state) => state !== "on") ?? "on",
      install: this.install.state,
    };
  }

  /** @private @param {Site} site @param {Door} door */
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
        retry: () => void door.speakAgain(),
        look: (on) => void door.look(on),
        open: (id) => void door.open(id),
        picture: (call) => door.wantPicture(call),
        forget: () => void this.showSettings(site.known.site),
        volume: (volume) => this.preferences.set({ volume }),
      },
    });
    this.cards.set(door, view);
    return view;
  }
}
