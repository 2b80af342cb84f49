/**
 * What this page refuses or ends for a cause: said on the console, and counted in `<html data-refusals="N">`, where
 * whoever tests the page sees that something was refused and not merely ignored.
 */

const root = document.documentElement;
root.dataset.refusals ??= "0";

/**
 * @param {string} what was refused or ended
 * @param {unknown} [why] an error, or words
 * @param {(...said: unknown[]) => void} [say] on the console
 */
export function refused(what, why, say = console.warn) {
  root.dataset.refusals = String(Number(root.dataset.refusals) + 1);
  if (why === undefined) say(`doorward: ${what}`);
  else say(`doorward: ${what}:`, why instanceof Error ? why.message : why);
}
