"""Where spans are sent and how, in OpenTelemetry's own terms, with an error for each setting that cannot work."""

import math
import os
import re
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

GRPC: Final = "grpc"
HTTP_PROTOBUF: Final = "http/protobuf"
COMPRESSIONS: Final = ("none", "gzip", "deflate")

_UNIX: Final = "unix:"
# sockaddr_un holds 108 bytes on Linux and 104 on macOS, a closing NUL among them.
_UNIX_PATH_BYTES_MAX: Final = 103 if sys.platform == "darwin" else 107
_TRACES_PATH: Final = "/v1/traces"
# OTLP/gRPC's own port without TLS (OTLP 1.11, Default Port); with TLS, gateways listen where https does.
_GRPC_PORTS: Final = {"http": 4317, "https": 443}
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE: Final = re.compile(r"[\x20-\x7e]*")
# RFC 9110 knows whole seconds only; some servers send fractions.
_SECONDS: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_ADDRESS_FORM: Final = "write http://host:port or https://host:port"


class BadDestination(ValueError):
    """A setting is wrong; the text says which, and what to write instead."""


@dataclass(frozen=True, slots=True, repr=False)
class Destination:
    """
    OpenTelemetry's ``OTEL_EXPORTER_OTLP_*`` settings as one value.

    ``endpoint`` is ``http://host:port`` or ``https://host:port``; for gRPC also ``host:port``, encrypted unless
    ``insecure``, and ``unix:/path``. HTTP posts to ``/v1/traces`` below it, or to exactly it if ``endpoint_is_full``
    (the specification has one endpoint for all signals and one for traces). ``timeout_s`` limits one attempt.
    Raises ``BadDestination`` for values that cannot work.
    """

    endpoint: str
    protocol: str = GRPC
    headers: Mapping[str, str] = field(default_factory=dict)
    compression: str = "none"
    timeout_s: float = 10.0
    certificate: Path | None = None
    client_key: Path | None = None
    client_certificate: Path | None = None
    insecure: bool = False
    endpoint_is_full: bool = False

    def __post_init__(self) -> None:
        if self.protocol not in (GRPC, HTTP_PROTOBUF):
            raise BadDestination(f"protocol {self.protocol!r} is unknown: write {GRPC!r} or {HTTP_PROTOBUF!r}")
        if self.compression not in COMPRESSIONS:
            raise BadDestination(f"compression {self.compression!r} is unknown: write one of {', '.join(COMPRESSIONS)}")
        if not (math.isfinite(self.timeout_s) and self.timeout_s > 0):
            raise BadDestination(f"a timeout of {self.timeout_s} s cannot work: write a number of seconds above 0")
        if self.unix_path is None:
            self._check_address()
        else:
            self._check_unix(self.unix_path)
        self._check_headers()
        self._check_tls()

    def __repr__(self) -> str:
        """Leave out headers and query, which may hold keys."""
        return f"Destination({self.name!r}, {self.protocol!r})"

    @property
    def name(self) -> str:
        """The endpoint without its query, which may hold a key."""
        return self.endpoint if self.unix_path else self.endpoint.partition("?")[0]

    @property
    def unix_path(self) -> str | None:
        """The path of the Unix socket, if the endpoint is one (gRPC Name Resolution: one slash or three)."""
        if not self.endpoint.startswith(_UNIX):
            return None
        return self.endpoint.removeprefix(_UNIX).removeprefix("//")

    @property
    def url(self) -> str:
        """The URL that HTTP posts to."""
        parts = urlsplit(self.endpoint)
        path = parts.path or "/"
        return urlunsplit(parts._replace(path=path if self.endpoint_is_full else path.rstrip("/") + _TRACES_PATH))

    @property
    def target(self) -> str:
        """The address that gRPC connects to: `unix_target` or ``host:port``."""
        if self.unix_path is not None:
            return unix_target(self.unix_path)
        parts = self._parts()
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        return f"{host}:{parts.port or _GRPC_PORTS[parts.scheme]}"

    @property
    def secure(self) -> bool:
        """Whether the connection is encrypted. A scheme takes precedence over ``insecure``."""
        return self.unix_path is None and self._parts().scheme == "https"

    @property
    def local(self) -> bool:
        """Whether the receiver is on this machine, so that no proxy is used."""
        if self.unix_path is not None:
            return True
        host = self._parts().hostname or ""
        return is_loopback(host) or host.endswith(".localhost")

    def _parts(self) -> SplitResult:
        if "://" in self.endpoint:
            return urlsplit(self.endpoint)
        return urlsplit(f"{'http' if self.insecure else 'https'}://{self.endpoint}")

    def _check_unix(self, path: str) -> None:
        if self.protocol != GRPC:
            raise BadDestination(
                f"{self.endpoint} is a Unix socket, which only gRPC uses: set the protocol to {GRPC!r}"
            )
        if not path:
            raise BadDestination("the endpoint 'unix:' names no socket: write unix:/path/to/socket")
        check_socket_path(path)

    def _check_address(self) -> None:
        authority = re.split("[/?#]", self.endpoint.partition("://")[2] or self.endpoint, maxsplit=1)[0]
        if "@" in authority:
            # The endpoint is left out of the message: the user name may come with a password.
            raise BadDestination("the endpoint holds a user name: leave it out, and set an Authorization header")
        if self.protocol == HTTP_PROTOBUF and "://" not in self.endpoint:
            raise BadDestination(f"the endpoint {self.name!r} has no scheme: {_ADDRESS_FORM}")
        try:
            parts = self._parts()
            usable = parts.scheme in _GRPC_PORTS and parts.hostname and parts.port != 0 and not parts.fragment
        except ValueError:
            usable = False
        if not usable:
            raise BadDestination(f"the endpoint {self.name!r} is not an address: {_ADDRESS_FORM}")
        if self.protocol == GRPC and (parts.path.strip("/") or parts.query):
            raise BadDestination(
                f"the endpoint {self.name!r} has a path, which gRPC does not use: leave it out, or set the protocol to"
                f" {HTTP_PROTOBUF!r}"
            )

    def _check_headers(self) -> None:
        for name, value in self.headers.items():
            if not _HEADER_NAME.fullmatch(name):
                raise BadDestination(f"the header name {name!r} has characters that are not allowed in one")
            if not _HEADER_VALUE.fullmatch(value):
                raise BadDestination(f"the value of the header {name} may hold printable ASCII only")
            if self.protocol == GRPC and (name.lower().startswith("grpc-") or name.lower().endswith("-bin")):
                raise BadDestination(f"gRPC reserves header names like {name}: choose another, or leave it out")

    def _check_tls(self) -> None:
        files = {
            "certificate": self.certificate,
            "client key": self.client_key,
            "client certificate": self.client_certificate,
        }
        given = {what: path for what, path in files.items() if path is not None}
        if given and not self.secure:
            raise BadDestination(
                f"a {next(iter(given))} is set, but {self.name} is not encrypted: write https://, or leave it out"
            )
        if (self.client_key is None) != (self.client_certificate is None):
            raise BadDestination("a client key needs a client certificate and the reverse: set both or neither")
        for what, path in given.items():
            _check_pem(what, path)


def check_socket_path(path: str) -> None:
    """Check the path of a Unix socket. Raises ``BadDestination`` if nothing could listen on it or reach it."""
    if "," in path:
        raise BadDestination(f"the path of the socket {path} has a comma, at which gRPC splits it: choose another")
    if len(os.fsencode(path)) > _UNIX_PATH_BYTES_MAX:
        raise BadDestination(
            f"the path of the socket {path} has more than {_UNIX_PATH_BYTES_MAX} bytes, the limit of"
            " this system: choose a shorter one"
        )


def unix_target(path: str) -> str:
    """Return the URI by which gRPC names the socket with exactly this path."""
    return _UNIX + quote(os.fsencode(path))


def is_loopback(host: str) -> bool:
    """Return whether a host, without brackets, is loopback, judged by its form: no name is resolved."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def parse_headers(text: str, what: str = "header") -> dict[str, str]:
    """
    Read ``name=value,name2=value2``, percent-encoded, the form of ``OTEL_EXPORTER_OTLP_HEADERS``.

    ``what`` names one of them in messages. Raises ``BadDestination``, whose text never repeats a value.
    """
    headers = {}
    for number, pair in enumerate(text.split(","), 1):
        name, equals, value = pair.partition("=")
        if equals and name.strip():
            headers[unquote(name.strip())] = unquote(value.strip())
        elif pair.strip():
            raise BadDestination(f"{what} {number} is not name=value: separate {what}s by commas, write a comma as %2C")
    return headers


def retry_after_s(value: str) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks for, as a number or a date (RFC 9110 10.2.3), if any."""
    if _SECONDS.fullmatch(value.strip()):
        return float(value)
    try:
        return max(parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    except (ValueError, OverflowError):
        return None


def _check_pem(what: str, path: Path) -> None:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadDestination(f"the {what} {path} cannot be read: {error.strerror}") from None
    if b"-----BEGIN " not in content:
        raise BadDestination(f"the {what} {path} is not in PEM format: it has no line '-----BEGIN ...'")
