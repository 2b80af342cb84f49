/**
 * The last calls of one door, with their pictures: asked of the door itself, kept only while the page is open.
 */

import { Refused } from "./errors.js";
import { refused } from "./refusals.js";

/** Pictures that are fetched without being asked for. */
const SHOWN = 4;

/** Pictures held at a time: a tablet on the wall stays for months. */
const MOST_PICTURES = 40;

/**
 * @typedef {{call: string, button: string, at: number, outcome: "answered"|"missed"|"declined"|"failed",
 *   answered_by: string|null, snapshot: boolean}} Call as section 5 has it
 * @typedef {{history: () => Promise<Call[]>, snapshot: (call: string) => Promise<Blob>}} Source a link
 */

/** What is known of them; `refresh` asks anew. */
export class Calls {
  /** @param {() => void} changed */
  constructor(changed) {
    /** @private */ this.changed = changed;
    /** @type {Call[]|null} newest first; null until the door has told */ this.list = null;
    /** @private @type {Map<string, string>} object URLs by call, oldest first */ this.pictures = new Map();
    /** @private @type {Promise<void>} one question after the other */ this.asking = Promise.resolve();
    /** @private */ this.due = false;
  }

  /** @param {string} call @returns {string|null} a URL for `img` */
  picture(call) {
    return this.pictures.get(call) ?? null;
  }

  /** Ask for the list, and for the pictures at its head. @param {Source} source */
  refresh(source) {
    if (this.due) return;
    this.due = true;
    this.later(async () => {
      this.due = false;
      const list = await source.history();
      this.list = [...list].sort((one, other) => other.at - one.at);
      this.forgetAllBut(new Set(list.map(({ call }) => call)));
      this.changed();
      for (const { call, snapshot } of this.list.slice(0, SHOWN)) if (snapshot) this.fetch(source, call);
    });
  }

  /** @param {Source} source @param {string} call */
  fetch(source, call) {
    if (this.pictures.has(call)) return;
    this.later(async () => {
      if (this.pictures.has(call) || !this.list?.some((one) => one.call === call && one.snapshot)) return;
      const url = URL.createObjectURL(await source.snapshot(call));
      this.pictures.set(call, url);
      if (this.pictures.size > MOST_PICTURES) this.drop([...this.pictures.keys()][0]);
      this.changed();
    });
  }

  /** Nothing of it is left: the person no longer has access, or the house is forgotten. */
  clear() {
    this.list = null;
    this.forgetAllBut(new Set());
  }

  /** @private @param {Set<string>} calls */
  forgetAllBut(calls) {
    for (const call of [...this.pictures.keys()]) if (!calls.has(call)) this.drop(call);
  }

  /** @private @param {string} call */
  drop(call) {
    URL.revokeObjectURL(this.pictures.get(call) ?? "");
    this.pictures.delete(call);
  }

  /** @private @param {() => Promise<void>} work */
  later(work) {
    this.asking = this.asking.then(work).catch((error) => {
      this.due = false;
      // A door that refuses, or a link that ended meanwhile: the next state or link asks again.
      if (!(error instanceof Refused)) refused("the last calls", error);
    });
  }
}
