/**
 * Ringing while the page is closed: one push subscription per site, at the site's own registration of the service worker.
 *
 * A registration has one subscription, bound to one server's key (RFC 8292); several houses have several servers.
 */

import { unb64url } from "./bytes.js";
import { onIos, installed } from "./install.js";
import { TEXTS, nameOf } from "./texts.js";
import { register } from "./updates.js";

/** The worker's notes (sw.js). */
const NOTES = "doorward-notes";

/**
 * @typedef {"on"|"off"|"denied"|"unsupported"|"install"|"server"|"failed"} PushState
 *   `install`: only once it is on the home screen; `server`: it sends none; `failed`: the push service was not reached
 */

/** One site's notifications. */
export class Push {
  /** @param {string} site @param {{changed: () => void, send: (message: object) => void}} world `send`: to the site's server */
  constructor(site, world) {
    /** @private */ this.site = site;
    /** @private */ this.world = world;
    /** @private @type {string|null} */ this.key = null;
    /** @type {PushState} */ this.state = possible() ?? "off";
  }

  /**
   * The server has welcomed this page. It is told of a subscription each time: it may have lost it.
   * @param {string|null} key of the server, base64url; null: it sends none
   * @param {string[]} doors
   */
  async welcomed(key, doors) {
    this.key = key;
    const not = possible() ?? (key === null ? "server" : null);
    if (not) return this.become(not);
    const registration = await navigator.serviceWorker.getRegistration(this.scope);
    const subscription = registration?.scope === this.scope ? await registration.pushManager.getSubscription() : null;
    if (Notification.permission === "denied") return this.become("denied");
    if (!subscription || !sameKey(subscription, key ?? "")) return this.become("off");
    await this.tell(subscription, doors);
  }

  /** Call within a gesture: the browser asks the person. @param {string[]} doors */
  async enable(doors) {
    const { key } = this;
    if (key === null || possible()) return;
    try {
      if ((await Notification.requestPermission()) !== "granted") return this.become("denied");
      const registration = await register(`push/${this.site}/`);
      if (!registration) return this.become("unsupported");
      await activated(registration);
      const old = await registration.pushManager.getSubscription();
      if (old && !sameKey(old, key)) await old.unsubscribe();
      const wanted = { userVisibleOnly: true, applicationServerKey: unb64url(key) };
      await this.tell(await registration.pushManager.subscribe(wanted), doors);
    } catch (error) {
      console.warn("doorward: no notifications:", error);
      this.become(error instanceof DOMException && error.name === "NotAllowedError" ? "denied" : "failed");
    }
  }

  async disable() {
    this.world.send({ type: "push-unsubscribe" });
    await this.forget();
    this.become(possible() ?? (this.key === null ? "server" : "off"));
  }

  /** The house is forgotten: nothing of it shall ring here again. */
  async forget() {
    const registration = await navigator.serviceWorker?.getRegistration(this.scope);
    if (registration?.scope !== this.scope) return;
    await (await registration.pushManager?.getSubscription())?.unsubscribe();
    await registration.unregister();
    await (await caches.open(NOTES)).delete(this.notes);
  }

  /** @private */
  get scope() {
    return new URL(`push/${this.site}/`, document.baseURI).href;
  }

  /** @private */
  get notes() {
    return new URL(`words-${this.site}`, document.baseURI).href;
  }

  /** @private @param {PushSubscription} subscription @param {string[]} doors */
  async tell(subscription, doors) {
    const { endpoint, keys } = subscription.toJSON();
    const { p256dh, auth } = keys ?? {};
    this.world.send({ type: "push-subscribe", subscription: { endpoint, keys: { p256dh, auth } } });
    // The payload has no names (protocol section 7): the worker finds the words here, in this person's language.
    const { ringing, tap, ended, endedText } = TEXTS.push;
    const words = doors.map((door) => [door, { ringing: ringing(nameOf(door)), ended: ended(nameOf(door)) }]);
    const notes = { doors: Object.fromEntries(words), tap, endedText };
    await (await caches.open(NOTES)).put(this.notes, new Response(JSON.stringify(notes)));
    this.become("on");
  }

  /** @private @param {PushState} state */
  become(state) {
    this.state = state;
    this.world.changed();
  }
}

/** @returns {PushState|null} why this browser cannot; null if it can */
function possible() {
  if (!navigator.serviceWorker || !("PushManager" in window) || !("Notification" in window)) {
    return onIos() && !installed() ? "install" : "unsupported";
  }
  return null;
}

/** @param {PushSubscription} subscription @param {string} key base64url */
function sameKey({ options: { applicationServerKey: mine } }, key) {
  const [one, other] = [new Uint8Array(mine ?? new ArrayBuffer(0)), unb64url(key)];
  return one.length === other.length && one.every((byte, i) => byte === other[i]);
}

/** @param {ServiceWorkerRegistration} registration @returns {Promise<void>} once its worker runs */
async function activated({ installing, waiting, active }) {
  const worker = installing ?? waiting;
  if (active || !worker) return;
  await new Promise((resolve) => {
    worker.onstatechange = () => worker.state === "activated" && resolve(undefined);
  });
}
