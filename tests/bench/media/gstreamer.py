"""A sender on GStreamer's `webrtcbin`: H.264 that is encoded already, Opus both ways. Runs on Debian's own Python.

usage: /usr/bin/python3 gstreamer.py FILE.h264 SPEECH.s16le. Says its offer as one line of JSON and takes the answer
as one.
"""

# ruff: noqa: E402 - GStreamer's versions are chosen before it is imported

import json
import sys
import threading
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstWebRTC", "1.0")
gi.require_version("GstSdp", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC

_PIPELINE = """
webrtcbin name=peer bundle-policy=max-bundle latency=40
multifilesrc location={video} loop=true ! h264parse ! video/x-h264,framerate=30/1
  ! identity sync=true ! rtph264pay pt=96 config-interval=-1 aggregate-mode=zero-latency mtu=1312
  ! application/x-rtp,media=video,encoding-name=H264,payload=96 ! peer.
multifilesrc location={audio} loop=true ! rawaudioparse sample-rate=48000 num-channels=1 pcm-format=s16le
  ! identity sync=true ! opusenc bitrate=48000 bitrate-type=cbr frame-size=20 audio-type=voice
  inband-fec=true packet-loss-percentage=5
  ! rtpopuspay pt=111 ! application/x-rtp,media=audio,encoding-name=OPUS,payload=111 ! peer.
"""


class Sender:
    """The pipeline from its start to the end of standard input."""

    def __init__(self, video: str, audio: str) -> None:
        self._loop = GLib.MainLoop()
        self._pipeline = Gst.parse_launch(_PIPELINE.format(video=video, audio=audio))
        self._peer = self._pipeline.get_by_name("peer")
        self._peer.connect("on-negotiation-needed", self._negotiate)
        self._peer.connect("notify::ice-gathering-state", self._gathered)
        self._peer.connect("pad-added", self._hear)

    def run(self) -> None:
        self._pipeline.set_state(Gst.State.PLAYING)
        threading.Thread(target=self._listen, daemon=True).start()
        self._loop.run()
        self._pipeline.set_state(Gst.State.NULL)

    def _negotiate(self, peer: Any) -> None:
        promise = Gst.Promise.new_with_change_func(self._offered, None)
        peer.emit("create-offer", None, promise)

    def _offered(self, promise: Any, _: Any) -> None:
        promise.wait()
        reply = promise.get_reply()  # kept, for what it holds dies with it
        offer = reply.get_value("offer")
        self._peer.emit("set-local-description", offer, Gst.Promise.new())

    def _gathered(self, peer: Any, _: Any) -> None:
        if peer.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            text = peer.get_property("local-description").sdp.as_text()
            print(json.dumps({"sdp": text}), flush=True)

    def _listen(self) -> None:
        answer = json.loads(sys.stdin.readline())
        _, message = GstSdp.SDPMessage.new_from_text(answer["sdp"])
        described = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, message)
        self._peer.emit("set-remote-description", described, Gst.Promise.new())
        sys.stdin.read()
        self._loop.quit()

    def _hear(self, _: Any, pad: Any) -> None:
        if pad.get_direction() != Gst.PadDirection.SRC:
            return
        sink = Gst.parse_bin_from_description("rtpopusdepay ! opusdec ! fakesink sync=false", True)
        self._pipeline.add(sink)
        sink.sync_state_with_parent()
        pad.link(sink.get_static_pad("sink"))


if __name__ == "__main__":
    Gst.init(None)
    Sender(sys.argv[1], sys.argv[2]).run()
