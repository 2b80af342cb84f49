/**
 * How good a connection is, from what the browser counts (W3C webrtc-stats): one word for a person.
 */

const EVERY_MS = 2_000;

/**
 * @typedef {"good"|"fair"|"poor"} Quality
 * @typedef {{received: number, lost: number, frozenS: number, roundTripS: number|null}} Counts since the link began
 */

/**
 * The verdict on what happened between two looks. Speech bears some 3 % of loss and 300 ms there and back without being
 * noticed (ITU-T G.114 and G.113); a picture that stands still is noticed at once.
 * @param {Counts} before
 * @param {Counts} after
 * @returns {Quality}
 */
export function judge(before, after) {
  const lost = Math.max(0, after.lost - before.lost);
  const all = Math.max(0, after.received - before.received) + lost;
  const share = all ? lost / all : 0;
  const frozen = after.frozenS - before.frozenS;
  const trip = after.roundTripS ?? 0;
  if (share > 0.1 || frozen > 1 || trip > 0.8) return "poor";
  return share > 0.03 || frozen > 0.25 || trip > 0.3 ? "fair" : "good";
}

/** @param {RTCStatsReport} report @returns {Counts} */
export function count(report) {
  const counts = { received: 0, lost: 0, frozenS: 0, roundTripS: /** @type {number|null} */ (null) };
  report.forEach((row) => {
    if (row.type === "inbound-rtp") {
      counts.received += row.packetsReceived ?? 0;
      counts.lost += row.packetsLost ?? 0;
      counts.frozenS += row.totalFreezesDuration ?? 0;
    }
    if (row.type === "candidate-pair" && row.nominated) counts.roundTripS = row.currentRoundTripTime ?? counts.roundTripS;
  });
  return counts;
}

/** Watches one link while something flows on it. */
export class QualityWatch {
  /** @param {() => void} changed */
  constructor(changed) {
    /** @private */ this.changed = changed;
    /** @type {Quality|null} */ this.now = null;
    /** @private @type {number|undefined} */ this.timer = undefined;
    /** @private @type {Counts|null} */ this.before = null;
  }

  /** @param {(() => Promise<RTCStatsReport>)|null} stats of the link; null: nothing flows */
  watch(stats) {
    if ((stats !== null) === (this.timer !== undefined)) return;
    clearInterval(this.timer);
    this.timer = undefined;
    this.before = null;
    this.now = null;
    if (stats) this.timer = setInterval(() => void this.look(stats), EVERY_MS);
  }

  /** @private @param {() => Promise<RTCStatsReport>} stats */
  async look(stats) {
    const { timer } = this;
    const after = count(await stats());
    if (timer !== this.timer) return;
    const { before } = this;
    this.before = after;
    if (!before) return;
    const verdict = judge(before, after);
    if (verdict === this.now) return;
    this.now = verdict;
    this.changed();
  }
}
