// After timecode.js: notes every frame of a video that is presented, and the time drawn into it, for as long as wanted.
window.watching = {
  frames: [],
  on: false,
  async start(selector) {
    const video = document.querySelector(selector);
    this.frames = [];
    this.on = true;
    if (video.mediaWatched) return;
    video.mediaWatched = true;
    const canvas = document.createElement("canvas");
    const pen = canvas.getContext("2d", { willReadFrequently: true });
    const seen = (_, { presentationTime, width, height }) => {
      video.requestVideoFrameCallback(seen);
      if (!this.on) return;
      if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
      const top = height - Math.ceil(height / 8);
      pen.drawImage(video, 0, top, width, height - top, 0, top, width, height - top);
      this.frames.push([performance.timeOrigin + presentationTime, readTimeCode(pen, width, height)]);
    };
    video.requestVideoFrameCallback(seen);
  },
  stop() {
    this.on = false;
    return this.frames;
  },
  now() {
    return performance.timeOrigin + performance.now();
  },
};
