"""A trace as Markdown."""

import re

from hypothesis import given
from hypothesis import strategies as st

from cc_otel.cli.tree_markdown import markdown, verbatim
from cc_otel.cli.tree_view import Look
from tests.cli.test_tree_view import AMOUNTS, SESSION


def test_a_list_in_a_list() -> None:
    """What stands below a span is a list below it; sentences are shown as they are, failures with a sign."""
    lines = list(markdown(SESSION, Look(amounts=AMOUNTS)))

    assert re.sub(r"\d\d:\d\d:\d\d", "TIME", lines[0]) == (
        "- **turn** Mend the tests (TIME, 5 ms, 1,200→34 tokens, $0.5000, 1 without a price, waited 1.5 s)"
    )
    assert lines[1:] == [
        "  - **model m** `Said: a` (5 ms, 1,200→34 tokens, $0.5000)",
        "  - ❌ **Bash** Asked to run rm (5 ms, waited 1.5 s, **refused**)",
        "  - **Agent** Asked an agent (5 ms)",
        "    - ❌ **agent Explore** Agent looked (5 ms, **error**)",
        "      - **Read** `Read a.txt` (5 ms)",
        "  - **hook PermissionRequest** Asked to run ls (5 ms so far)",
    ]


@given(st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1))
def test_what_others_wrote_is_shown_alone(text: str) -> None:
    """A sentence is a code span whose fence is not in it, or plain words: no link, mention or tag."""
    shown = verbatim(text)
    fence = re.match("`*", shown)[0]  # type: ignore[index]

    if fence:
        inside = shown[len(fence) : -len(fence)]
        assert fence not in re.findall("`+", inside)
        assert text in inside
    else:
        assert re.fullmatch("[A-Za-z -]*", shown)
