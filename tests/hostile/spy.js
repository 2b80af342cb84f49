// Watches what the page is made to receive and to show. Nothing of the page is replaced: its own objects are looked at.
(() => {
  const connections = new Map();
  const counts = { unmuted: 0, shown: 0 };

  async function fingerprint(certificate) {
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", certificate));
    return [...digest].map((byte) => byte.toString(16).padStart(2, "0").toUpperCase()).join(":");
  }

  async function sample(connection) {
    const kept = connections.get(connection);
    const rows = [...(await connection.getStats()).values()];
    // Not by the statistics, which may keep what they knew before the handshake.
    const [certificate] = connection.sctp?.transport.getRemoteCertificates() ?? [];
    if (certificate) kept.certificate = await fingerprint(certificate);
    for (const row of rows) {
      if (row.type === "inbound-rtp" && row.kind === "video") kept.frames = Math.max(kept.frames, row.framesDecoded ?? 0);
      if (row.type === "outbound-rtp" && row.kind === "audio") kept.sent = Math.max(kept.sent, row.packetsSent ?? 0);
    }
  }

  const Original = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Original {
    constructor(...given) {
      super(...given);
      connections.set(this, { certificate: "", frames: 0, sent: 0 });
      this.addEventListener("track", ({ track }) => track.addEventListener("unmute", () => (counts.unmuted += 1)));
    }

    close() {
      void sample(this).catch(() => undefined);
      super.close();
    }
  };

  setInterval(() => {
    for (const connection of connections.keys()) {
      if (connection.connectionState === "connected") void sample(connection).catch(() => undefined);
    }
    for (const video of document.querySelectorAll("video")) {
      counts.shown = Math.max(counts.shown, video.getVideoPlaybackQuality().totalVideoFrames);
    }
  }, 100);

  window.__spy = {
    open: () => [...connections.keys()].filter((connection) => connection.connectionState !== "closed").length,
    async look() {
      const frames = {};
      let sent = 0;
      for (const [connection, kept] of connections) {
        if (connection.connectionState !== "closed") await sample(connection).catch(() => undefined);
        if (kept.frames) frames[kept.certificate] = (frames[kept.certificate] ?? 0) + kept.frames;
        sent += kept.sent;
      }
      return { frames, unmuted: counts.unmuted, shown: counts.shown, sent };
    },
  };
})();
