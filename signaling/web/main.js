/**
 * Starts the answering page, or says in one sentence why it cannot run here.
 */

import { App } from "./app.js";
import { Clock } from "./clock.js";
import { refused } from "./refusals.js";
import { TEXTS } from "./texts.js";
import { Vault } from "./vault.js";
import { make } from "./view/dom.js";

async function start() {
  // A page without headers cannot forbid to be framed, and in a frame a click could open the door unseen.
  if (window.top !== window) {
    refused("to run in a frame of another page");
    return sayOnly(TEXTS.framed);
  }
  if (!isSecureContext || !globalThis.RTCPeerConnection || !globalThis.indexedDB || !Promise.withResolvers) {
    return sayOnly(TEXTS.broken);
  }
  let vault;
  try {
    vault = await Vault.open();
  } catch {
    return sayOnly(TEXTS.invitation.refused.storage);
  }
  const kept = vault;
  const clock = new Clock(await kept.time(), (seconds) => kept.keepTime(seconds));
  clock.run();
  await new App(kept, clock).open();
}

/** @param {string} text */
function sayOnly(text) {
  document.body.replaceChildren(make("main", { class: "plain" }, make("p", { role: "alert" }, text)));
}

void start();
