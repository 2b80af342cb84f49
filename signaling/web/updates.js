/**
 * The service worker's page side: it is registered here, and a newer version of the page is offered, never forced.
 */

const LOOK_EVERY_MS = 60 * 60 * 1000;
const WORKER = "sw.js";

/** The one script address this page ever makes (Trusted Types: the policy's name stands in the page's CSP). */
const addresses = /** @type {any} */ (globalThis).trustedTypes?.createPolicy("doorward-worker", {
  createScriptURL: (/** @type {string} */ wanted) => {
    if (wanted !== WORKER) throw new TypeError(`${wanted}: not the worker`);
    return wanted;
  },
});

/**
 * Register the worker for a scope of its own.
 * @param {string} [scope] relative to the page; without it, the page's own
 * @returns {Promise<ServiceWorkerRegistration|null>} null where there are no workers, or this browser will not have one
 */
export async function register(scope = "./") {
  try {
    const address = addresses?.createScriptURL(WORKER) ?? WORKER;
    return (await navigator.serviceWorker?.register(address, { scope, updateViaCache: "none" })) ?? null;
  } catch (error) {
    console.info("doorward: the page will not open without its server:", error);
    return null;
  }
}

/** Whether a newer version of this page waits to be taken up. */
export class Updates {
  /** @param {() => void} changed */
  constructor(changed) {
    /** @private */ this.changed = changed;
    /** @private @type {ServiceWorker|null} */ this.worker = null;
    this.waiting = false;
  }

  async open() {
    if (!navigator.serviceWorker) return;
    navigator.serviceWorker.addEventListener("message", ({ data }) => {
      if (data === "taken") location.reload();
      if (data !== "update") return;
      this.waiting = true;
      this.changed();
    });
    const registration = await register();
    if (!registration) return;
    await navigator.serviceWorker.ready;
    this.look(registration);
    setInterval(() => this.look(registration), LOOK_EVERY_MS);
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.look(registration));
  }

  /** The person wants it now. */
  take() {
    this.worker?.postMessage("take");
  }

  /** @private @param {ServiceWorkerRegistration} registration */
  look(registration) {
    void registration.update().catch(() => undefined);
    this.worker = registration.active ?? this.worker;
    this.worker?.postMessage("look");
  }
}
