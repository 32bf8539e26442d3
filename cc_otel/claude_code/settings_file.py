"""A settings file that a person and other programs own too: read as it is, replaced whole or not at all."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from typing import Final

NEW_MODE: Final = 0o666
"""Of a file that was not there, before the umask: what Claude Code and editors give it."""


class Unusable(Exception):
    """The file cannot be read or written; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """A file by its path, links included: what is written is the file at their end."""

    path: Path
    new_mode: int = NEW_MODE

    def read(self) -> str | None:
        """
        Return the text as it is, byte order mark and line ends included; None where there is no file.

        Raises:
            Unusable: it cannot be read, or is not UTF-8.

        """
        with self._in_words("read"):
            try:
                return self.path.read_bytes().decode("utf-8")
            except FileNotFoundError:
                return None
            except UnicodeDecodeError as error:
                raise Unusable(f"{self.path} is not UTF-8 (byte {error.start + 1}): save it as UTF-8 first") from None

    def check_writable(self) -> None:
        """
        Look whether it can be written, before anything is done.

        Raises:
            Unusable: somebody has made it, or its folder, read-only.

        """
        target = self.path.resolve()
        # The superuser may write anything; a file without write permission is read-only on purpose.
        if target.exists() and not (target.stat().st_mode & 0o222 and os.access(target, os.W_OK)):
            raise Unusable(f"{self.path} is read-only: allow writing it (chmod u+w), or choose another settings file")
        folder = next(parent for parent in target.parents if parent.exists())
        if not os.access(folder, os.W_OK | os.X_OK):
            raise Unusable(f"{self.path} cannot be written: {folder} is read-only for you")

    def replace(self, old: str | None, new: str | None) -> None:
        """
        Put another text in its place at once and whole, mode and owner kept; None removes the file.

        Raises:
            Unusable: it cannot be written, or holds anything but ``old`` by now. Then it is as it was.

        """
        target = self.path.resolve()
        # Claude Code writes its settings too; what it wrote since we read must not be lost.
        if self.read() != old:
            raise Unusable(f"{self.path} was changed by somebody else at this moment: run the command again")
        with self._in_words("written"):
            if new is None:
                target.unlink(missing_ok=True)
                return
            target.parent.mkdir(parents=True, exist_ok=True)
            fresh = target.with_name(f".{target.name}.cc-otel-{os.getpid()}")
            try:
                self._write(fresh, target, new)
                fresh.replace(target)
            finally:
                fresh.unlink(missing_ok=True)

    def _write(self, fresh: Path, target: Path, text: str) -> None:
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, self.new_mode)
        with os.fdopen(descriptor, "wb") as file:
            with suppress(FileNotFoundError):
                status = target.stat()
                # As root on somebody's behalf: the file stays theirs. As anybody else it is ours already.
                with suppress(PermissionError):
                    os.fchown(descriptor, status.st_uid, status.st_gid)
                os.fchmod(descriptor, status.st_mode & 0o7777)
            file.write(text.encode("utf-8"))
            file.flush()
            os.fsync(descriptor)

    @contextmanager
    def _in_words(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Unusable(f"{self.path} cannot be {what}: {error.strerror}") from error


@dataclass(frozen=True, slots=True)
class Change:
    """One file's text before and after; None where there is no file."""

    file: SettingsFile
    old: str | None
    new: str | None

    @property
    def needed(self) -> bool:
        """Whether there is anything to do."""
        return self.old != self.new

    def apply(self) -> None:
        """Do it. Raises Unusable where it cannot be done."""
        if self.needed:
            self.file.replace(self.old, self.new)

    def diff(self) -> str:
        """Return it as a unified diff, for ``patch`` and for people."""
        before, after = (str(self.file.path) if text is not None else os.devnull for text in (self.old, self.new))
        # Not splitlines: JSON strings may hold a line separator (U+2028) as it is.
        old, new = (re.findall(r"[^\n]*\n|[^\n]+", text or "") for text in (self.old, self.new))
        lines = unified_diff(old, new, before, after)
        return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
