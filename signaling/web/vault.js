/**
 * What this browser keeps (IndexedDB): per site its pinned roster key and this person's key, per door the newest
 * roster ever accepted, and the highest time ever seen. Serials and times only rise (protocol section 8, rules 2, 5).
 */

/**
 * @typedef {import("./jws.js").PublicJwk} PublicJwk
 * @typedef {{site: string, answerer: string, key: CryptoKey, jwk: PublicJwk, thumbprint: string, rosterKey: PublicJwk,
 *   signaling: string, host: string}} KnownSite
 * @typedef {{site: string, device: string, serial: number, digest: string|null, jws: string|null}} KeptRoster
 */

const VERSION = 1;

/** The browser's store, opened once. */
export class Vault {
  /** @param {IDBDatabase} database */
  constructor(database) {
    /** @private */
    this.database = database;
  }

  /**
   * @param {string} [name]
   * @returns {Promise<Vault>} Error if this browser keeps nothing (private windows of some)
   */
  static async open(name = "doorward") {
    const request = indexedDB.open(name, VERSION);
    request.onupgradeneeded = () => {
      const database = request.result;
      database.createObjectStore("sites", { keyPath: "site" });
      database.createObjectStore("rosters", { keyPath: ["site", "device"] });
      database.createObjectStore("clock");
    };
    const database = await settled(request);
    database.onversionchange = () => database.close();
    return new Vault(database);
  }

  /** @returns {Promise<KnownSite[]>} */
  async sites() {
    return settled(this.database.transaction("sites").objectStore("sites").getAll());
  }

  /** @param {string} site @returns {Promise<KnownSite|null>} */
  async site(site) {
    return (await settled(this.database.transaction("sites").objectStore("sites").get(site))) ?? null;
  }

  /**
   * Take up an invitation the person has confirmed, all of it or nothing. What is pinned stays pinned: an
   * invitation that would change it is an error here too, whoever called.
   * @param {import("./invitation.js").Invitation} invitation
   * @returns {Promise<void>}
   */
  async accept(invitation) {
    const { serials, ...site } = invitation;
    const change = this.database.transaction(["sites", "rosters"], "readwrite", { durability: "strict" });
    const finished = completed(change);
    finished.catch(() => undefined);
    /** @type {KnownSite|undefined} */
    const known = await settled(change.objectStore("sites").get(site.site));
    if (known && (known.rosterKey.x !== site.rosterKey.x || known.rosterKey.y !== site.rosterKey.y || known.answerer !== site.answerer)) {
      change.abort();
      throw new Error("an invitation never replaces what is pinned");
    }
    change.objectStore("sites").put(site);
    for (const [device, serial] of Object.entries(serials)) {
      /** @type {KeptRoster|undefined} */
      const kept = await settled(change.objectStore("rosters").get([site.site, device]));
      if (!kept || kept.serial < serial) {
        change.objectStore("rosters").put({ site: site.site, device, serial, digest: null, jws: null });
      }
    }
    await finished;
  }

  /** @param {string} site @returns {Promise<KeptRoster[]>} */
  async rosters(site) {
    const range = IDBKeyRange.bound([site], [site, []]);
    return settled(this.database.transaction("rosters").objectStore("rosters").getAll(range));
  }

  /**
   * Keep an admitted roster; one with a lower serial than is kept changes nothing (another tab was faster).
   * @param {import("./roster.js").SignedRoster} signed
   * @returns {Promise<void>}
   */
  async keepRoster({ roster, digest, jws }) {
    const { site, device, serial } = roster;
    const change = this.database.transaction("rosters", "readwrite", { durability: "strict" });
    const finished = completed(change);
    /** @type {KeptRoster|undefined} */
    const kept = await settled(change.objectStore("rosters").get([site, device]));
    if (!kept || kept.serial <= serial) change.objectStore("rosters").put({ site, device, serial, digest, jws });
    await finished;
  }

  /** @returns {Promise<number>} the highest time ever kept, seconds UTC; 0 at first */
  async time() {
    return (await settled(this.database.transaction("clock").objectStore("clock").get("highest"))) ?? 0;
  }

  /** @param {number} seconds @returns {Promise<void>} */
  async keepTime(seconds) {
    const change = this.database.transaction("clock", "readwrite");
    const finished = completed(change);
    const store = change.objectStore("clock");
    if (((await settled(store.get("highest"))) ?? 0) < seconds) store.put(seconds, "highest");
    await finished;
  }
}

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** @param {IDBTransaction} transaction @returns {Promise<void>} */
function completed(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new Error("the change was taken back"));
    transaction.onerror = () => reject(transaction.error);
  });
}
