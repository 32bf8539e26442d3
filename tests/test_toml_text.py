"""A value in TOML: set where it stands, or added; nothing else moves."""

import pytest

from cc_otel.toml_text import NotSettable, with_value


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", 'name = "v"\n'),
        ("other = 1", 'other = 1\nname = "v"\n'),
        ("# name = 1\nother = 1\n", '# name = 1\nother = 1\nname = "v"\n'),
        ("name='old' # why\r\nother = 1", 'name = "v"\r\nother = 1'),
        ("  name = 1\nname2 = 2\n", 'name = "v"\nname2 = 2\n'),
    ],
)
def test_with_value(before: str, after: str) -> None:
    """The value's own line is replaced, else one is added at the end."""
    assert after == with_value(before, "name", "v")


def test_quoting() -> None:
    """Any text that a path can be stays what it is."""
    assert with_value("", "name", 'ü "x" \\ \n😀') == 'name = "ü \\"x\\" \\\\ \\n😀"\n'


@pytest.mark.parametrize("before", ["name = [\n1]", '"name" = 1', "[table]", "a = '''\nname = 1\n'''", "no toml"])
def test_too_artful(before: str) -> None:
    """A text that would take a person's eye is left alone, and the message says what to write."""
    with pytest.raises(NotSettable) as refused:
        with_value(before, "name", "v")

    assert str(refused.value) == 'write into it yourself: name = "v"'
