/**
 * The service worker: keeps the page's files, so that it opens without its server, and wakes the person when a door rings.
 *
 * The kept files are one generation, `shell.json`, verified by digest and complete or not there: modules of two versions
 * never meet. A newer one is fetched beside it, and taken up when a page says so, or when none is open any more.
 */

const scope = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));

const FORMAT = 1;
const PREFIX = `doorward-shell-${FORMAT}-`;
const NOTES = "doorward-notes";
/** A kept answer that says which generation is in use, and which waits. */
const GENERATIONS = "generations";
/** Where the words of a push are kept, by site, in the person's language (push.js). */
const WORDS = "words-";
const PUSH_SCOPE = /\/push\/([a-z0-9-]{1,32})\/$/;

/** A registration per site has a push subscription of its own; only the page's own one keeps files. */
const site = PUSH_SCOPE.exec(scope.registration.scope)?.[1] ?? null;
const ROOT = new URL("./", scope.location.href).href;

/** @typedef {{inUse: string|null, waiting: string|null}} Generations versions */

scope.addEventListener("install", (event) => event.waitUntil(Promise.all([site ? null : look(), scope.skipWaiting()])));
scope.addEventListener("activate", (event) => event.waitUntil(scope.clients.claim()));

scope.addEventListener("fetch", (event) => {
  const { request } = event;
  if (site || request.method !== "GET" || request.cache === "no-store" || !request.url.startsWith(ROOT)) return;
  if (request.mode === "navigate") event.waitUntil(look().catch(() => undefined));
  event.respondWith(kept(request));
});

scope.addEventListener("message", (event) => {
  if (event.data === "look") event.waitUntil(look().catch(() => undefined));
  if (event.data === "take") event.waitUntil(take());
});

/**
 * From what is kept, or from the server.
 * @param {Request} request
 * @returns {Promise<Response>}
 */
async function kept(request) {
  const { inUse } = request.mode === "navigate" ? await takeIfAlone() : await generations();
  const path = new URL(request.url);
  path.search = path.hash = "";
  const found = inUse && (await (await caches.open(PREFIX + inUse)).match(path.href));
  return found || fetch(request);
}

/** Whether there is a newer generation: fetch all of it, verified, or nothing. */
async function look() {
  const answer = await fetch(new URL("shell.json", ROOT), { cache: "no-store", credentials: "omit" });
  if (!answer.ok) return;
  const { version, files } = await answer.json();
  const now = await generations();
  if (typeof version !== "string" || version === now.inUse) return;
  if (version === now.waiting) return tell();
  const cache = await caches.open(PREFIX + version);
  await Promise.all(
    Object.entries(files).map(async ([name, integrity]) => {
      const fetched = await fetch(new URL(name, ROOT), { cache: "no-cache", credentials: "omit", integrity });
      if (!fetched.ok) throw new Error(`${name}: ${fetched.status}`);
      if (name === "index.html") await cache.put(ROOT, fetched.clone());
      await cache.put(new URL(name, ROOT), fetched);
    }),
  );
  await note({ inUse: now.inUse ?? version, waiting: now.inUse ? version : null });
  if (now.inUse) await tell();
}

/** Pages that are open may offer the newer generation to whoever sits before them. */
async function tell() {
  for (const client of await scope.clients.matchAll({ includeUncontrolled: true, type: "window" })) {
    client.postMessage("update");
  }
}

/** The waiting generation becomes the one in use; pages load themselves again. @returns {Promise<Generations>} */
async function take() {
  const { inUse, waiting } = await generations();
  const now = { inUse: waiting ?? inUse, waiting: null };
  await note(now);
  for (const name of await caches.keys()) {
    if (name.startsWith("doorward-shell-") && name !== PREFIX + now.inUse) await caches.delete(name);
  }
  for (const client of await scope.clients.matchAll({ includeUncontrolled: true, type: "window" })) {
    client.postMessage("taken");
  }
  return now;
}

/** A page is about to open; if it is the only one, it may as well be of the newer generation. @returns {Promise<Generations>} */
async function takeIfAlone() {
  const now = await generations();
  const open = await scope.clients.matchAll({ includeUncontrolled: true, type: "window" });
  return now.waiting && open.length === 0 ? take() : now;
}

/** @returns {Promise<Generations>} */
async function generations() {
  const written = await (await caches.open(NOTES)).match(new URL(GENERATIONS, ROOT));
  return written ? written.json() : { inUse: null, waiting: null };
}

/** @param {Generations} now */
async function note(now) {
  await (await caches.open(NOTES)).put(new URL(GENERATIONS, ROOT), new Response(JSON.stringify(now)));
}

// A door rings while no page is open

scope.addEventListener("push", (event) => event.waitUntil(rung(event.data)));
scope.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(show(event.notification.data?.door ?? ""));
});
// The browser has replaced the subscription: the server hears of the new one as soon as a page is open.
scope.addEventListener("pushsubscriptionchange", (event) => {
  const { oldSubscription } = /** @type {any} */ (event);
  const options = oldSubscription?.options;
  if (options) /** @type {any} */ (event).waitUntil(scope.registration.pushManager.subscribe(options));
});

/**
 * A hint and no more (protocol section 8, rule 15): who is there, the door says over its own link.
 * @param {PushMessageData|null} data
 */
async function rung(data) {
  const { device, call, ringing } = data?.json() ?? {};
  const written = await (await caches.open(NOTES)).match(new URL(`${WORDS}${site}`, ROOT));
  const words = written ? await written.json() : { doors: {}, tap: "", endedText: "" };
  const door = Object.hasOwn(words.doors, device) ? words.doors[device] : { ringing: "Doorward", ended: "Doorward" };
  /** @type {any} */
  const options = {
    tag: String(call),
    renotify: ringing === true,
    requireInteraction: ringing === true,
    silent: ringing !== true,
    body: ringing ? words.tap : words.endedText,
    icon: new URL("icons/192.png", ROOT).href,
    badge: new URL("icons/badge.png", ROOT).href,
    data: { door: `${site}.${device}` },
  };
  if (ringing) options.vibrate = [300, 150, 300, 150, 300];
  // The withdrawal takes the ring's place: the tag is the same. Every push has to be seen, or browsers take the right away.
  await scope.registration.showNotification(ringing ? door.ringing : door.ended, options);
}

/** Straight to the door that rang. @param {string} door */
async function show(door) {
  const [open] = await scope.clients.matchAll({ includeUncontrolled: true, type: "window" });
  if (open) {
    open.postMessage(`door ${door}`);
    await open.focus();
  } else {
    await scope.clients.openWindow(`${ROOT}#door=${door}`);
  }
}
