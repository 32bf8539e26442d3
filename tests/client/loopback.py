"""A network namespace that has nothing but loopback: what runs in it reaches nobody."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

WHY = "the tests with the real client run it in a network namespace of their own, which is not permitted here"


class NotPermitted(Exception):
    """This machine lets us make no namespace; the text says what it said."""


@contextmanager
def loopback() -> Iterator[tuple[str, ...]]:
    """
    Make a namespace that lasts as long as the block; return what to put before a command to run it there.

    Raises NotPermitted where that cannot be.
    """
    is_root = os.geteuid() == 0
    make = ["unshare", "--net"] if is_root else ["unshare", "--map-root-user", "--net"]
    up = "ip link set lo up && echo up && exec cat"
    try:
        holder = subprocess.Popen(
            [*make, "sh", "-c", up], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
    except OSError as error:
        raise NotPermitted(f"{WHY}: {error}") from None
    # Leaving the block closes its standard input, and with that it ends.
    with holder:
        assert holder.stdout
        assert holder.stderr
        if holder.stdout.readline() != "up\n":
            raise NotPermitted(f"{WHY}: {holder.stderr.read().strip()}")
        enter = ("nsenter", "--target", str(holder.pid), "--net")
        yield enter if is_root else (*enter, "--user", "--preserve-credentials")
