"""Who gets which of the camera's streams, in real browsers over real networks."""

import time

from tests.harness.fixtures import MakePerson, MakeWorld
from tests.harness.person import Person
from tests.harness.processes import wait_until
from tests.harness.world import World

ONLY_VP8 = """
const { createAnswer } = RTCPeerConnection.prototype;
RTCPeerConnection.prototype.createAnswer = function (...given) {
  const known = RTCRtpReceiver.getCapabilities("video").codecs.filter((codec) => /VP8|rtx/.test(codec.mimeType));
  for (const transceiver of this.getTransceivers()) {
    if (transceiver.receiver.track.kind === "video") transceiver.setCodecPreferences(known);
  }
  return createAnswer.apply(this, given);
};
"""
"""A browser without H.264, as far as anybody can tell from outside."""


def _now(person: Person) -> None:
    """What this person sees is what is before the door now."""
    wait_until("a picture of now", lambda: time.time() - (person.time_code() or 0.0) < 1.5, 10)


def _press(home: World, *people: Person) -> None:
    home.wait_for_links(len(people))
    home.control.press("flat-1")
    for person in people:
        person.wait_for_phase("ringing")
        person.wait_for_picture()


def test_a_browser_without_h264_sees_the_visitor(make_world: MakeWorld, make_person: MakePerson) -> None:
    home = make_world()
    alice = make_person(home, "alice", script=ONLY_VP8)
    bob = make_person(home, "bob")
    _press(home, alice, bob)
    for person, codec, width in ((alice, "video/VP8", 640), (bob, "video/H264", 1280)):
        stats = person.stats()
        assert (stats["codec"], stats["frameWidth"]) == (codec, width)
        _now(person)
    alice.click("answer")
    alice.wait_for_phase("talking")
    alice.wait_for_picture()
