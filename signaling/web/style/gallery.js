/**
 * The style page: every state of the page with recorded data. `?state=NAME` is one of them as the whole screen.
 */

import { DEFAULTS } from "../settings.js";
import { nameOf, TEXTS } from "../texts.js";
import { CardView } from "../view/card.js";
import { make } from "../view/dom.js";
import { askPanel, refusedPanel, welcomePanel } from "../view/invitation.js";
import { PageView } from "../view/page.js";
import { SettingsView } from "../view/settings.js";
import { cardAt, NOW, STATES } from "./states.js";

/** @typedef {import("./states.js").Recorded} Recorded @typedef {import("./states.js").RecordedDoor} RecordedDoor */

const nothing = () => undefined;
const DEEDS = {
  answer: nothing, decline: nothing, hangUp: nothing, mute: nothing, retry: nothing, look: nothing, open: nothing, picture: nothing,
  forget: nothing, volume: nothing,
};

/** @type {Map<number, Promise<MediaStreamTrack>>} */
const visitors = new Map();

/** A film of a drawn visitor. @param {number} number @returns {Promise<MediaStreamTrack>} */
function visitor(number) {
  const there = visitors.get(number);
  if (there) return there;
  const made = (async () => {
    const drawing = make("img", { src: `visitor-${number}.svg` });
    await drawing.decode();
    const canvas = make("canvas", { width: "1280", height: "720" });
    const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    setInterval(() => pen.drawImage(drawing, 0, 0, 1280, 720), 100);
    return canvas.captureStream(10).getVideoTracks()[0];
  })();
  visitors.set(number, made);
  return made;
}

/** @param {RecordedDoor} door @param {string} name @param {boolean} hold */
async function draw(door, name, hold) {
  const view = new CardView({ site: door.site, device: door.device, name, deeds: DEEDS });
  const video = door.visitor === null ? null : await visitor(door.visitor);
  const settings = { ...DEFAULTS, holdToOpen: hold };
  const update = () => view.update(cardAt(door), { video, audio: null }, { now: NOW, settings, changed: update });
  update();
  return view.element;
}

/** @param {string} name */
async function screen(name) {
  const recorded = STATES[name];
  const page = new PageView({
    settings: nothing, useHere: nothing, update: nothing, enableSound: nothing, enablePush: nothing, install: nothing, readyLater: nothing,
  });
  const names = recorded.doors.map(({ site, device }) => `${site}.${device}`);
  const elements = await Promise.all(recorded.doors.map((door, n) => draw(door, n ? names[n] : door.device, recorded.hold ?? false)));
  page.showCards(elements);
  const showing = elements.some((element) => element.classList.contains("showing"));
  const sites = [...new Set(recorded.doors.map(({ site }) => site))];
  page.update({
    sessions: sites.map((site) => ({ site, state: recorded.session ?? "online", address: "https://door.example:8443/", wrongClock: false })),
    update: false, showing,
    ready: { shown: false, dismissed: false, audible: true, push: "on", install: "done" },
    ...recorded.screen,
  });
  front(recorded, page);
  document.title = `${TEXTS.title}: ${name}`;
}

/** @param {Recorded} recorded @param {PageView} page */
function front({ panel }, page) {
  if (panel === "welcome") page.front(welcomePanel());
  if (panel === "invitation") page.front(askPanel({ site: "home", host: "door.example:8443", answerer: "alice", known: false }, nothing, nothing));
  if (panel === "refused") page.front(refusedPanel("other-operator", nothing));
  if (panel === "snapshot") document.querySelector("button.thumb")?.dispatchEvent(new MouseEvent("click", { bubbles: true }));
  if (panel !== "settings") return;
  const houses = [{ site: "home", person: "alice", host: "door.example:8443", push: /** @type {"on"} */ ("on") }];
  const devices = { microphones: [{ id: "a", label: "Headset" }], loudspeakers: [{ id: "b", label: "Headset" }] };
  const deeds = { set: nothing, push: nothing, forget: nothing, tryRing: nothing };
  new SettingsView({ settings: { ...DEFAULTS }, houses, devices, canStayAwake: true }, deeds, nothing).show();
}

async function overview() {
  const names = Object.keys(STATES);
  const sections = names.filter((name) => STATES[name].doors.length > 0).map(async (name) => {
    const { doors, hold } = STATES[name];
    const card = await draw(doors[doors.length - 1], `${name}-${doors[0].device}`, hold ?? false);
    return make("section", {}, make("h2", {}, nameOf(name)), card);
  });
  document.body.replaceChildren(make("main", { class: "gallery" },
    make("h1", {}, TEXTS.title),
    make("nav", { "aria-label": "States" }, make("ul", {}, ...names.map((name) => make("li", {}, make("a", { class: "pill", href: `?state=${name}` }, nameOf(name)))))),
    make("div", { class: "states" }, ...(await Promise.all(sections))),
  ));
}

const wanted = new URLSearchParams(location.search).get("state");
await (wanted && Object.hasOwn(STATES, wanted) ? screen(wanted) : overview());
document.documentElement.dataset.drawn = "true";
