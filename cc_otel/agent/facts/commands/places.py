"""Paths in commands: where a shell stands, and how its repository calls a path. No disk is asked."""

import posixpath
import re
from typing import Final

_HOME: Final = re.compile(r"\A/(?:(?:home|Users)/[^/]+|root)(?=/|\Z)")
_EXTENSION: Final = re.compile(r"\A[\w.@+-]*\.[A-Za-z][A-Za-z0-9]{0,9}\Z")
_URL: Final = re.compile(r"\A[a-z][a-z0-9+.-]*://|\A[\w.-]+@[\w.-]+:")


def joined(directory: str, path: str) -> str:
    """Return a path as seen from ``directory``, absolute, from home (``~``) or as far as it is known."""
    if path.startswith(("/", "~", "$")) or not directory:
        return posixpath.normpath(path) if path else directory
    return posixpath.normpath(posixpath.join(directory, path))


def from_root(path: str, root: str) -> str:
    """Return an absolute path from the repository's root (``.`` is the root), else from home, else as it is."""
    if root and (path == root or path.startswith(root.rstrip("/") + "/")):
        return path[len(root.rstrip("/")) + 1 :] or "."
    return _HOME.sub("~", path)


def looks_like_path(text: str) -> bool:
    """Whether a word is more likely a path than anything else: it has a slash or an extension, and is no address."""
    if not text or text[0] == "-" or len(text) > 4096 or any(c in text for c in "\n<>|*{") or _URL.match(text):
        return False
    return text in {".", ".."} or ("/" in text and " " not in text) or _EXTENSION.match(text) is not None


def absolute(path: str, directory: str) -> str:
    """Return a file's absolute path where that is known, else what can be said of it."""
    return joined(directory, path)
