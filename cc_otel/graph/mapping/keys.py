"""The keys of vertices and edges, derived from ids so that a span that comes again replaces its own document."""

import re
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from cc_otel.span import Span

# ArangoDB takes more than this, but a leading dot would be resolved away in a URL, and "@" marks a digest.
_READABLE_KEY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)

_FILES_KEPT: Final = 1_024


def key_of(span: Span) -> str:
    """Return the key of the span's vertex. The keys of its edges begin with it."""
    return f"{span.trace_id}-{span.span_id}"


def span_of(key: str) -> str:
    """Return the key of the span that an edge's key begins with."""
    return key.partition(".")[0]


@lru_cache(256)
def session_key(session_id: str) -> str:
    """Return a session's key: its id where every store takes that as a key, else a digest of it."""
    return session_id if _READABLE_KEY.fullmatch(session_id) else "@" + digest(session_id)


@lru_cache(_FILES_KEPT)
def file_key(path: str, repository: str = "") -> str:
    """Return a file's key: a digest, because no path is fit to be one."""
    return digest(f"{repository}\0{path}" if repository else path)


@lru_cache(256)
def repository_key(name: str) -> str:
    """Return a repository's key."""
    return digest(name)


def name_key(name: str) -> str:
    """Return the key of a model or tool: its name where every store takes that as a key, else a digest of it."""
    return name if _READABLE_KEY.fullmatch(name) else "@" + digest(name)


def digest(text: str) -> str:
    """Return a key that stands for a text."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
