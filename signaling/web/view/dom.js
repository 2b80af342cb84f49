/**
 * Making elements: no markup is ever parsed (trusted types), only nodes are put together.
 */

import { icon } from "./icons.js";

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

/**
 * A switch with its sentence: what is on stays on.
 * @param {string} id
 * @param {string} label
 * @param {string} text
 * @param {(on: boolean) => void} turned
 */
export function toggle(id, label, text, turned) {
  const note = make("span", { class: "small", id: `${id}-text` }, text);
  const input = make("input", {
    id, type: "checkbox", role: "switch", "aria-describedby": `${id}-text`, change: () => turned(input.checked),
  });
  const element = make("label", { class: "setting" }, make("span", { class: "words" }, make("span", {}, label), note), input);
  return {
    element,
    /** @param {boolean} on @param {string} [say] another sentence @param {boolean} [usable] */
    set(on, say, usable = true) {
      input.checked = on;
      input.disabled = !usable;
      if (say !== undefined && note.textContent !== say) note.textContent = say;
    },
  };
}

/** Change a text only if it differs, so that nothing is announced twice. @param {Element} element @param {string} text */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
  if (element instanceof HTMLElement) element.hidden = text === "";
}

/** @param {Record<string, string>} texts @param {string} code @returns {string} "" for a code without a sentence */
export function pick(texts, code) {
  return Object.hasOwn(texts, code) ? texts[code] : "";
}

/** Put these children there, in this order, touching nothing that is right already. @param {Element} parent @param {Element[]} children */
export function arrange(parent, children) {
  const same = children.length === parent.children.length && children.every((one, i) => parent.children[i] === one);
  if (!same) parent.replaceChildren(...children);
}
