"""Where an ArangoDB is, as one line of configuration says it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from cc_otel.otlp.destination import is_loopback

DATABASE_DEFAULT: Final = "cc_otel"
PORT_DEFAULT: Final = 8529
USER_DEFAULT: Final = "root"

_SCHEMES: Final = {"arangodb+http": "http", "arangodb+https": "https"}
_EXAMPLE: Final = "arangodb+https://user@host:8529/cc_otel"

# The driver puts the name into paths as it is; these need no quoting (ArangoDB: traditional database names).
_DATABASE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}", re.ASCII)
_HOST: Final = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?", re.ASCII)


class BadAddress(ValueError):
    """The store's address cannot be used; the message says what to write instead."""


@dataclass(frozen=True, slots=True)
class Address:
    """Base URLs of the hosts, in the order they are tried; user; database; a file of certificates to trust."""

    hosts: tuple[str, ...]
    user: str
    database: str
    certificates: str | None = None


def parse(url: str) -> Address:
    """
    Read ``arangodb+http(s)://user@host[:port][,host[:port]…][/database][?ca=file]``.

    A host without a port takes the last one's, else 8529. Raises BadAddress, without repeating a password that stood
    in the URL, and for plain http to another machine: the password and everything stored would cross the network
    in the clear.
    """
    parts = urlsplit(url)
    scheme = _SCHEMES.get(parts.scheme)
    if scheme is None:
        raise BadAddress(f"an ArangoDB store is written {_EXAMPLE}, or arangodb+http:// on this machine")
    user, _, hosts = parts.netloc.rpartition("@")
    if ":" in user:
        raise BadAddress("the password does not belong in the store's address: set CC_OTEL_ARANGO_PASSWORD (or _FILE)")
    database = unquote(parts.path.strip("/")) or DATABASE_DEFAULT
    if not _DATABASE.fullmatch(database):
        raise BadAddress(f"{database!r} is no database name: a letter, then letters, digits, '_' and '-', 64 at most")
    return Address(
        tuple(_base_urls(scheme, hosts)), unquote(user) or USER_DEFAULT, database, _certificates(scheme, parts.query)
    )


def _base_urls(scheme: str, hosts: str) -> Iterator[str]:
    matches = [_HOST.fullmatch(host) for host in hosts.split(",")]
    last = matches[-1]
    default = int((last and last["port"]) or PORT_DEFAULT)
    for host, match in zip(hosts.split(","), matches, strict=True):
        port = int((match and match["port"]) or default)
        if match is None or not 0 < port <= 65535:
            raise BadAddress(f"{host!r} is no host and port; write {_EXAMPLE}")
        if scheme == "http" and not is_loopback(match["name"].strip("[]")):
            raise BadAddress(f"{match['name']} is another machine: use arangodb+https://, or a tunnel to 127.0.0.1")
        yield f"{scheme}://{match['name']}:{port}"


def _certificates(scheme: str, query: str) -> str | None:
    options = dict(parse_qsl(query, keep_blank_values=True))
    path = options.pop("ca", None)
    if options:
        raise BadAddress(f"an ArangoDB store has no option {sorted(options)[0]!r}; there is only ?ca=FILE")
    if path is None:
        return None
    if scheme == "http":
        raise BadAddress("?ca= needs arangodb+https://")
    if not Path(path).is_file():
        raise BadAddress(f"the certificates {path!r} (?ca=) are not a file that can be read")
    return path
