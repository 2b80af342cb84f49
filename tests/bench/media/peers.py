"""A browser page that answers a sender of any kind, and the senders that are compared: each a process of its own."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from playwright.sync_api import BrowserContext, Page, Route

from signaling.adapters.page import FOLDER
from tests.harness import seeing

ORIGIN = "https://bench.invalid/"
PAGE = "<!doctype html><title>bench</title><video autoplay playsinline muted></video><audio autoplay></audio>"
_ANSWER = """async ([sdp, shaped]) => {
  const { constantRate, shapeAnswer } = shaped ? await import("/sdp.js") : {};
  const pc = new RTCPeerConnection({ iceServers: [] });
  window.pc = pc;
  const microphone = await navigator.mediaDevices.getUserMedia({ audio: true });
  pc.ontrack = ({ track }) => {
    document.querySelector(track.kind).srcObject = new MediaStream([track]);
    if ("jitterBufferTarget" in RTCRtpReceiver.prototype)
      for (const receiver of pc.getReceivers()) if (receiver.track.kind === "video") receiver.jitterBufferTarget = 0;
  };
  await pc.setRemoteDescription({ type: "offer", sdp: shaped ? constantRate(sdp) : sdp });
  pc.addTrack(microphone.getAudioTracks()[0], microphone);
  await pc.setLocalDescription();
  await new Promise((done) => {
    const complete = () => pc.iceGatheringState === "complete" && done();
    pc.onicegatheringstatechange = complete;
    complete();
  });
  return shaped ? shapeAnswer(pc.localDescription.sdp) : pc.localDescription.sdp;
}"""

RECEIVED = """async () => {
  const got = {};
  (await window.pc.getStats()).forEach((s) => {
    if (s.type === "inbound-rtp") {
      got[s.kind] = { frames: s.framesDecoded, packets: s.packetsReceived, bytes: s.bytesReceived };
    }
    if (s.type === "outbound-rtp") got.sent = s.packetsSent;
  });
  return got;
}"""
"""What has arrived in the page, and what it sent: so that two senders can be seen to have done the same."""


def serve(route: Route) -> None:
    """An empty page, and the modules of the real one."""
    name = route.request.url.removeprefix(ORIGIN)
    if name.endswith(".js"):
        route.fulfill(path=FOLDER / name, content_type="text/javascript")
    else:
        route.fulfill(body=PAGE, content_type="text/html")


class Sender:
    """A process that offers on its standard output and takes the answer on its standard input."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            list(command), env={**os.environ, **env}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def offer(self) -> str:
        if self._process.stdout is None:
            raise RuntimeError("the sender has no output")
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the sender ended with {self._process.wait(5)} before it made an offer")
        return str(json.loads(line)["sdp"])

    def accept(self, sdp: str) -> None:
        if self._process.stdin is None:
            raise RuntimeError("the sender has no input")
        self._process.stdin.write(json.dumps({"sdp": sdp}) + "\n")
        self._process.stdin.flush()

    def stop(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def call(
    context: BrowserContext, command: Sequence[str], env: Mapping[str, str], *, shaped: bool = False
) -> Iterator[tuple[Sender, Page]]:
    """A sender and a page that watches and hears it; the picture has come when this begins.

    `shaped`: the answer is given the form that the protocol asks for, by the page's own code.
    """
    sender = Sender(command, env)
    page = context.new_page()
    try:
        page.route(f"{ORIGIN}**", serve)
        page.add_init_script(seeing.script())
        page.goto(ORIGIN)
        sender.accept(page.evaluate(_ANSWER, [sender.offer(), shaped]))
        page.wait_for_function("() => document.querySelector('video').videoWidth > 0", timeout=30_000)
        yield sender, page
    finally:
        page.close()
        sender.stop()
