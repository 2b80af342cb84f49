/**
 * Coming closer to a picture: with two fingers, the wheel, a double tap, or + − 0 and the arrows.
 */

const CLOSEST = 6;
const STEP = 1.4;
const DOUBLE = 2.5;
const PAN_PX = 60;

/**
 * @typedef {{scale: number, x: number, y: number}} View the picture enlarged about its middle, then moved, pixels
 * @typedef {{width: number, height: number}} Size
 */

/** @type {Readonly<View>} */
export const WHOLE = Object.freeze({ scale: 1, x: 0, y: 0 });

/**
 * Enlarge by `factor`, so that what is at the point stays there; never so far that there is ground beside the picture.
 * @param {View} view
 * @param {number} factor
 * @param {{x: number, y: number}} point from the middle, pixels
 * @param {Size} size
 * @returns {View}
 */
export function enlarge(view, factor, point, size) {
  const scale = Math.min(CLOSEST, Math.max(1, view.scale * factor));
  const grown = scale / view.scale;
  return move({ scale, x: point.x - (point.x - view.x) * grown, y: point.y - (point.y - view.y) * grown }, { x: 0, y: 0 }, size);
}

/** @param {View} view @param {{x: number, y: number}} by pixels @param {Size} size @returns {View} */
export function move({ scale, x, y }, by, { width, height }) {
  const most = { x: (width * (scale - 1)) / 2, y: (height * (scale - 1)) / 2 };
  const within = (/** @type {number} */ value, /** @type {number} */ limit) => Math.min(limit, Math.max(-limit, value)) || 0;
  return { scale, x: within(x + by.x, most.x), y: within(y + by.y, most.y) };
}

/** Lets `frame` be used to come closer to `picture`. */
export class Zoom {
  /** @param {HTMLElement} frame @param {HTMLElement} picture @param {() => void} changed */
  constructor(frame, picture, changed) {
    /** @private */ this.frame = frame;
    /** @private */ this.picture = picture;
    /** @private */ this.changed = changed;
    /** @private @type {View} */ this.view = WHOLE;
    /** @private @type {Map<number, {x: number, y: number}>} */ this.fingers = new Map();
    frame.addEventListener("pointerdown", (event) => this.down(event));
    frame.addEventListener("pointermove", (event) => this.moved(event));
    for (const end of /** @type {const} */ (["pointerup", "pointercancel", "lostpointercapture"])) {
      frame.addEventListener(end, (event) => this.fingers.delete(event.pointerId));
    }
    frame.addEventListener("dblclick", (event) => this.show(this.closer ? WHOLE : enlarge(this.view, DOUBLE, this.at(event), this.size)));
    frame.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.show(enlarge(this.view, Math.exp(-event.deltaY / 300), this.at(event), this.size));
    }, { passive: false });
    frame.addEventListener("keydown", (event) => this.key(event));
  }

  /** Whether less than the whole picture is seen. */
  get closer() {
    return this.view.scale > 1;
  }

  /** The whole picture again. */
  reset() {
    this.show(WHOLE);
  }

  /** @private @returns {Size} */
  get size() {
    return { width: this.frame.clientWidth, height: this.frame.clientHeight };
  }

  /** @private @param {{clientX: number, clientY: number}} event @returns {{x: number, y: number}} from the middle */
  at({ clientX, clientY }) {
    const { left, top, width, height } = this.frame.getBoundingClientRect();
    return { x: clientX - left - width / 2, y: clientY - top - height / 2 };
  }

  /** @private @param {View} view */
  show(view) {
    this.view = view;
    this.picture.style.transform = this.closer ? `translate(${view.x}px, ${view.y}px) scale(${view.scale})` : "";
    this.frame.classList.toggle("closer", this.closer);
    this.changed();
  }

  /** @private @param {PointerEvent} event */
  down(event) {
    if (event.target instanceof Element && event.target.closest("button, input")) return;
    this.fingers.set(event.pointerId, this.at(event));
    this.frame.setPointerCapture(event.pointerId);
  }

  /** @private @param {PointerEvent} event */
  moved(event) {
    const before = this.fingers.get(event.pointerId);
    if (!before) return;
    const now = this.at(event);
    const other = [...this.fingers].find(([id]) => id !== event.pointerId)?.[1];
    this.fingers.set(event.pointerId, now);
    if (!other) {
      if (this.closer) this.show(move(this.view, { x: now.x - before.x, y: now.y - before.y }, this.size));
      return;
    }
    const apart = (/** @type {{x: number, y: number}} */ one) => Math.hypot(one.x - other.x, one.y - other.y) || 1;
    const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
    const closer = enlarge(this.view, apart(now) / apart(before), middle, this.size);
    this.show(move(closer, { x: (now.x - before.x) / 2, y: (now.y - before.y) / 2 }, this.size));
  }

  /** @private @param {KeyboardEvent} event */
  key(event) {
    if (event.target !== this.frame || event.ctrlKey || event.metaKey || event.altKey) return;
    const middle = { x: 0, y: 0 };
    /** @type {Record<string, () => View>} */
    const deeds = {
      "+": () => enlarge(this.view, STEP, middle, this.size),
      "=": () => enlarge(this.view, STEP, middle, this.size),
      "-": () => enlarge(this.view, 1 / STEP, middle, this.size),
      0: () => WHOLE,
      ArrowLeft: () => move(this.view, { x: PAN_PX, y: 0 }, this.size),
      ArrowRight: () => move(this.view, { x: -PAN_PX, y: 0 }, this.size),
      ArrowUp: () => move(this.view, { x: 0, y: PAN_PX }, this.size),
      ArrowDown: () => move(this.view, { x: 0, y: -PAN_PX }, this.size),
    };
    if (!Object.hasOwn(deeds, event.key)) return;
    event.preventDefault();
    this.show(deeds[event.key]());
  }
}
