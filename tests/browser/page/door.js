// A door station played by a browser: moving picture, tone, and the protocol's control channel, all scriptable.

const MID = "urn:ietf:params:rtp-hdrext:sdes:mid";

export class FakeDoor {
  heard = [];
  channelOpen = false;
  candidates = [];

  async open() {
    const certificate = await RTCPeerConnection.generateCertificate({ name: "ECDSA", namedCurve: "P-256" });
    this.pc = new RTCPeerConnection({ iceServers: [], certificates: [certificate], bundlePolicy: "max-bundle" });
    this.canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 360 });
    const paint = this.canvas.getContext("2d");
    let n = 0;
    setInterval(() => {
      n += 1;
      paint.fillStyle = `hsl(${(n * 3) % 360} 60% 45%)`;
      paint.fillRect(0, 0, 640, 360);
      paint.fillStyle = "#fff";
      paint.fillRect((n * 7) % 600, 150, 40, 60);
    }, 33);
    this.videoTrack = this.canvas.captureStream(30).getVideoTracks()[0];
    const audio = new AudioContext();
    const tone = new OscillatorNode(audio, { frequency: 440 });
    const out = audio.createMediaStreamDestination();
    tone.connect(out);
    tone.start();
    this.audioTrack = out.stream.getAudioTracks()[0];
    this.video = this.pc.addTransceiver("video", { direction: "sendonly" });
    const codecs = RTCRtpSender.getCapabilities("video").codecs;
    const h264 = codecs.find((c) => /H264/.test(c.mimeType) && /packetization-mode=1;profile-level-id=42e01f/.test(c.sdpFmtpLine));
    this.video.setCodecPreferences([h264, ...codecs.filter((c) => /VP8|rtx/.test(c.mimeType))]);
    this.audio = this.pc.addTransceiver("audio", { direction: "sendrecv" });
    this.audio.setCodecPreferences(RTCRtpSender.getCapabilities("audio").codecs.filter((c) => /opus/.test(c.mimeType)));
    this.pc.ontrack = ({ track }) => {
      this.ear = Object.assign(new Audio(), { srcObject: new MediaStream([track]) });
      void this.ear.play(); // what nobody listens to, a browser does not decode
    };
    this.pc.onicecandidate = ({ candidate }) => this.candidates.push(candidate?.toJSON() ?? null);
    this.newChannel("control", { protocol: "doorward.v1" });
    return certificate.getFingerprints()[0].value.toUpperCase();
  }

  newChannel(label, options) {
    const channel = this.pc.createDataChannel(label, options);
    channel.onopen = () => (this.channelOpen = true);
    channel.onclose = () => (this.channelClosed = true);
    channel.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      this.heard.push(message);
      if (this.auto && message.type === "ping") this.say({ type: "done", id: message.id });
    };
    this.channel ??= channel;
  }

  async offer() {
    for (const transceiver of this.pc.getTransceivers()) {
      const extensions = transceiver.getHeaderExtensionsToNegotiate();
      for (const one of extensions) one.direction = one.uri === MID ? "sendrecv" : "stopped";
      transceiver.setHeaderExtensionsToNegotiate(extensions);
    }
    await this.pc.setLocalDescription();
    await new Promise((resolve) => {
      if (this.pc.iceGatheringState === "complete") resolve();
      else this.pc.onicegatheringstatechange = () => this.pc.iceGatheringState === "complete" && resolve();
    });
    const complete = this.pc.localDescription.sdp.split("\r\n");
    return complete.filter((l) => !/^a=candidate.* tcp |^a=rtcp-xr/.test(l)).join("\r\n");
  }

  accept(sdp) {
    return this.pc.setRemoteDescription({ type: "answer", sdp });
  }

  addCandidate(candidate) {
    return this.pc.addIceCandidate(candidate);
  }

  say(message) {
    this.channel.send(typeof message === "string" ? message : JSON.stringify(message));
  }

  /** A picture as a door sends it, in pieces. */
  async sayPicture(id, pieces = 16 * 1024) {
    const pen = this.canvas;
    const blob = await new Promise((resolve) => pen.toBlob(resolve, "image/jpeg", 1));
    const bytes = new Uint8Array(await blob.arrayBuffer());
    this.say({ type: "snapshot", id, size: bytes.length });
    for (let at = 0; at < bytes.length; at += pieces) this.channel.send(bytes.slice(at, at + pieces));
    return bytes.length;
  }

  sayBytes(length, first = 0) {
    const bytes = new Uint8Array(length);
    bytes[0] = first;
    this.channel.send(bytes);
  }

  show(on) {
    return this.video.sender.replaceTrack(on ? this.videoTrack : null);
  }

  talk(on) {
    return this.audio.sender.replaceTrack(on ? this.audioTrack : null);
  }

  async level() {
    let level = 0;
    (await this.pc.getStats()).forEach((s) => {
      if (s.type === "inbound-rtp" && s.kind === "audio") level = s.totalAudioEnergy ?? 0;
    });
    return level;
  }
}
