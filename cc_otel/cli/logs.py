"""Logs: one JSON object a line, in a file of the home that stays small. Never payloads, never headers."""

import json
import logging
import logging.handlers
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

LOG_BYTES_MAX: Final = 2 << 20
LOG_FILES_MAX: Final = 3


class JsonLines(logging.Formatter):
    """One record a line, for people with grep and for programs."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON: time, level, where from, message, and the trace of an exception."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "thread": record.threadName,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class _PrivateRotatingFile(logging.handlers.RotatingFileHandler):
    """A rotating file that only its owner can read, the new ones too."""

    def _open(self) -> Any:
        return os.fdopen(
            os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8"
        )


def log_to(path: Path, level: str) -> None:
    """Send our log to this file, and warnings of libraries too; nothing goes to the terminal."""
    handler = _PrivateRotatingFile(path, maxBytes=LOG_BYTES_MAX, backupCount=LOG_FILES_MAX - 1, delay=True)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("cc_otel").setLevel(level.upper())
