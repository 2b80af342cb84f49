/**
 * The way to the home screen, where there is one.
 */

/** @typedef {"done"|"offer"|"how"|"ios"} InstallState as view/ready.js draws it */

/** @returns {boolean} whether this page was opened from the home screen */
export function installed() {
  const standalone = matchMedia("(display-mode: standalone), (display-mode: fullscreen), (display-mode: minimal-ui)").matches;
  return standalone || /** @type {any} */ (navigator).standalone === true;
}

/** @returns {boolean} an iPhone or iPad: only installed pages get notifications there (an iPad says it is a Mac, with touch) */
export function onIos() {
  return /iPhone|iPad|iPod/.test(navigator.userAgent) || (navigator.userAgent.includes("Macintosh") && navigator.maxTouchPoints > 1);
}

/** Keeps the browser's own offer until the person takes it. */
export class Install {
  /** @param {() => void} changed */
  constructor(changed) {
    /** @private @type {any} */ this.offer = null;
    addEventListener("beforeinstallprompt", (event) => {
      event.preventDefault();
      this.offer = event;
      changed();
    });
    addEventListener("appinstalled", () => {
      this.offer = null;
      changed();
    });
  }

  /** @returns {InstallState} */
  get state() {
    if (installed()) return "done";
    return this.offer ? "offer" : onIos() ? "ios" : "how";
  }

  /** Call within a gesture. */
  async take() {
    const { offer } = this;
    this.offer = null;
    await offer?.prompt();
  }
}
