/**
 * The words of this page, in the language that the browser asks for, and how it writes names, times and lengths.
 */

import { DE } from "./texts/de.js";
import { EN } from "./texts/en.js";
import { FR } from "./texts/fr.js";

/** @typedef {typeof EN} Texts what every language has to have */

/** The first is for whoever asks for none of them. @type {Texts[]} */
const LANGUAGES = [EN, DE, FR];

/** @param {readonly string[]} wanted as `navigator.languages` @returns {Texts} */
export function choose(wanted) {
  for (const tag of wanted) {
    const found = LANGUAGES.find(({ language }) => tag.toLowerCase().split("-")[0] === language);
    if (found) return found;
  }
  return LANGUAGES[0];
}

export const TEXTS = choose(navigator.languages);

document.documentElement.lang = TEXTS.language;

/** Times as this person writes them, if the browser's region speaks the page's language. */
const LOCALE = navigator.languages.find((tag) => tag.toLowerCase().startsWith(TEXTS.language)) ?? TEXTS.language;

/** @param {string} id @returns {string} an id as a person would write it: `front-door` → `Front door` */
export function nameOf(id) {
  const words = id.replaceAll("-", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** @param {number} seconds UTC @returns {string} the time of day */
export function timeOf(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString(LOCALE, { timeStyle: "short" });
}

/** @param {number} seconds UTC @param {number} now @returns {string} `Today, 14:02`, or the day in full */
export function whenOf(seconds, now) {
  const day = (/** @type {number} */ at) => new Date(at * 1000).toDateString();
  if (day(seconds) === day(now)) return TEXTS.calls.today(timeOf(seconds));
  if (day(seconds) === day(now - 86_400)) return TEXTS.calls.yesterday(timeOf(seconds));
  const date = new Date(seconds * 1000).toLocaleDateString(LOCALE, { weekday: "short", day: "numeric", month: "long" });
  return `${date}, ${timeOf(seconds)}`;
}

/** @param {number} seconds @returns {string} as `1:07` */
export function lengthOf(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** @param {string[]} names @returns {string} as `Bob, Carol and Dave` */
export function listOf(names) {
  return new Intl.ListFormat(LOCALE, { type: "conjunction" }).format(names);
}
