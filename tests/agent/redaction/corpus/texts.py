"""Plants and ordinary texts as they are written down beside this file, and what is read of a line."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from cc_otel.json_values import Json

HERE: Final = Path(__file__).parent
_SIGNS: Final = str.maketrans({"⏎": "\n", "⇥": "\t", "␛": "\x1b"})
_SECRET: Final = re.compile("⟦(.*?)⟧", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Plant:
    """A text or a payload, and the secrets in it; an ordinary one has none. ``kind`` is its section."""

    kind: str
    value: Json
    secrets: tuple[str, ...] = ()


def written(name: str) -> Iterator[Plant]:
    """Yield what a file holds."""
    kind = ""
    for line in (HERE / name).read_text().splitlines():
        if line.startswith("## "):
            kind = line[3:]
        elif line and not line.startswith("# "):
            yield plant(kind, line)


def plant(kind: str, line: str) -> Plant:
    """Read one line."""
    text = line.replace("‹›", "").translate(_SIGNS)
    bare = _SECRET.sub(r"\1", text)
    if text.startswith("JSON "):
        value = cast(Json, json.loads(bare[5:]))
        # A secret is looked for in the written value: what JSON escapes is escaped there too.
        return Plant(kind, value, tuple(_SECRET.findall(text)))
    return Plant(kind, bare, tuple(_SECRET.findall(text)))


def left(plant: Plant, redacted: Json) -> list[str]:
    """Return the secrets of a plant that are still in what redaction has made of it."""
    text = redacted if isinstance(redacted, str) else json.dumps(redacted, ensure_ascii=False)
    return [secret for secret in plant.secrets if secret in text]
