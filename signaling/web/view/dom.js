/**
 * Making elements: no markup is ever parsed (trusted types), only nodes are put together.
 */

const SVG = "http://www.w3.org/2000/svg";

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string|boolean|((event: Event) => void)>} [attributes] functions listen; true sets, false leaves out
 * @param {...(Node|string)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/** 24×24, drawn with the text's colour. @type {Record<string, string[]>} */
const PATHS = {
  answer: [
    "M5 4h3.500l1.500 4.500-2 1.500a11 11 0 0 0 6 6l1.500-2 4.500 1.500V19a2 2 0 0 1-2 2A15 15 0 0 1 3 6a2 2 0 0 1 2-2z",
  ],
  hangUp: ["M3.500 14.500c0-5 17-5 17 0v1.500a1.500 1.500 0 0 1-1.500 1.500h-2.500A1.500 1.500 0 0 1 15 16v-1.800a15 15 0 0 0-6 0V16a1.500 1.500 0 0 1-1.500 1.500H5A1.500 1.500 0 0 1 3.500 16z"],
  decline: ["M6 6l12 12", "M18 6L6 18"],
  open: ["M6 21V5a2 2 0 0 1 2-2h8a2 2 0 0 1 2 2v16", "M3.500 21h17", "M14.500 12v1.500"],
  look: ["M2.500 12S6 5.500 12 5.500 21.500 12 21.500 12 18 18.500 12 18.500 2.500 12 2.500 12z", "M12 9.200a2.800 2.800 0 1 1 0 5.600 2.800 2.800 0 0 1 0-5.600z"],
  mute: ["M12 3a3 3 0 0 0-3 3v5a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3z", "M5.500 11a6.500 6.500 0 0 0 13 0", "M12 17.500V21"],
  unmute: ["M9 9.500V11a3 3 0 0 0 4.600 2.500M15 10.500V6a3 3 0 0 0-5.700-1.300", "M5.500 11a6.500 6.500 0 0 0 10.400 5.200M18 13.500a6.500 6.500 0 0 0 .5-2.500", "M12 17.500V21", "M4 3l16 18"],
  shield: ["M12 3l7.500 3v5.500c0 4.500-3 8-7.500 9.500-4.500-1.500-7.500-5-7.500-9.500V6z", "M12 8.500v4", "M12 15.800v.2"],
  bell: ["M6 16.500V11a6 6 0 0 1 12 0v5.500l1.500 1.500h-15z", "M10 20.500a2.200 2.200 0 0 0 4 0"],
};

/** @param {string} name @returns {SVGSVGElement} decoration: hidden from assistive technology */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("icon");
  for (const d of PATHS[name]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}

/**
 * A button with an icon and a label that may change.
 * @param {string} id
 * @param {string} look CSS class
 * @param {string} symbol
 * @param {string} label
 * @param {() => void} pressed
 */
export function button(id, look, symbol, label, pressed) {
  const text = make("span", { class: "label" }, label);
  const element = make("button", { id, type: "button", class: `action ${look}`, click: pressed }, icon(symbol), text);
  return {
    element,
    /** @param {{shown: boolean, busy: boolean, label?: string, symbol?: string, pressed?: boolean}} now */
    set(now) {
      element.hidden = !now.shown;
      element.setAttribute("aria-busy", String(now.busy));
      if (now.label !== undefined && text.textContent !== now.label) text.textContent = now.label;
      if (now.pressed !== undefined) element.setAttribute("aria-pressed", String(now.pressed));
      if (now.symbol !== undefined && now.symbol !== symbol) {
        symbol = now.symbol;
        element.querySelector("svg")?.replaceWith(icon(symbol));
      }
    },
  };
}

/** Change a text only if it differs, so that nothing is announced twice. @param {Element} element @param {string} text */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
  if (element instanceof HTMLElement) element.hidden = text === "";
}
