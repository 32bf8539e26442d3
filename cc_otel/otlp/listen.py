"""The sockets that a receiver listens on: a Unix socket for its owner alone, or the addresses of a host."""

import errno
import os
import socket
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from cc_otel.otlp.destination import is_loopback
from cc_otel.otlp.sink import ListenError

BACKLOG_MAX: Final = 512
"""How many connections the system keeps until they are accepted; it may keep fewer."""

_UNIX: Final = "unix:"
# An address that this machine does not have; localhost may stand for one.
_ABSENT: Final = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


def bind(listen: str) -> tuple[list[socket.socket], str]:
    """
    Listen on ``unix:/path`` or ``host:port``. Return the sockets and the address for clients.

    Raises ListenError where that is impossible. Port 0 takes a free one.
    """
    if listen.startswith(_UNIX):
        path = Path(listen.removeprefix(_UNIX))
        return [_bind_unix(path)], f"{_UNIX}{path}"
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdecimal():
        raise ListenError(f"cannot listen on {listen!r}: write unix:/path or host:port")
    try:
        sockets = _bind_host(_bare(host), int(port))
    except (OSError, OverflowError) as error:
        raise ListenError(f"cannot listen on {listen}: is it taken? ({error})") from error
    return sockets, f"{host}:{sockets[0].getsockname()[1]}"


def unlink(listen: str) -> None:
    """Remove the socket of a server that has stopped."""
    if listen.startswith(_UNIX):
        with suppress(OSError):
            Path(listen.removeprefix(_UNIX)).unlink()


def is_open(listen: str) -> bool:
    """Return whether other machines may reach an address; one that cannot be listened on is refused elsewhere."""
    host, colon, _ = listen.rpartition(":")
    return bool(colon) and not listen.startswith(_UNIX) and not is_loopback(_bare(host))


def _bare(host: str) -> str:
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def _bind_host(host: str, port: int) -> list[socket.socket]:
    """Bind every address of a host; at least one has to work."""
    bound: list[socket.socket] = []
    absent: OSError | None = None
    for family, _, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE):
        try:
            # The port of the first is that of all, where any would do.
            bound.append(_listening((address[0], port or (bound[0].getsockname()[1] if bound else 0)), family))
        except OSError as error:
            if error.errno not in _ABSENT:
                _close(bound)
                raise
            absent = error
    if not bound:
        raise absent or OSError(f"{host} has no address")
    return bound


def _listening(address: tuple[str | int, int], family: int) -> socket.socket:
    # [::] takes IPv4 as well, where the system can do that.
    dual = family == socket.AF_INET6 and address[0] == "::" and socket.has_dualstack_ipv6()
    return socket.create_server(address, family=family, backlog=BACKLOG_MAX, dualstack_ipv6=dual)


def _close(sockets: list[socket.socket]) -> None:
    for each in sockets:
        each.close()


def _bind_unix(path: Path) -> socket.socket:
    _make_way(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # Closed to others from its first moment; directories that another thread makes meanwhile still work.
    mask = os.umask(0o077)
    try:
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(BACKLOG_MAX)
    except OSError as error:
        listener.close()
        raise ListenError(f"cannot listen on {path}: {error}") from error
    finally:
        os.umask(mask)
    return listener


def _make_way(path: Path) -> None:
    """Remove the socket that a dead server left. Raises ListenError if the path is in use or cannot be used."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except FileNotFoundError:
            return
        except ConnectionRefusedError:
            if stat.S_ISSOCK(path.lstat().st_mode):
                path.unlink()
                return
            raise ListenError(f"cannot listen on {path}: it is a file, not a socket; move it away") from None
        except OSError as error:
            raise ListenError(f"cannot listen on {path}: {error}; a shorter path, or host:port, may do") from error
    # To bind would take the path from the server that is alive.
    raise ListenError(f"cannot listen on {path}: another server does")
