// A page's clock that is turned by hand. `turn(ms)` lets every timer fire that is due by then, one after the other; while the
// door has a ping to answer, no time passes, so that a busy machine looks no different from a quick one. Put into a page before
// its own scripts run; what the browser times itself (media, sound, drawing) goes by the real clock.
{
  const { setTimeout: realTimeout, clearTimeout: realClear, Date: RealDate } = globalThis;
  /** How long a door is waited for that may have fallen silent, real milliseconds. */
  const PATIENCE_MS = 1_500;
  const began = RealDate.now();
  /** @type {Map<number, {at: number, every: number, run: () => void}>} */
  const timers = new Map();
  let now = 0;
  let last = 0;

  const starter = (again) => (run, ms = 0, ...given) => {
    const wait = Math.max(1, Number(ms) || 0);
    last += 1;
    timers.set(last, { at: now + wait, every: again ? wait : 0, run: () => run(...given) });
    return last;
  };
  globalThis.setTimeout = starter(false);
  globalThis.setInterval = starter(true);
  globalThis.clearTimeout = globalThis.clearInterval = (id) => void timers.delete(id);
  performance.now = () => now;
  globalThis.Date = class extends RealDate {
    constructor(...given) {
      if (given.length) super(...given);
      else super(began + now);
    }

    static now() {
      return began + now;
    }
  };

  /** @type {{id: number, answered: () => void}|null} the ping that is under way */
  let ping = null;
  let late = Promise.resolve();
  const listened = new WeakSet();
  const { send } = RTCDataChannel.prototype;
  RTCDataChannel.prototype.send = function (data) {
    send.call(this, data);
    const message = typeof data === "string" ? JSON.parse(data) : {};
    if (message.type !== "ping") return;
    const { promise, resolve } = Promise.withResolvers();
    const limit = realTimeout(() => ping?.answered(), PATIENCE_MS);
    late = promise;
    ping = { id: message.id, answered: () => {
      realClear(limit);
      ping = null;
      resolve();
    } };
    if (listened.has(this)) return;
    listened.add(this);
    this.addEventListener("close", () => ping?.answered());
    this.addEventListener("message", ({ data: heard }) => {
      if (!ping || typeof heard !== "string") return;
      const { type, id } = JSON.parse(heard);
      if (type === "done" && id === ping.id) ping.answered();
    });
  };

  const { port1, port2 } = new MessageChannel();
  /** What follows from what has happened has its turn, messages that have come as well. */
  const breath = () => new Promise((resolve) => {
    port1.onmessage = resolve;
    port2.postMessage(0);
  });

  globalThis.turn = async (ms) => {
    const until = now + ms;
    for (;;) {
      let due = null;
      for (const [id, { at }] of timers) if (at <= until && (due === null || at < timers.get(due).at)) due = id;
      if (due === null) break;
      const timer = timers.get(due);
      now = Math.max(now, timer.at);
      if (timer.every) timer.at = now + timer.every;
      else timers.delete(due);
      timer.run();
      await late;
      await breath();
    }
    now = until;
  };
}
