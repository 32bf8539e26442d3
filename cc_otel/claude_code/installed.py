"""What a home remembers of its installation: which settings are wired to it, and what they were without us."""

import json
from hashlib import blake2b
from pathlib import Path
from typing import Final

from cc_otel.claude_code.settings_file import SettingsFile, Unusable

FILE_NAME: Final = "installed.json"
BACKUP_NAME: Final = "backup"
PLUGIN: Final = "plugin"
"""Stands for a settings file where the plugin is what is wired."""


class Installed:
    """
    The memory of one home: ``installed.json`` names the settings, ``backup/`` holds their texts before.

    Both are written before the settings are, so that nothing is wired that is not remembered.
    """

    def __init__(self, home: Path) -> None:
        """
        Read it; a home without one remembers nothing.

        Raises:
            Unusable: it cannot be read.

        """
        self._file = SettingsFile(home / FILE_NAME, new_mode=0o600)
        self._folder = home / BACKUP_NAME
        self._text = self._file.read()
        try:
            backups = json.loads(self._text or "{}")
            self._backups: dict[str, str | None] = {str(path): name and str(name) for path, name in backups.items()}
        except (ValueError, AttributeError):
            raise Unusable(f"{self._file.path} is damaged: remove it, and run the command again") from None

    def __contains__(self, path: Path) -> bool:
        return str(path) in self._backups

    def __bool__(self) -> bool:
        return bool(self._backups)

    def paths(self) -> list[Path]:
        """Return the settings files that are wired."""
        return [Path(path) for path in self._backups if path != PLUGIN]

    def before(self, path: Path) -> str | None:
        """Return what a settings file was before; "" if there was none, None if that is not known."""
        backup = self.backup(path)
        if backup:
            return SettingsFile(backup).read()
        return "" if path in self else None

    def was_there(self, path: Path) -> bool:
        """Whether there was such a file before; where that is not known, there was."""
        return self._backups.get(str(path), "") is not None

    def backup(self, path: Path) -> Path | None:
        """Return where the text of before is kept."""
        name = self._backups.get(str(path))
        return self._folder / name if name else None

    def remember(self, path: Path, before: str | None) -> None:
        """Keep what a settings file is without us. Raises Unusable where the home cannot be written."""
        name = None
        if before is not None:
            name = f"{blake2b(str(path).encode(), digest_size=4).hexdigest()}-{path.name}"
            kept = SettingsFile(self._folder / name, new_mode=0o600)
            kept.replace(kept.read(), before)
        self._write(self._backups | {str(path): name})

    def forget(self, path: Path) -> None:
        """Forget a settings file that is not wired any more, and delete its backup."""
        backup = self.backup(path)
        self._write({known: name for known, name in self._backups.items() if known != str(path)})
        if backup:
            backup.unlink(missing_ok=True)
        if not self._backups and self._folder.is_dir() and not any(self._folder.iterdir()):
            self._folder.rmdir()

    def _write(self, backups: dict[str, str | None]) -> None:
        text = json.dumps(backups, ensure_ascii=False, indent=2) + "\n" if backups else None
        self._file.replace(self._text, text)
        self._text, self._backups = text, backups
