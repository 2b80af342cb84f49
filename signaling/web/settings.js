/**
 * What the person likes, on this browser: none of it is secret, all of it has a default.
 */

const KEY = "doorward-settings";

/**
 * @typedef {{holdToOpen: boolean, ringSound: boolean, keepAwake: boolean, microphone: string, loudspeaker: string,
 *   volume: number, readyDismissed: boolean}} Settings
 *   devices by id, "" for the system's choice; `volume` 0…1
 */

/** @type {Readonly<Settings>} */
export const DEFAULTS = Object.freeze({
  holdToOpen: false, ringSound: true, keepAwake: false, microphone: "", loudspeaker: "", volume: 1, readyDismissed: false,
});

/**
 * Settings out of whatever was kept: what is missing or of another kind has its default.
 * @param {string|null} text
 * @returns {Settings}
 */
export function parse(text) {
  let kept;
  try {
    kept = JSON.parse(text ?? "{}");
  } catch {
    kept = {};
  }
  const given = Object.entries(DEFAULTS).map(([name, standard]) => {
    const value = kept?.[name];
    return [name, typeof value === typeof standard ? value : standard];
  });
  const settings = Object.fromEntries(given);
  return { ...settings, volume: Math.min(1, Math.max(0, settings.volume)) };
}

/** The settings in force, kept as they change; other windows of the page follow. */
export class Preferences {
  /** @param {() => void} changed */
  constructor(changed) {
    /** @private */ this.changed = changed;
    /** @type {Settings} */ this.now = parse(read());
    addEventListener("storage", ({ key, newValue }) => {
      if (key !== KEY) return;
      this.now = parse(newValue);
      changed();
    });
  }

  /** @param {Partial<Settings>} change */
  set(change) {
    this.now = { ...this.now, ...change };
    try {
      localStorage.setItem(KEY, JSON.stringify(this.now));
    } catch (error) {
      console.info("doorward: settings hold until the page is closed:", error);
    }
    this.changed();
  }
}

/** @returns {string|null} */
function read() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}
