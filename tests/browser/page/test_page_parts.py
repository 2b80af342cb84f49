"""The page's small judgements: how good a connection is, how close one may come, which microphone is meant."""

from typing import Any

import pytest
from playwright.sync_api import Page

JUDGE = """async ([before, after]) => (await import("/quality.js")).judge(before, after)"""
START = {"received": 1000, "lost": 10, "frozenS": 1.0, "roundTripS": 0.02}


@pytest.mark.parametrize(
    ("then", "verdict"),
    [
        ({"received": 1100}, "good"),
        ({"received": 1095, "lost": 15}, "fair"),
        ({"received": 1080, "lost": 30}, "poor"),
        ({"received": 1100, "frozenS": 1.5}, "fair"),
        ({"received": 1100, "frozenS": 2.5}, "poor"),
        ({"received": 1100, "roundTripS": 0.5}, "fair"),
        ({"received": 1100, "roundTripS": 1.0}, "poor"),
        ({"received": 1100, "roundTripS": None}, "good"),
        ({}, "good"),
        ({"received": 5, "lost": 0, "frozenS": 0.0}, "good"),
    ],
)
def test_how_good_a_connection_is(blank: Page, then: dict[str, Any], verdict: str) -> None:
    assert blank.evaluate(JUDGE, [START, START | then]) == verdict


ZOOM = """async (steps) => {
  const { WHOLE, enlarge, move } = await import("/view/zoom.js");
  const size = { width: 800, height: 450 };
  const seen = [];
  let view = WHOLE;
  for (const [factor, x, y] of steps) {
    const before = view;
    view = factor ? enlarge(view, factor, { x, y }, size) : move(view, { x, y }, size);
    seen.push({ ...view, under: [(x - before.x) / before.scale, (x - view.x) / view.scale] });
  }
  return seen;
}"""


def test_what_is_under_the_fingers_stays_there(blank: Page) -> None:
    for view in blank.evaluate(ZOOM, [[2, 100, -50], [1.5, 60, 20]]):
        before, after = view["under"]
        assert abs(before - after) < 1e-9


def test_one_comes_no_closer_than_six_times_and_never_sees_beside_the_picture(blank: Page) -> None:
    closest, moved, back = blank.evaluate(ZOOM, [[100, 399, 0], [0, 9999, -9999], [0.001, 5, 5]])
    assert closest["scale"] == 6
    assert (moved["x"], moved["y"]) == (800 * 5 / 2, -450 * 5 / 2)
    assert (back["scale"], back["x"], back["y"]) == (1, 0, 0)


MICROPHONE = """async (story) => {
  const { Microphone } = await import("/microphone.js");
  const said = [];
  let given = 0;
  let answer = null;
  const track = (n) => ({ n, enabled: true, stopped: false, stop() { this.stopped = true; } });
  const tracks = [];
  navigator.mediaDevices.getUserMedia = async ({ audio }) => {
    said.push(`asked ${audio.deviceId?.ideal ?? "any"} ${audio.echoCancellation && audio.noiseSuppression && audio.autoGainControl}`);
    if (answer) throw new DOMException("no", answer);
    tracks.push(track((given += 1)));
    return { getAudioTracks: () => [tracks.at(-1)] };
  };
  let wanted = "";
  const microphone = new Microphone(() => undefined, () => wanted);
  const link = { speak: async (track) => void said.push(`speaks ${track?.n ?? "none"}`) };
  for (const step of story) {
    if (step === "open") await microphone.open(link);
    if (step === "close") microphone.close();
    if (step === "mute") microphone.toggle();
    if (step === "headset") navigator.mediaDevices.dispatchEvent(new Event("devicechange"));
    if (step === "gone") tracks.at(-1).onended();
    if (step.startsWith("want ")) wanted = step.slice(5);
    if (step.startsWith("answers ")) answer = step.slice(8) === "yes" ? null : step.slice(8);
    await new Promise((resolve) => setTimeout(resolve, 20));
    said.push(microphone.state);
  }
  return { said, enabled: tracks.map(({ enabled }) => enabled), stopped: tracks.map(({ stopped }) => stopped) };
}"""  # noqa: E501 - the page's own language


def test_a_headset_that_is_put_on_is_spoken_into(blank: Page) -> None:
    seen = blank.evaluate(MICROPHONE, ["open", "headset", "close", "headset"])
    assert seen["said"] == [
        "asked any true", "speaks 1", "open", "asked any true", "speaks 2", "open", "speaks none", "closed", "closed",
    ]  # fmt: skip
    assert seen["stopped"] == [True, True]


def test_a_chosen_microphone_stays_until_it_is_gone(blank: Page) -> None:
    seen = blank.evaluate(MICROPHONE, ["want mine", "open", "headset", "gone"])
    assert seen["said"][1:] == ["asked mine true", "speaks 1", "open", "open", "asked mine true", "speaks 2", "open"]


def test_who_is_mute_stays_so_with_another_microphone_and_not_in_the_next_call(blank: Page) -> None:
    seen = blank.evaluate(MICROPHONE, ["open", "mute", "headset", "close", "open"])
    assert seen["enabled"] == [False, False, True]


@pytest.mark.parametrize(("error", "state"), [("NotAllowedError", "denied"), ("NotFoundError", "absent")])
def test_a_microphone_that_was_refused_can_be_given_later(blank: Page, error: str, state: str) -> None:
    seen = blank.evaluate(MICROPHONE, [f"answers {error}", "open", "answers yes", "open"])
    assert [word for word in seen["said"] if word in {"open", state}] == [state, state, "open"]


NO_PICTURE = """async (rings) => {
  const { PictureView } = await import("/view/picture.js");
  const { track } = new RTCPeerConnection().addTransceiver("video").receiver;
  const view = new PictureView("front-door", "Front door");
  document.body.append(view.element);
  window.told = [];
  for (let ring = 0; ring < rings; ring += 1) {
    const changed = () => undefined;
    window.told.push(new WeakRef(changed));
    for (const video of [true, false]) {
      const card = { phase: "ringing", video, audio: false, faults: [], quality: null, since: 0 };
      view.update(card, { video: track, audio: null }, { now: 0, volume: 1, loudspeaker: "", changed });
    }
  }
}"""


def test_a_picture_that_never_came_is_waited_for_no_longer(blank: Page) -> None:
    """A door whose camera is broken, and a tablet on the wall that stays for months."""
    blank.evaluate(NO_PICTURE, 50)
    devtools = blank.context.new_cdp_session(blank)
    devtools.send("HeapProfiler.collectGarbage")
    waiting = blank.evaluate("() => window.told.filter((one) => one.deref()).length")
    assert waiting <= 2, "the first `play` waits on, and a ring may still be at hand; not one for each ring"
