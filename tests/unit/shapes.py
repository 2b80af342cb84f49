"""Values for Hypothesis: what a message may be, made from its own type, and what a stranger may send instead."""

import json
from typing import Any

from hypothesis import strategies as st
from msgspec import inspect

ANY_TEXT = st.text(st.characters())
"""Lone surrogates too."""

HOSTILE = [
    "null", "true", "0", "-1", "1.0", "1.5", "1e2", "1e999", "-1e999", "1E400", "NaN", "Infinity", "-Infinity",
    "-0", "9007199254740992", "9" * 400, "9" * 4400, "-" + "9" * 4400, "1" + "0" * 400 + ".0", "01", "+1", "0x1",
    '"\\ud800"', '"\\udc00\\ud800"', '"\\ud83d\\ude00"', '"\\u0000"', '"\\x"', '"\n"', '"', "'a'", '"\u2028"',
    "[]", "{}", "[,]", "{,}", '{"a":1,}', '{"a":1,"a":1}', '{"":{"":{}}}', "[[[[]]]]", "", " ", "\ufeff1", "1 1",
    "[" * 500 + "]" * 500, "[" * 3000, '{"a":' * 500 + "1" + "}" * 500, '{"a":' * 1500, "1_000", "//",
]  # fmt: skip
"""Texts to stand where a JSON value belongs: numbers no two parsers read alike, half characters, abysses, no JSON."""

HOSTILE_JSON = st.sampled_from(HOSTILE)


def instances(kind: Any) -> st.SearchStrategy[Any]:
    """JSON values that a value of this msgspec type may have."""
    return _of(inspect.type_info(kind))


def _of(kind: inspect.Type) -> st.SearchStrategy[Any]:
    match kind:
        case inspect.StructType():
            return _struct(kind)
        case inspect.UnionType(types):
            return st.one_of([_of(one) for one in types])
        case inspect.LiteralType(values):
            return st.sampled_from(values)
        case inspect.BoolType():
            return st.booleans()
        case inspect.NoneType():
            return st.none()
        case inspect.IntType(ge=low, le=high):
            return st.integers(low, high)
        case inspect.StrType(pattern=str(pattern)):
            return st.from_regex(pattern)
        case inspect.StrType(min_length=low, max_length=high):
            return st.text(min_size=low or 0, max_size=min(high or 20, 20))
        case inspect.ListType(item, max_length=high):
            return st.lists(_of(item), max_size=min(high or 2, 2))
        case inspect.DictType(key, value):
            return st.dictionaries(_of(key), _of(value), max_size=2)
    raise AssertionError(f"the protocol has a new kind of type: {kind}")


def _struct(kind: inspect.StructType) -> st.SearchStrategy[dict[str, Any]]:
    needed = {field.encode_name: _of(field.type) for field in kind.fields if field.required}
    optional = {field.encode_name: _of(field.type) for field in kind.fields if not field.required}
    if kind.tag_field is not None:
        needed[kind.tag_field] = st.just(kind.tag)
    return st.fixed_dictionaries(needed, optional=optional)


NAMES = ANY_TEXT | st.sampled_from(["type", "id", "v", "jws", "link", "sdp", "__class__", "constructor", "__proto__"])

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=10,
)
"""Values of any shape, lone surrogates, NaN and infinities among them."""


@st.composite
def spoilt(draw: st.DrawFn, kind: Any) -> str:
    """The JSON of a value of `kind` with one thing in it replaced, left out, put in, twice, or of any other shape."""
    value = draw(instances(kind))
    mark = '"\ue000"'
    target, name = _somewhere(draw, value)
    spoil = draw(st.sampled_from(["replace", "remove", "add", "twice", "nest"]))
    if target is None or spoil == "nest":
        return draw(HOSTILE_JSON) if target is None else json.dumps([value])
    old = json.dumps(target[name])
    match spoil:
        case "remove":
            del target[name]
            return json.dumps(value)
        case "add" if isinstance(target, dict):
            target[draw(NAMES)] = draw(anything)
            return json.dumps(value)
    target[name] = "\ue000"
    text = json.dumps(value, ensure_ascii=False)
    if spoil == "twice" and isinstance(target, dict):
        return text.replace(mark, f"{old},{json.dumps(name)}:{old}")
    return text.replace(mark, draw(HOSTILE_JSON | anything.map(json.dumps)))


def _somewhere(draw: st.DrawFn, value: Any) -> tuple[Any, Any]:
    """A container within `value`, and a name or index in it; (None, None) if there is nothing to choose."""
    target, name = None, None
    while isinstance(value, dict | list) and value and (target is None or draw(st.booleans())):
        names = sorted(value) if isinstance(value, dict) else list(range(len(value)))
        target, name = value, draw(st.sampled_from(names))
        value = value[name]
    return target, name
