/**
 * The very first thing that runs: an invitation's secret leaves the address bar and the history entry before any
 * other module is evaluated. It is kept here until it is taken, once.
 */

const PREFIX = "#i=";

/** @type {string|null} */
let invitation = null;

/** Move an invitation from the address to here, if there is one. */
export function sweep() {
  if (!location.hash.startsWith(PREFIX)) return;
  invitation = location.hash.slice(PREFIX.length);
  history.replaceState(null, "", location.pathname + location.search);
}

/** @returns {string|null} the invitation's text, the first time only */
export function take() {
  const taken = invitation;
  invitation = null;
  return taken;
}

sweep();
