/**
 * This end's microphone: asked for at the answer, given back at the end.
 */

/** @typedef {"denied"|"absent"} NoMicrophone */

/**
 * @returns {Promise<MediaStreamTrack|NoMicrophone>} the track, or why there is none
 */
export async function openMicrophone() {
  try {
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
      video: false,
    });
    return stream.getAudioTracks()[0] ?? "absent";
  } catch (error) {
    const name = error instanceof DOMException ? error.name : "";
    return name === "NotFoundError" || name === "NotReadableError" || name === "OverconstrainedError" ? "absent" : "denied";
  }
}
