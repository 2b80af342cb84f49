"""The keypad: what is a code, how often one may be tried, and that nobody sees it."""

from hypothesis import given, settings
from hypothesis import strategies as st

from device.core.effects import Effect, JudgeCode, Note
from device.core.events import CodeAccepted, CodeJudged, CodeRefused, Event, Instant, KeyPressed, Tick, Typing, Warned
from device.core.keypad import FORGIVEN_S, LONGEST, LONGEST_WAIT_S, PAUSE_S, Keypad
from tests.unit.stage import of

DAY_S = 86400.0


class Post:
    """A keypad beside `main`; `right` is the one right code."""

    def __init__(self, right: str = "271828") -> None:
        self.keypad = Keypad("main")
        self.right = right
        self.mono = 100.0
        self.judged: list[str] = []

    def does(self, event: Event, after: float = 0.0) -> list[Effect | Event]:
        self.mono += after
        return self.keypad.handle(event, Instant(self.mono, self.mono))

    def types(self, keys: str) -> list[Effect | Event]:
        """The keys, and what becomes of the code if there was one."""
        out: list[Effect | Event] = []
        for key in keys:
            out += self.does(KeyPressed(key))
            for judge in of(JudgeCode, out[-1:]):
                self.judged.append(judge.code)
                out += self.does(CodeJudged("cleaner" if judge.code == self.right else None))
        return out


def test_digits_and_the_hash_are_a_code() -> None:
    post = Post()
    assert CodeAccepted("main", "cleaner") in post.types("271828#")
    assert post.judged == ["271828"]


def test_the_star_begins_anew() -> None:
    assert CodeAccepted("main", "cleaner") in Post().types("99*271828#")


def test_a_wrong_code_is_refused_and_logged_without_the_code() -> None:
    out = Post().types("141421#")
    assert CodeRefused() in out
    (note,) = of(Note, out)
    assert (note.level, note.event, note.fields) == ("warning", "code-refused", {"wrong": 1})


def test_the_code_is_in_no_representation_of_what_carries_it() -> None:
    assert "271828" not in repr(JudgeCode("271828"))
    assert "7" not in repr(KeyPressed("7"))


def test_the_hash_alone_is_nothing() -> None:
    assert Post().types("#") == []


def test_a_pause_forgets_what_was_typed() -> None:
    post = Post()
    post.types("271")
    assert post.keypad.deadline == post.mono + PAUSE_S
    assert post.does(Tick(), after=PAUSE_S) == [Typing(False)]
    post.types("828#")
    assert post.judged == ["828"]


def test_typing_is_said_once_and_once_when_it_is_over() -> None:
    post = Post()
    assert of(Typing, post.types("2718")) == [Typing(True)]
    assert of(Typing, post.types("28#")) == [Typing(False)]


def test_who_types_more_than_the_longest_code_has_typed_a_wrong_one() -> None:
    post = Post()
    post.types("1" * 30 + "271828#")
    assert len(post.judged[0]) == LONGEST + 1


def test_nothing_is_taken_while_a_code_is_judged() -> None:
    post = Post()
    for key in "271828#":
        post.does(KeyPressed(key))
    for key in "141421#":
        assert post.does(KeyPressed(key)) == []
    assert post.does(CodeJudged("cleaner")) == [CodeAccepted("main", "cleaner")]


def test_a_verdict_that_nobody_asked_for_opens_nothing() -> None:
    assert Post().does(CodeJudged("cleaner")) == []


def test_the_third_wrong_code_makes_it_deaf_and_each_further_one_twice_as_long() -> None:
    post = Post()
    waits = []
    for _ in range(12):
        out = post.types("141421#")
        locked = [note.fields["for_s"] for note in of(Note, out) if note.event == "keypad-locked"]
        if locked:
            assert Warned("guesses", True) in out
            assert post.types("271828#") == [CodeRefused()], "the right code, too"
            (wait,) = locked
            assert isinstance(wait, float)
            assert Warned("guesses", False) in post.does(Tick(), after=wait)
            waits.append(wait)
    assert waits[:7] == [10, 20, 40, 80, 160, 320, 640]
    assert set(waits[7:]) <= {640, LONGEST_WAIT_S}, "forgiven as fast as they come"


def test_a_right_code_forgives_nothing() -> None:
    post = Post()
    post.types("141421#141422#271828#")
    assert Warned("guesses", True) in post.types("141423#")


def test_time_forgives() -> None:
    post = Post()
    post.types("141421#141422#")
    post.does(Tick(), after=2 * FORGIVEN_S)
    assert of(Warned, post.types("141423#141424#")) == []


def test_without_a_keypad_keys_are_nothing() -> None:
    keypad = Keypad(None)
    now = Instant(1.0, 1.0)
    assert [out for key in "271828#" for out in keypad.handle(KeyPressed(key), now)] == []


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from([0.0, 0.5, 30.0, 300.0, 900.0, 4000.0]), min_size=1, max_size=40), st.booleans())
def test_whoever_guesses_all_day_has_about_a_hundred_tries(pauses: list[float], helped: bool) -> None:
    """Whatever rhythm the guesser chooses, and although people with right codes come and go in between."""
    post = Post()
    end, turn = post.mono + DAY_S, 0
    while post.mono < end:
        post.does(Tick(), after=pauses[turn % len(pauses)])
        turn += 1
        if helped:
            post.types("271828#")
        before = len(post.judged)
        post.types("141421#")
        if len(post.judged) == before:  # deaf: until it listens again
            post.does(Tick(), after=max(0.0, (post.keypad.deadline or post.mono) - post.mono))
    wrong = sum(code != post.right for code in post.judged)
    assert wrong <= DAY_S / FORGIVEN_S + 12
