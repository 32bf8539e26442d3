"""The battery of the query `search`, which every graph store passes; see contract.py."""

from typing import Final

import pytest

from cc_otel.graph.mapping import mapping
from cc_otel.graph.store import GraphStore, Json
from cc_otel.graph.words import BadWords
from cc_otel.span import AttributeValue, Span
from tests.graph.contract import DAY_S, T0_S, ask, put
from tests.graph.made import span, span_id, tool

LONG: Final = "padding " * 40


def said(number: int, prompt: str, answer: str = "", start_ms: int = 0, session: str = "session-a") -> Span:
    """Make a turn with its prompt and its answer."""
    attributes: dict[str, AttributeValue] = {
        "gen_ai.operation.name": "invoke_agent",
        "cc_otel.hook.event": "UserPromptSubmit",
        "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": prompt}]}],
        "gen_ai.output.messages": [{"role": "assistant", "parts": [{"type": "text", "content": answer}]}],
    }
    return span(number, "invoke_agent claude-code", attributes=attributes, start_ms=start_ms, session=session)


def ran(number: int, command: str, output: str, start_ms: int = 0) -> Span:
    """Make a call of Bash with its output."""
    made = tool(number, "Bash", f'{{"command": "{command}"}}', start_ms=start_ms)
    return span(
        number,
        made.name,
        attributes={**made.attributes, "gen_ai.tool.call.result": {"stdout": output, "stderr": ""}},
        start_ms=start_ms,
    )


def story() -> list[Span]:
    """
    Make five spans.

    1 asks for a parser and gets one, 2 runs its test and prints a failure, 3 runs it again, 4 of session b asks for a
    printer, 5 has the words of 1 among many others.
    """
    return [
        said(1, "Write a parser for dates", "The parser is in src/dates.py."),
        ran(2, "pytest -q tests/test_dates.py", "E   ValueError: no such month\nin naïve_parse", start_ms=100),
        ran(3, "pytest -q tests/test_dates.py", "1 passed", start_ms=200),
        said(4, "Write a printer", "Done.", start_ms=300, session="session-b"),
        said(5, "dates " + LONG + " parser", start_ms=400),
    ]


class SearchContract:
    """What `search` promises on every store."""

    def found(self, store: GraphStore, words: str, **more: str | int | float) -> list[int]:
        """Return the numbers of the spans that are found."""
        return [int(str(row["span_id"]), 16) for row in self.rows(store, words, **more)]

    def rows(self, store: GraphStore, words: str, **more: str | int | float) -> list[dict[str, Json]]:
        """Return what is found, once all of it can be."""
        while store.index():
            pass
        return ask(store, "search", words=words, **more)

    def test_finds_what_was_said_done_and_answered(self, store: GraphStore) -> None:
        """Prompts, answers, commands and output of tools are found by their words, in whatever case."""
        put(store, story())
        words = ("PRINTER", "src", "valueerror month", "passed", "naïve_parse", "pytest", "nothing")

        assert [sorted(self.found(store, each)) for each in words] == [[4], [1], [2], [3], [2], [2, 3], []]

    def test_the_best_comes_first(self, store: GraphStore) -> None:
        """A short text with the words is better than a long one, and says so; rows say how many were found."""
        put(store, story())
        rows = self.rows(store, "parser dates", limit=1)

        assert [(row["span_id"], row["kind"], row["found"], row["excerpt"]) for row in rows] == [
            (span_id(1), "turn", 2, "Write a parser for dates The parser is in src/dates.py.")
        ]
        assert self.found(store, "parser dates") == [1, 5]

    @pytest.mark.parametrize(
        ("words", "found"),
        [
            ('"no such month"', [2]),
            ('"such no month"', []),
            ("tests/test_dates.py", [2, 3]),
            ("write -parser", [4]),
            ("write NOT parser", [4]),
            ('write -"a printer" AND dates', [1]),
            ("pars*", [1, 2, 5]),
            ('"a pars"*', []),
            ("it's", []),
            ("'; DROP TABLE spans; -- parser", []),
            ("words:parser", []),
            ("^parser", [1, 5]),
            ("{parser} + (dates)", [1, 5]),
        ],
    )
    def test_what_can_be_asked(self, store: GraphStore, words: str, found: list[int]) -> None:
        """Phrases, words that must not be there, beginnings; every other sign only stands between words."""
        put(store, story())

        assert sorted(self.found(store, words)) == found

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            ("", "no word to look for"),
            ("  ", "no word to look for"),
            ("-- /", "no word to look for"),
            ("-parser", "only some that must not be there"),
            ('"no end', "has no end"),
            ("one OR two", "OR is no word to search with"),
            ("NEAR(one two)", "NEAR"),
            ("one NOT", "NOT stands before the word"),
            ("a " * 17, "more than 16 words"),
            ("x" * 1_001, "more than 1,000 characters"),
        ],
    )
    def test_what_cannot_be_asked_is_refused(self, store: GraphStore, words: str, message: str) -> None:
        """What is not understood is refused with its reason, rather than found wrongly."""
        with pytest.raises(BadWords, match=message):
            ask(store, "search", words=words)

    def test_is_restricted(self, store: GraphStore) -> None:
        """A session, a kind and a time restrict what is found."""
        put(store, story())
        start_ms = story()[2].start_ns / 1e6

        assert self.found(store, "write", session_id="session-b") == [4]
        assert self.found(store, "write", session_id="session-c") == []
        assert sorted(self.found(store, "dates", kind="tool")) == [2, 3]
        assert self.found(store, "dates", kind="tool", since_ms=start_ms) == [3]

    def test_a_version_that_is_replaced_is_not_found(self, store: GraphStore) -> None:
        """A span that comes again with other words is found by these alone, indexed in between or not."""
        put(store, [said(1, "an apple")])
        assert self.found(store, "apple") == [1]
        put(store, [said(1, "a pear")])
        assert (self.found(store, "apple"), self.found(store, "pear")) == ([], [1])
        put(store, [said(1, "a plum")])
        put(store, [said(1, "a fig")])

        assert [self.found(store, each) for each in ("apple", "pear", "plum", "fig")] == [[], [], [], [1]]

    def test_what_is_pruned_is_not_found(self, store: GraphStore) -> None:
        """A span that has expired is found no more, and its place found by another's words alone."""
        put(store, [said(1, "an apple")], retention_days=1)
        assert self.found(store, "apple") == [1]
        put(store, [said(2, "an apple pie")], retention_days=1)
        store.prune(T0_S + 2 * DAY_S)
        put(store, [said(3, "a pear")])

        assert (self.found(store, "apple"), self.found(store, "pear")) == ([], [3])

    def test_what_is_forgotten_is_not_found(self, store: GraphStore) -> None:
        """A session that was forgotten is found no more; another with its words is."""
        put(store, [said(1, "an apple"), said(2, "an apple pie", session="session-b")])
        assert sorted(self.found(store, "apple")) == [1, 2]
        store.forget(["session-a"])

        assert self.found(store, "apple") == [2]

    def test_the_same_for_any_order(self, store: GraphStore) -> None:
        """Spans that come in another order, twice, and one by one, are found alike."""
        for each in [*reversed(story()), *story()]:
            store.write(mapping.of([each]))
            store.index()

        assert sorted(self.found(store, "dates")) == [1, 2, 3, 5]
