"""What a repository is called: by where its origin is, as its configuration says."""

import re
from collections.abc import Iterator
from posixpath import normpath
from typing import Final

NAME_LENGTH_MAX: Final = 512
"""Longest name, characters; what has a longer one has none."""

_SECTION: Final = re.compile(r'\s*\[\s*([A-Za-z0-9.-]+)(?:\s+"((?:[^"\\]|\\.)*)")?\s*\]')
_URL: Final = re.compile(r"\s*url\s*=(.*)", re.IGNORECASE | re.DOTALL)
_VALUE: Final = re.compile(r'"((?:[^"\\]|\\.)*)"?|\\(.)|([^"\\#;]+)|([#;].*)', re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED: Final = {"n": "\n", "t": "\t", "b": "\b"}
_WITH_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^?#]*)")
_AUTHORITY: Final = re.compile(r"(?:.*@)?(\[[0-9A-Fa-f:.]+\]|[^:@\[\]\s]*)(?::\d*)?\Z", re.DOTALL)
_LIKE_SCP: Final = re.compile(r"(?:[^/@:]+@)?(\[[^\]/]+\]|[^/:@\[\]\s]+):(.+)", re.DOTALL)
_HELPER: Final = re.compile(r"([A-Za-z0-9]+)::(.*)", re.DOTALL)
_RUNS_A_PROGRAM: Final = frozenset({"ext", "fd"})


def name_of(config: str, folder: str) -> str:
    """
    Return what a configuration calls its repository: by ``origin``, else by its first remote by name.

    ``folder`` is what remotes in the file system are relative to. Empty where there is no remote with a name.
    """
    urls: dict[str, str] = {}
    for remote, url in remotes_in(config):
        urls.setdefault(remote, url)
    named = (
        (remote, name_of_url(urls[remote], folder)) for remote in sorted(urls, key=lambda it: (it != "origin", it))
    )
    return next((name for _, name in named if name), "")


def remotes_in(config: str) -> Iterator[tuple[str, str]]:
    """Return the remotes of a configuration and their URLs, in order."""
    remote: str | None = None
    for line in re.sub(r"\\\r?\n", "", config).splitlines():
        rest = line
        if found := _SECTION.match(line):
            remote = _remote(found[1], found[2])
            rest = line[found.end() :]
        if remote is not None and (found := _URL.match(rest)) and (url := _value(found[1])):
            yield remote, url


def _remote(section: str, subsection: str | None) -> str | None:
    if subsection is not None:
        return _ESCAPE.sub(r"\1", subsection) if section.lower() == "remote" else None
    # The old form, in which case does not matter.
    kind, dot, name = section.lower().partition(".")
    return name if kind == "remote" and dot else None


def _value(text: str) -> str:
    """Return a value without its quotes and what is commented out."""
    parts: list[str] = []
    for quoted, escaped, plain, comment in _VALUE.findall(text.strip()):
        if comment:
            break
        parts.append(_ESCAPE.sub(_unescaped, quoted) or _ESCAPED.get(escaped, escaped) or plain)
    return "".join(parts).strip()


def _unescaped(found: re.Match[str]) -> str:
    return _ESCAPED.get(found[1], found[1])


def name_of_url(url: str, folder: str = "") -> str:
    """
    Return what a URL calls a repository: without scheme, user, port, query and ``.git``; empty where it says nothing.

    ``https://me:token@github.com/acme/app.git`` and ``git@github.com:acme/app`` are both ``github.com/acme/app``.
    """
    if helper := _HELPER.match(url):
        if helper[1].lower() in _RUNS_A_PROGRAM:
            return ""
        url = helper[2]
    if found := _WITH_SCHEME.match(url):
        name = _at_host(found[2], found[3])
    elif found := _LIKE_SCP.match(url):
        # `[host:port]` in brackets is a host, too, and an address of many colons is no host with a port.
        host = found[1].strip("[]") if found[1].count(":") <= 1 else found[1]
        name = _at_host(host, found[2])
    else:
        name = _bare(normpath(f"{folder}/{url}" if folder and not url.startswith("/") else url)) if url else ""
    printable = name.isprintable() and len(name) <= NAME_LENGTH_MAX
    return name if printable and name not in {".", "/"} else ""


def _at_host(authority: str, path: str) -> str:
    found = _AUTHORITY.match(authority)
    if found is None or path.lstrip("/").partition("/")[0].find("@") > 0:
        # Not a host and a port, or a user behind the host: what stands here may be half a password.
        return ""
    if not found[1]:
        return _bare(normpath("/" + path.lstrip("/"))) if path.strip("/") else ""
    inner = _bare("/".join(part for part in path.split("/") if part))
    return f"{found[1].lower()}/{inner}" if inner else found[1].lower()


def _bare(path: str) -> str:
    path = path.rstrip("/")
    return path.removesuffix(".git").rstrip("/") or path
