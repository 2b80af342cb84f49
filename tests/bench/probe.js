// Runs in the page before its own scripts, after timecode.js: notes every frame that is presented while a
// measurement is armed, with the time drawn into it. It asks for nothing that the page does not ask for itself.
window.bench = {
  device: null,
  frames: [],
  // Forget what was seen; note the frames of this device's picture from now on.
  arm(device) {
    this.device = device;
    this.frames = [];
    this.watch(document.querySelector(`video[data-device="${device}"]`));
  },
  disarm() {
    this.device = null;
    return this.frames;
  },
  now() {
    return performance.timeOrigin + performance.now();
  },
  watch(video) {
    if (video.watched) return;
    video.watched = true;
    const canvas = document.createElement("canvas");
    const pen = canvas.getContext("2d", { willReadFrequently: true });
    const seen = (_, { presentationTime, width, height, receiveTime, processingDuration }) => {
      video.requestVideoFrameCallback(seen);
      if (this.device !== video.dataset.device || this.frames.length >= 30) return;
      if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
      const top = height - Math.ceil(height / 8);
      pen.drawImage(video, 0, top, width, height - top, 0, top, width, height - top);
      this.frames.push({
        at: performance.timeOrigin + presentationTime,
        drawn: readTimeCode(pen, width, height),
        received: receiveTime === undefined ? null : performance.timeOrigin + receiveTime,
        decoding: processingDuration === undefined ? null : processingDuration * 1000,
      });
    };
    video.requestVideoFrameCallback(seen);
  },
};
