/**
 * What this browser keeps (IndexedDB): per site its roster key and this person's key, per door the newest roster ever
 * accepted, and the highest time ever seen. Serials, sequences and times only rise (protocol section 8, rules 2, 5, 16).
 */

import { LONGEST_CHAIN } from "./roster_key.js";

/**
 * @typedef {import("./jws.js").PublicJwk} PublicJwk
 * @typedef {{site: string, answerer: string, key: CryptoKey, jwk: PublicJwk, thumbprint: string, rosterKey: PublicJwk,
 *   sequence: number, successions: string[], signaling: string, host: string}} KnownSite
 *   `rosterKey` is the one believed now; `successions` led to it from the invitation's, and `sequence` is the last one's
 * @typedef {{site: string, device: string, serial: number, digest: string|null, jws: string|null,
 *   rosterKey: PublicJwk|null}} KeptRoster `rosterKey` is the one by which `jws` was believed; both null for a mere floor
 */

/** 2 added `sequence`, `successions` and the rosters' `rosterKey`. */
const VERSION = 2;

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
    request.onupgradeneeded = ({ oldVersion }) => {
      const { result: database, transaction } = request;
      if (oldVersion === 1 && transaction) {
        void upgrade(transaction).catch(() => transaction.abort());
        return;
      }
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
    const { sequence, successions } = known ?? { sequence: 0, successions: [] };
    change.objectStore("sites").put({ ...site, sequence, successions });
    for (const [device, serial] of Object.entries(serials)) {
      /** @type {KeptRoster|undefined} */
      const kept = await settled(change.objectStore("rosters").get([site.site, device]));
      if (!kept || kept.serial < serial) {
        change.objectStore("rosters").put({ site: site.site, device, serial, digest: null, jws: null, rosterKey: null });
      }
    }
    await finished;
  }

  /**
   * Forget a site, its keys and rosters: the person wants it. What was pinned is forgotten with it.
   * @param {string} site
   * @returns {Promise<void>}
   */
  async forget(site) {
    const change = this.database.transaction(["sites", "rosters"], "readwrite", { durability: "strict" });
    change.objectStore("sites").delete(site);
    change.objectStore("rosters").delete(IDBKeyRange.bound([site], [site, []]));
    await completed(change);
  }

  /** @param {string} site @returns {Promise<KeptRoster[]>} */
  async rosters(site) {
    const range = IDBKeyRange.bound([site], [site, []]);
    return settled(this.database.transaction("rosters").objectStore("rosters").getAll(range));
  }

  /**
   * Keep an admitted roster; one with a lower serial than is kept changes nothing (another tab was faster).
   * @param {import("./roster.js").SignedRoster} signed
   * @param {PublicJwk} rosterKey by which it was verified
   * @returns {Promise<void>}
   */
  async keepRoster({ roster, digest, jws }, rosterKey) {
    const { site, device, serial } = roster;
    const change = this.database.transaction("rosters", "readwrite", { durability: "strict" });
    const finished = completed(change);
    /** @type {KeptRoster|undefined} */
    const kept = await settled(change.objectStore("rosters").get([site, device]));
    if (!kept || kept.serial <= serial) change.objectStore("rosters").put({ site, device, serial, digest, jws, rosterKey });
    await finished;
  }

  /**
   * Believe a successor of the roster key from now on; nothing changes if a later one is (another tab was faster).
   * @param {string} site
   * @param {import("./roster_key.js").Believed} next
   * @param {string} jws that introduced it
   * @returns {Promise<void>}
   */
  async keepRosterKey(site, { jwk, sequence }, jws) {
    const change = this.database.transaction("sites", "readwrite", { durability: "strict" });
    const finished = completed(change);
    /** @type {KnownSite|undefined} */
    const known = await settled(change.objectStore("sites").get(site));
    if (known && known.sequence < sequence) {
      const successions = [...known.successions, jws].slice(-LONGEST_CHAIN);
      change.objectStore("sites").put({ ...known, rosterKey: jwk, sequence, successions });
    }
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
 * From version 1: no key had a successor, so each roster was believed by its site's.
 * @param {IDBTransaction} change
 */
async function upgrade(change) {
  const [sites, rosters] = [change.objectStore("sites"), change.objectStore("rosters")];
  const known = await settled(sites.getAll());
  for (const site of known) sites.put({ ...site, sequence: 0, successions: [] });
  for (const roster of await settled(rosters.getAll())) {
    const rosterKey = roster.jws === null ? null : (known.find(({ site }) => site === roster.site)?.rosterKey ?? null);
    rosters.put({ ...roster, rosterKey });
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
