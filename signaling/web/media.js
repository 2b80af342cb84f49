/**
 * This end's sound: which devices there are, the microphone at the answer, and where the visitor's voice is heard.
 */

/**
 * @typedef {"denied"|"absent"} NoMicrophone
 * @typedef {{id: string, label: string}} Device "" as a label until the microphone was once allowed
 * @typedef {{microphones: Device[], loudspeakers: Device[]}} Devices
 */

/**
 * @param {string} [wanted] id of a microphone; if it is not there, the system's choice is taken
 * @returns {Promise<MediaStreamTrack|NoMicrophone>} the track, or why there is none
 */
export async function openMicrophone(wanted = "") {
  try {
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: {
        echoCancellation: true,
        noiseSuppression: true,
        autoGainControl: true,
        ...(wanted ? { deviceId: { ideal: wanted } } : {}),
      },
      video: false,
    });
    return stream.getAudioTracks()[0] ?? "absent";
  } catch (error) {
    const name = error instanceof DOMException ? error.name : "";
    return name === "NotFoundError" || name === "NotReadableError" || name === "OverconstrainedError" ? "absent" : "denied";
  }
}

/** @returns {Promise<Devices>} what there is to choose from, none where the browser does not tell */
export async function devices() {
  const all = (await navigator.mediaDevices?.enumerateDevices?.().catch(() => [])) ?? [];
  const of = (/** @type {string} */ kind) =>
    all.filter((one) => one.kind === kind && one.deviceId && one.deviceId !== "default" && one.deviceId !== "communications")
      .map(({ deviceId: id, label }) => ({ id, label }));
  return { microphones: of("audioinput"), loudspeakers: "setSinkId" in HTMLMediaElement.prototype ? of("audiooutput") : [] };
}

/**
 * What the phone shall think of this page's sound (Audio Session API, Safari): a call is heard on the loudspeaker and not at
 * the ear, and a ring also where the switch says silence. Elsewhere browsers do so by themselves.
 * @param {"ring"|"call"|"rest"} what
 */
export function soundIs(what) {
  const session = /** @type {any} */ (navigator).audioSession;
  if (session) session.type = { ring: "playback", call: "play-and-record", rest: "auto" }[what];
}

/**
 * Play where the person wants it; without that device, where the system does.
 * @param {HTMLMediaElement} element
 * @param {string} loudspeaker id, or ""
 */
export function playOn(element, loudspeaker) {
  if (!("setSinkId" in element) || element.sinkId === loudspeaker) return;
  element.setSinkId(loudspeaker).catch(() => undefined);
}

/**
 * Whether answering would make the browser ask for the microphone first; false where it does not tell.
 * @param {(asks: boolean) => void} told now, and whenever it changes
 */
export async function watchPermission(told) {
  try {
    const status = await navigator.permissions.query({ name: /** @type {PermissionName} */ ("microphone") });
    const tell = () => told(status.state === "prompt");
    status.addEventListener("change", tell);
    tell();
  } catch {
    told(false);
  }
}
