"""The rule of what mended a failure, held to what a person said before there was a rule."""

from tests.graph.derived.judged import judged


def test_what_mended_a_failure_is_what_a_person_said() -> None:
    """All labels of recorded sessions but the known misses."""
    missed = [(it.session, it.failure, it.label, it.said) for it in judged() if not it.is_right]

    # A session that was forked names none that it came from.
    assert missed == [("story_resumed_fix", "fail-cheapest", "green-cheapest", "nothing")]
    assert len(judged()) == 46
