"""What holds for any shell text."""

from hypothesis import example, given
from hypothesis import strategies as st

from cc_otel.agent.facts.commands.masks import masked_path, masked_word
from cc_otel.agent.facts.commands.parse import parse
from cc_otel.agent.facts.commands.simple import TARGETS_MAX, TEXT_MAX, key_of
from cc_otel.agent.facts.commands.tree import COMMANDS_MAX

_ROOT = "/home/dev/app"
_PIECES = st.sampled_from(
    "pytest git commit -m -k cd sub && || ; | & ( ) { } ' \" ` $ $( ${ $(( <<EOF \n EOF > >> 2>&1 < [[ ]] if then fi "
    "do done for x in while case esac sh -c bash uv run npx python -m - -- tests/a.py ~/x /tmp/a1 12 0abc123 \\ # ! "
    "xargs timeout 5 sudo env A=1 eval tail make npm test \0 \ud83d é".split(" ")
)
_TEXTS = st.lists(_PIECES, max_size=40).map(" ".join) | st.text(max_size=200)


@given(_TEXTS)
@example("${" * 20_000)
@example("a " * 600_000)
@example("(" * 30_000)
@example("sh -c " * 200)
@example("echo 'unterminated")
@example("\x1b\xcd{\U000fa40f\t\xd6\U0008f446\xd7")
@example("{\U000f4a56..\U000b21c3}")
@example("cat <<EOF\nnever ends")
def test_any_text_is_read_within_its_bounds(text: str) -> None:
    """No text raises, and what is said of it is bounded and can be encoded."""
    commands = parse(text, cwd=f"{_ROOT}/sub", root=_ROOT)

    assert len(commands) <= COMMANDS_MAX
    for command in commands:
        assert max(len(command.masked), len(command.exact), *map(len, command.targets), 0) <= TEXT_MAX
        assert len(command.targets) <= TARGETS_MAX
        str(command.to_json()).encode()


@given(_TEXTS)
def test_a_key_is_a_digest_of_the_masked_text(text: str) -> None:
    """Two commands have one key exactly where their masked texts are equal, whatever was read before."""
    for command in parse(text, cwd=_ROOT, root=_ROOT):
        assert key_of(command.masked) == command.key


@given(st.text(max_size=80) | st.from_regex(r"(/tmp/\w+|[0-9a-f]{6,41}|\d+[.,:]?\d*|-j\d|\$TMPDIR/x| |=|:|/|\w){1,8}"))
@example("1.2.3")
@example("a=12,13")
@example("0x1f:7")
def test_masking_twice_is_masking_once(text: str) -> None:
    """A masked word masks to itself."""
    assert masked_word(text) == masked_word(masked_word(text))
    assert masked_path(text) == masked_path(masked_path(text))


@given(
    st.sampled_from(["pytest -n {n} tests", "head -{n} f.py", "sleep {n}", "curl localhost:{n}/x", "cat {t}/x"]),
    st.integers(0, 99_999),
    st.integers(0, 99_999),
)
def test_numbers_and_temporary_paths_make_no_difference(pattern: str, one: int, other: int) -> None:
    """Commands that differ in what is masked alone have one key."""
    keys = [
        [command.key for command in parse(pattern.format(n=number, t=f"/tmp/a{number}"), cwd=_ROOT, root=_ROOT)]
        for number in (one, other)
    ]

    assert keys[0] == keys[1]


def test_words_of_any_script_are_read_as_they_are() -> None:
    """What the parser is given in place of other letters shows nowhere."""
    (command,) = parse("cat 'tests/größe ñ.py' 日本/語.py", cwd=_ROOT, root=_ROOT)

    assert command.targets == ("tests/größe ñ.py", "日本/語.py")
