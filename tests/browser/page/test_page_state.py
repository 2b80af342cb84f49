"""What the door said, as what the person sees: one table, and nothing offered that is not allowed."""

from typing import Any, get_args

import pytest
from playwright.sync_api import Page

from protocol.messages import Fault, Outcome, Reason, RefusalCode

CALL = "c" * 21 + "A"
ROSTER = {
    "buttons": {"flat-1": {"label": "Flat 1", "rings": ["alice", "bob"]}},
    "doors": {"main": {"label": "Street door"}},
    "answerers": {"alice": {"label": "Alice"}, "bob": {"label": "Bob"}},
}
ALL = ["talk", "open", "view"]


def state(phase: str = "idle", may: Any = None, **changes: Any) -> dict[str, Any]:
    return {
        "phase": phase, "call": None, "button": None, "since": 1000, "answered_by": None, "video": False,
        "audio": False, "doors": {"main": {"open_until": None}}, "faults": [],
        "you": {"may": ALL if may is None else may},
    } | changes  # fmt: skip


RUNG: dict[str, Any] = {"call": CALL, "button": "flat-1", "video": True}
RINGING = state("ringing", **RUNG)
TALKING = state("talking", **RUNG, audio=True, answered_by="alice")
VIEWING = state(call=CALL, video=True)

CARD = """async ([known, now]) => {
  const { cardOf, NOTHING } = await import("/state.js");
  const base = { device: "front-door", answerer: "alice", admitted: true, expired: false, session: "online",
    present: true, live: true, memory: NOTHING, distrust: null, microphone: "closed", muted: false, asks: false,
    pending: [], refusal: null, quality: null, history: null };
  return cardOf({ ...base, ...known }, now);
}"""


def card(page: Page, now: int = 1010, **known: Any) -> dict[str, Any]:
    result: dict[str, Any] = page.evaluate(CARD, [{"roster": ROSTER, "state": state()} | known, now])
    return result


def offered(card: dict[str, Any]) -> set[str]:
    actions = {
        name for name in ("answer", "decline", "hangUp", "mute", "look", "lookAway", "retry") if card[name]["shown"]
    }
    return actions | {f"open {door['id']}" for door in card["doors"]}


TABLE: dict[str, tuple[dict[str, Any], str, set[str]]] = {
    "idle": ({}, "idle", {"look"}),
    "idle, may not view": ({"state": state(may=["talk"])}, "idle", set()),
    "ringing": ({"state": RINGING}, "ringing", {"answer", "decline", "open main"}),
    "ringing, may not open": ({"state": state("ringing", ["talk"], **RUNG)}, "ringing", {"answer", "decline"}),
    "talking, no microphone yet": ({"state": TALKING}, "talking", {"hangUp", "open main"}),
    "talking": ({"state": TALKING, "microphone": "open"}, "talking", {"hangUp", "mute", "open main"}),
    "talking, listening only": (
        {"state": TALKING, "microphone": "denied"}, "talking", {"hangUp", "open main", "retry"},
    ),
    "viewing": ({"state": VIEWING}, "viewing", {"lookAway", "open main"}),
    "viewing, may not open": ({"state": VIEWING | {"you": {"may": ["view"]}}}, "viewing", {"lookAway"}),
    "answered by another": (
        {"state": state("talking", call=CALL, button="flat-1", answered_by="bob")}, "elsewhere", set(),
    ),
    "busy": ({"state": state("busy")}, "busy", set()),
    "no link, door there": ({"live": False}, "connecting", set()),
    "no link, door away": ({"live": False, "present": False}, "offline", set()),
    "no link, no server": ({"live": False, "session": "lost", "present": None}, "offline", set()),
    "no link, connecting": ({"live": False, "session": "connecting", "present": None}, "connecting", set()),
    "link, no server": ({"session": "lost", "present": None, "state": TALKING}, "talking", {"hangUp", "open main"}),
    "link up, nothing said yet": ({"state": None}, "connecting", set()),
    "a state of a link that is gone": ({"live": False, "state": RINGING}, "connecting", set()),
    "off the roster": ({"admitted": False, "live": False}, "removed", set()),
    "expired": ({"expired": True, "live": False}, "expired", set()),
}  # fmt: skip


@pytest.mark.parametrize("row", TABLE.values(), ids=TABLE)
def test_phase_and_actions(blank: Page, row: tuple[dict[str, Any], str, set[str]]) -> None:
    known, phase, actions = row
    seen = card(blank, **known)
    assert (seen["phase"], offered(seen)) == (phase, actions)
    assert seen["audio"] == (phase == "talking")
    assert seen["video"] == (phase in {"ringing", "talking", "viewing"})


def test_labels_come_from_the_roster(blank: Page) -> None:
    assert card(blank, state=RINGING)["button"] == "Flat 1"
    elsewhere = card(blank, state=state("talking", button="flat-1", answered_by="bob"))
    assert (elsewhere["answeredBy"], elsewhere["mine"]) == ("Bob", False)
    assert card(blank, state=state("talking", button="flat-1", answered_by="alice"))["mine"] is True
    assert card(blank, state=RINGING)["doors"][0]["label"] == "Street door"
    assert card(blank, state=state("ringing", **RUNG | {"button": "constructor"}))["button"] == "constructor"


def test_an_open_door_is_shown_to_everybody_for_as_long_as_it_is(blank: Page) -> None:
    opened: dict[str, Any] = {"doors": {"main": {"open_until": 1013}}}
    assert card(blank, state=state(**opened), now=1010)["doors"][0]["open"] is True
    assert card(blank, state=state(**opened), now=1020)["doors"] == []
    assert card(blank, state=RINGING | opened, now=1010)["ticking"] is True


def test_how_a_door_stands_is_shown_and_which_one_an_alarm_means_if_that_is_clear(blank: Page) -> None:
    def stands(faults: list[str], **contacts: str | None) -> list[tuple[str, str]]:
        doors = {
            name: {"open_until": None} | ({"contact": contact} if contact else {}) for name, contact in contacts.items()
        }
        return [(one["label"], one["is"]) for one in card(blank, state=state(doors=doors, faults=faults))["contacts"]]

    assert stands([], main="closed", yard=None) == [("Street door", "closed")]
    assert stands(["left-open"], main="open", yard="closed") == [("Street door", "left-open"), ("yard", "closed")]
    assert stands(["left-open", "forced"], main="open") == [("Street door", "forced")]
    assert stands(["left-open"], main="open", yard="open") == [("Street door", "open"), ("yard", "open")]
    assert card(blank, live=False)["contacts"] == []


def test_who_else_sees_the_picture_is_named(blank: Page) -> None:
    def named(told: dict[str, Any]) -> list[str]:
        names: list[str] = card(blank, state=told | {"watching": ["alice", "bob"]})["watching"]
        return names

    for told in (state(), VIEWING, RINGING):
        assert named(told) == ["Bob"]
    for told in (TALKING, state("busy"), state("talking", call=CALL, button="flat-1", answered_by="bob")):
        assert named(told) == []
    assert card(blank, state=RINGING)["watching"] == []


def test_a_command_under_way_is_shown_as_busy(blank: Page) -> None:
    seen = card(blank, state=RINGING, pending=["answer", "open-main"])
    assert (seen["answer"]["busy"], seen["decline"]["busy"], seen["doors"][0]["busy"]) == (True, False, True)


MEMORY = """async (states) => {
  const { NOTHING, remember } = await import("/state.js");
  let memory = NOTHING;
  for (const [state, declined] of states) {
    memory = remember(declined ? { ...memory, declined } : memory, state, 1010);
  }
  return memory;
}"""


@pytest.mark.parametrize(
    ("states", "missed"),
    [
        ([[RINGING, None], [state(), None]], True),
        ([[RINGING, None], [TALKING, None], [state(), None]], False),
        ([[RINGING, None], [state("talking", answered_by="bob"), None], [state(), None]], False),
        ([[RINGING, None], [state("busy"), CALL], [state(), None]], False),
        ([[RINGING, None], [state(), CALL]], False),
        ([[RINGING, None], [state(), None], [RINGING, None]], False),
        ([[state(), None]], False),
    ],
)
def test_what_counts_as_missed(blank: Page, states: list[Any], missed: bool) -> None:
    memory = blank.evaluate(MEMORY, states)
    assert (memory["missed"] is not None) == missed
    if missed:
        assert memory["missed"]["button"] == "flat-1"
        assert card(blank, memory=memory)["missed"] == {"button": "Flat 1", "at": 1000}
        assert card(blank, memory=memory, now=memory["missed"]["until"])["missed"] is None


LANGUAGES = ("en", "de", "fr")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_has_its_sentence_in_every_language(blank: Page, language: str) -> None:
    script = """async (language) => {
      const { choose } = await import("/texts.js");
      const texts = choose([language]);
      return { language: texts.language, phases: Object.keys(texts.badge), lines: Object.keys(texts.line),
        faults: Object.keys(texts.fault), refused: Object.keys(texts.refused), sessions: Object.keys(texts.session),
        outcomes: Object.keys(texts.calls), distrust: Object.keys(texts.distrust) };
    }"""
    texts = blank.evaluate(script, language)
    assert texts["language"] == language
    assert set(texts["phases"]) == {phase for _, phase, _ in TABLE.values()}
    assert set(texts["phases"]) <= set(texts["lines"])
    assert set(texts["faults"]) == set(get_args(Fault))
    assert set(texts["refused"]) == {*get_args(RefusalCode), "no-answer"}
    assert set(texts["outcomes"]) >= set(get_args(Outcome))
    assert set(texts["distrust"]) <= set(get_args(Reason))
    states = {"connecting", "online", "lost", "offline", "unreachable", "refused", "replaced", "blocked"}
    assert set(texts["sessions"]) == states


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        (["de-AT", "en"], "de"),
        (["fr"], "fr"),
        (["FR-ca"], "fr"),
        (["it", "fr-CH", "de"], "fr"),
        (["ja"], "en"),
        ([], "en"),
    ],
)
def test_the_browser_chooses_the_language(blank: Page, wanted: list[str], chosen: str) -> None:
    script = "async (wanted) => (await import('/texts.js')).choose(wanted).language"
    assert blank.evaluate(script, wanted) == chosen


DIFFERENT = """async () => {
  const { choose } = await import("/texts.js");
  const flat = (value, path = "") => typeof value === "object"
    ? Object.entries(value).flatMap(([name, inner]) => flat(inner, `${path}.${name}`))
    : [[path, typeof value === "function" ? value("§", "¶") : value]];
  const english = new Map(flat(choose(["en"])));
  const same = [];
  for (const language of ["de", "fr"]) {
    for (const [path, text] of flat(choose([language]))) {
      if (text === english.get(path)) same.push(`${language}${path}`);
      if (text.includes("§") !== english.get(path).includes("§")) same.push(`${language}${path}: drops its argument`);
    }
  }
  return same;
}"""


def test_nothing_was_left_untranslated(blank: Page) -> None:
    alike = {".title", ".invitation.host", ".session.online", ".action.volume"}
    left = [path for path in blank.evaluate(DIFFERENT) if path.lstrip("defr") not in alike]
    assert left == []


# Who else, and earlier calls


def test_who_else_is_rung(blank: Page) -> None:
    assert card(blank, state=RINGING)["rung"] == ["Bob"]
    assert card(blank, state=state("ringing", **RUNG | {"button": "constructor"}))["rung"] == []
    assert card(blank, state=state("busy"))["rung"] == []


PAST = {"call": CALL, "button": "flat-1", "at": 900, "outcome": "answered", "answered_by": "bob", "snapshot": True}


def test_earlier_calls_by_their_labels_and_only_for_whom_the_roster_in_force_names(blank: Page) -> None:
    history = [PAST | {"picture": "blob:x"}]
    (seen,) = card(blank, history=history)["calls"]
    assert seen == {
        "id": CALL, "button": "Flat 1", "at": 900, "outcome": "answered", "by": "Bob", "mine": False, "snapshot": True,
        "picture": "blob:x",
    }  # fmt: skip
    for gone in ({"admitted": False}, {"expired": True}):
        assert card(blank, history=history, **gone)["calls"] is None


def test_the_microphone_is_explained_before_it_is_asked_for_and_only_to_who_may_talk(blank: Page) -> None:
    assert card(blank, state=RINGING, asks=True)["asks"] is True
    assert card(blank, state=RINGING, asks=False)["asks"] is False
    assert card(blank, state=state("ringing", ["view"], **RUNG), asks=True)["asks"] is False
    assert card(blank, asks=True)["asks"] is False


def test_reconnecting_backs_off_to_ten_seconds(blank: Page) -> None:
    script = "async () => { const { delayBefore } = await import('/session.js'); return [0,1,2,3,4,5,6,50].map((n) => [delayBefore(n, 0), delayBefore(n, 1)]); }"  # noqa: E501 - one expression for the page
    delays = blank.evaluate(script)
    assert [high for _, high in delays] == [500, 1000, 2000, 4000, 8000, 10000, 10000, 10000]
    assert all(low == high / 2 for low, high in delays)
