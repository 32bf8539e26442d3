"""TOML as the text somebody wrote: one top-level value is set, and every other line stays as it is."""

import json
import re
import tomllib


class NotSettable(ValueError):
    """The value cannot be set in this text without reading it like a person; the message says what to write."""


def with_value(text: str, name: str, value: str) -> str:
    """
    Return the text with ``name`` set to a string, on the line where it stands, else on a line of its own at the end.

    Raises:
        NotSettable: the text is no TOML, or too artful for this.

    """
    line = f"{name} = {json.dumps(value, ensure_ascii=False)}"
    changed, count = re.subn(rf"(?m)^[ \t]*{name}[ \t]*=[^\r\n]*", lambda _: line, text, count=1)
    if not count:
        changed = (text if text.endswith("\n") or not text else text + "\n") + line + "\n"
    try:
        if tomllib.loads(changed) == tomllib.loads(text) | {name: value}:
            return changed
    except tomllib.TOMLDecodeError:
        pass
    raise NotSettable(f"write into it yourself: {line}")
