"""Label selectors: grammar, messages and meaning as in k8s.io/apimachinery."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_metrics_api.selectors import Requirement, Selector, SelectorError, parse_selector

LABELS = {"zone": "a", "tier": "web", "count": "7", "spaced": "1_0"}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("zone=a", True),
        ("zone==a", True),
        ("zone=b", False),
        ("zone!=b", True),
        ("missing!=b", True),
        ("zone in (a, b)", True),
        ("zone in (b)", False),
        ("zone notin (b,c),tier", True),
        ("missing notin (x)", True),
        ("!missing", True),
        ("! missing", True),
        ("!zone", False),
        ("zone", True),
        ("missing=", False),
        ("count>6", True),
        ("count<7", False),
        ("zone>1", False),
        ("spaced>1", False),
        ("in in (in, notin)", False),
        (" zone = a , tier = web ", True),
    ],
)
def test_matches(text: str, matches: bool) -> None:
    assert parse_selector(text).matches(LABELS) is matches


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a===b", "unable to parse requirement: found '=', expected: identifier"),
        ("=a", "found '=', expected: !, identifier, or 'end of string'"),
        ("a=b,", "found '', expected: identifier after ','"),
        ("a=b c", "found 'c', expected: ',' or 'end of string'"),
        ("a in", "unable to parse requirement: found '' expected: '('"),
        ("a in (b", "unable to parse requirement: found '', expected: ',', or ')'"),
        ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, >, <"),
        ("!", "unable to parse requirement: found '', expected: identifier"),
    ],
)
def test_messages(text: str, message: str) -> None:
    with pytest.raises(SelectorError) as caught:
        parse_selector(text)
    assert str(caught.value) == message


@pytest.mark.parametrize("text", ["-a=b", "a=b/c", "a/b/c=d", "a in ()", "a>x", f"a={'x' * 64}", "A!/b"])
def test_bad_keys_and_values_are_refused(text: str) -> None:
    with pytest.raises(SelectorError, match=r"Invalid value|found"):
        parse_selector(text)


def test_prints_like_go_sorted_by_key() -> None:
    assert str(parse_selector("zone=q")) == "zone=q"
    assert str(parse_selector("b!=c,a in (y,x),!d,e")) == "a in (x,y),b!=c,!d,e"


def test_as_label_selector() -> None:
    assert parse_selector("zone=x").as_label_selector() == {"matchLabels": {"zone": "x"}}
    assert parse_selector("a in (x,y),!b,c!=d").as_label_selector() == {
        "matchExpressions": [
            {"key": "a", "operator": "In", "values": ["x", "y"]},
            {"key": "b", "operator": "DoesNotExist"},
            {"key": "c", "operator": "NotIn", "values": ["d"]},
        ]
    }


words = st.from_regex(r"[a-z0-9]([-a-z0-9_.]{0,8}[a-z0-9])?", fullmatch=True)
requirements = st.one_of(
    st.builds(Requirement, words, st.sampled_from(["exists", "!"])),
    st.builds(lambda key, op, value: Requirement(key, op, (value,)), words, st.sampled_from(["=", "==", "!="]), words),
    st.builds(
        lambda key, op, values: Requirement(key, op, tuple(sorted(values))),
        words,
        st.sampled_from(["in", "notin"]),
        st.sets(words, min_size=1, max_size=3),
    ),
)


@given(st.lists(requirements, max_size=4))
def test_parsing_what_was_printed_gives_the_same(terms: list[Requirement]) -> None:
    selector = Selector(tuple(sorted(terms, key=lambda term: term.key)))
    assert parse_selector(str(selector)) == selector


@given(st.text(max_size=40))
def test_any_text_parses_or_is_refused_cleanly(text: str) -> None:
    with contextlib.suppress(SelectorError):
        parse_selector(text)


@pytest.mark.parametrize(
    "text", [",".join(f"a{row}" for row in range(10_000)), "a in (" + "b," * 30_000 + "c)", ",".join(["a"] * 65)]
)
def test_a_selector_that_would_take_long_for_every_node_is_refused(text: str) -> None:
    with pytest.raises(SelectorError, match="is the limit"):
        parse_selector(text)
