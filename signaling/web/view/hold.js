/**
 * A button that means it: where the person wants it so, it does its deed only when it is held for a second.
 */

/** How long; style.css fills the button over the same time. */
export const HOLD_MS = 900;

/** For who cannot hold (a screen reader presses for its person): the same press again within this time. */
const AGAIN_MS = 4_000;

/**
 * @param {HTMLButtonElement} button
 * @param {() => boolean} wanted whether it must be held
 * @param {() => void} deed
 */
export function holdable(button, wanted, deed) {
  /** @type {number|undefined} */ let timer;
  /** @type {number|undefined} */ let again;
  const stop = () => {
    clearTimeout(timer);
    timer = undefined;
    delete button.dataset.held;
  };
  const start = () => {
    stop();
    if (!wanted() || button.getAttribute("aria-busy") === "true") return;
    button.dataset.held = "true";
    timer = setTimeout(() => {
      stop();
      deed();
    }, HOLD_MS);
  };
  const rest = () => {
    clearTimeout(again);
    again = undefined;
    delete button.dataset.again;
  };
  button.addEventListener("pointerdown", (event) => event.button === 0 && start());
  for (const end of ["pointerup", "pointerleave", "pointercancel", "blur"]) button.addEventListener(end, stop);
  button.addEventListener("contextmenu", (event) => wanted() && event.preventDefault());
  button.addEventListener("keydown", (event) => {
    if (!wanted() || (event.key !== " " && event.key !== "Enter")) return;
    event.preventDefault(); // no click: the key is held, like a finger
    if (!event.repeat) start();
  });
  button.addEventListener("keyup", stop);
  button.addEventListener("click", (event) => {
    if (!wanted()) return deed();
    if (event.detail !== 0) return; // a finger or a mouse that did not hold long enough
    if (again !== undefined) {
      rest();
      return deed();
    }
    button.dataset.again = "true";
    again = setTimeout(rest, AGAIN_MS);
  });
}
