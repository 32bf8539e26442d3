"""
Settings: one table of names, defaults and one-line helps. Only the command line reads it.

A command that a person types takes flag, then ``CC_OTEL_*``, then ``config.toml`` in the home, then default. A
started agent takes file, then default: it runs with a clean environment, because the ``env`` block of any cloned
repository's settings reaches hooks (docs/settings.md).
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, get_type_hints

PREFIX: Final = "CC_OTEL_"
FILE_NAME: Final = "config.toml"

GRAPH_PORT: Final = 4327
COLLECTOR_PORT: Final = 4317
UI_PORT: Final = 8002

NUMBER_MAX: Final = 1_000_000_000
HOURS_MAX: Final = 876_000
DAYS_MAX: Final = 36_500
"""Hundred years: longer times would not fit into 64 bits of nanoseconds."""

_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off", ""})


class BadSettings(ValueError):
    """A setting cannot be used; the text says which, where, and what to do."""


def _setting(default: Any, help_text: str, *, secret: bool = False, most: int = NUMBER_MAX) -> Any:
    return field(default=default, metadata={"help": help_text, "secret": secret, "most": most})


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings with their values. A field's name is its key in the file; flag and variable derive from it."""

    exporter_otlp_endpoint: str = _setting("", "Where spans go: URL or unix:PATH; the graph's own socket if empty.")
    exporter_otlp_traces_endpoint: str = _setting("", "The same, used as it is: no /v1/traces is added for HTTP.")
    exporter_otlp_protocol: str = _setting("grpc", "grpc or http/protobuf.")
    exporter_otlp_headers: str = _setting("", "Headers to send: key=value,key2=value2, URL-encoded.", secret=True)
    exporter_otlp_compression: str = _setting("none", "none, gzip, or deflate (HTTP only).")
    exporter_otlp_timeout: float = _setting(10.0, "Longest attempt to send a batch, seconds.")
    exporter_otlp_certificate: str = _setting("", "File with the certificates to trust, PEM.")
    exporter_otlp_client_key: str = _setting("", "File with our private key, PEM.")
    exporter_otlp_client_certificate: str = _setting("", "File with our certificate, PEM.")
    exporter_otlp_insecure: bool = _setting(False, "No TLS for a gRPC endpoint without a scheme.")
    resource_attributes: str = _setting(
        "", "Further resource attributes: key=value,key2=value2, URL-encoded.", secret=True
    )
    use_otel_env: bool = _setting(False, "Read the bare OTEL_EXPORTER_OTLP_* and OTEL_RESOURCE_ATTRIBUTES too.")
    store: str = _setting(
        "", "Where the graph lives: sqlite:///PATH or arangodb+https://USER@HOST:8529/DATABASE; graph.db if empty."
    )
    arango_password: str = _setting("", "ArangoDB's password.", secret=True)
    arango_password_file: str = _setting("", "File with ArangoDB's password.")
    graph_listen: str = _setting("", "Where the graph-exporter listens: unix:PATH or HOST:PORT; its socket if empty.")
    graph_token: str = _setting("", "Bearer token the graph-exporter asks for; needed beyond loopback.", secret=True)
    content: str = _setting("", "redacted or none; if empty, none where spans leave this machine.")
    value_max_bytes: int = _setting(16384, "Longest attribute value, bytes.")
    spool_max_mb: int = _setting(512, "Most disk for events not taken yet, and for spans not sent yet, MB each.")
    keep_h: float = _setting(48.0, "How long a finished session stays in the journal, hours.", most=HOURS_MAX)
    idle_s: float = _setting(21600.0, "Silence that ends a session whose process cannot be watched, seconds.")
    summary_model: str = _setting("", "Model that writes summaries, as LiteLLM names it; rules write them if empty.")
    summary_fallback_models: str = _setting("", "Models to ask where that one fails, in this order: a,b.")
    summary_timeout_s: float = _setting(3.0, "Longest a span waits for its summary, seconds.")
    summary_budget_usd: float = _setting(1.0, "Most that summaries may cost a day, dollars by LiteLLM's price table.")
    summary_calls_per_min: int = _setting(30, "Most model calls a minute.")
    summary_calls_per_day: int = _setting(5000, "Most model calls a day.")
    cache_url: str = _setting(
        "", "Where summaries are kept: sqlite:///PATH, redis:// or rediss:// HOST; cache.db if empty.", secret=True
    )
    cache_max_mb: int = _setting(64, "Most room for kept summaries on this machine, MB.")
    cache_keep_days: float = _setting(30.0, "How long a summary is kept, days.", most=DAYS_MAX)
    retention_days: float = _setting(30.0, "How long the graph keeps a span, days; 0 keeps it for ever.", most=DAYS_MAX)
    projects_dir: str = _setting(
        "", "Claude's own projects folders, several with : between; ~/.claude/projects if empty."
    )
    jaeger_url: str = _setting("", "Jaeger's page, http://HOST:16686: doctor reads its test event back from there too.")
    autostart: str = _setting("up", "What a session starts where no agent is running: up, agent or off.")
    log_level: str = _setting("info", "What the log file holds: debug, info, warning or error.")


SETTINGS: Final = {item.name: item for item in fields(Settings)}
_TYPES: Final = get_type_hints(Settings)


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return PREFIX + name.upper()


def flag(name: str) -> str:
    """Return the command line flag of a setting."""
    return "--" + name.replace("_", "-")


def resolve(home: "Home", flags: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    """
    Return all settings: flag, then variable, then file, then default. click has no part in that order.

    Raises:
        BadSettings: one of them cannot be used.

    """
    chosen = {
        **{name: _Given(value, f"in {home.config}") for name, value in load_file(home.config).items()},
        **_from_environ(PREFIX, environ),
        **{name: _Given(value, f"from {flag(name)}") for name, value in flags.items() if value is not None},
    }
    if "use_otel_env" in chosen and _value("use_otel_env", chosen["use_otel_env"]):
        # Claude Code strips these from hooks, so a person set them for another program: any setting of ours wins.
        chosen = _from_environ("OTEL_", environ) | chosen
    return Settings(**{name: _value(name, given) for name, given in chosen.items()})


@dataclass(frozen=True, slots=True)
class _Given:
    """A value as it was said, and where it was."""

    value: Any
    where: str


def _from_environ(prefix: str, environ: Mapping[str, str]) -> dict[str, _Given]:
    """Return what variables set; a traces variable wins over the general one (OTLP exporter, specification 1.60)."""
    found = {}
    for name in SETTINGS:
        general = prefix + name.upper()
        traces = general.replace("EXPORTER_OTLP_", "EXPORTER_OTLP_TRACES_")
        both = (general,) if name == "exporter_otlp_endpoint" else (traces, general)
        if key := next((key for key in both if environ.get(key)), ""):
            found[name] = _Given(environ[key], f"from {key}")
    return found


_WORDS: Final = {
    "content": ("", "redacted", "none"),
    "autostart": ("up", "agent", "off"),
    "log_level": ("debug", "info", "warning", "error"),
}


def _value(name: str, given: _Given) -> Any:
    metadata = SETTINGS[name].metadata
    try:
        return _typed(_TYPES[name], given.value, metadata["most"], _WORDS.get(name))
    except (TypeError, ValueError, OverflowError):
        said = "not usable" if metadata["secret"] else repr(given.value)
        raise BadSettings(f"{name} is {said} ({given.where}): write {_form(name)}") from None


def _typed(wanted: type, value: Any, most: int, words: tuple[str, ...] | None) -> Any:
    """Return the value as what is wanted. Raises ValueError, TypeError or OverflowError where it is none."""
    if wanted is bool:
        word = str(value).lower()
        if word not in _TRUE | _FALSE:
            raise ValueError(value)
        return word in _TRUE
    if wanted is str:
        if not isinstance(value, str) or (words and value not in words):
            raise ValueError(value)
        return value
    number = wanted(value)
    # Neither what is no number (nan), nor the half of one that is to be whole, nor a yes.
    if isinstance(value, bool) or not 0 <= number <= most or number != float(value):
        raise ValueError(value)
    return number


def _form(name: str) -> str:
    """Return what may be written."""
    if words := _WORDS.get(name):
        return f"one of {', '.join(filter(None, words))}"
    most = SETTINGS[name].metadata["most"]
    return {
        bool: "true or false",
        int: f"a whole number from 0 to {most}",
        float: f"a number from 0 to {most}",
        str: "a text, in quotes",
    }[_TYPES[name]]


@dataclass(frozen=True, slots=True)
class Home:
    """The one folder that everything of a user lives in. Paths only; making them is the owner's business."""

    path: Path

    @property
    def spool(self) -> Path:
        """Where the hook writes."""
        return self.path / "spool"

    @property
    def journal(self) -> Path:
        """What the agent must not forget."""
        return self.path / "journal.db"

    @property
    def graph(self) -> Path:
        """The embedded graph."""
        return self.path / "graph.db"

    @property
    def socket(self) -> Path:
        """Where the embedded graph-exporter listens."""
        return self.path / "otlp.sock"

    @property
    def settled(self) -> Path:
        """How far the derived edges of the graph have come."""
        return self.path / "graph.settled"

    @property
    def dead(self) -> Path:
        """Spans that no receiver or store will ever take."""
        return self.path / "dead"

    @property
    def config(self) -> Path:
        """The settings file."""
        return self.path / FILE_NAME

    @property
    def log(self) -> Path:
        """The log file."""
        return self.path / "cc-otel.log"

    @property
    def cache(self) -> Path:
        """The summaries that were written once."""
        return self.path / "cache.db"

    @property
    def model_credentials(self) -> Path:
        """Keys and addresses of the models that write summaries; for its owner alone."""
        return self.path / "model.env"

    @property
    def ui_token(self) -> Path:
        """What the page asks for; for its owner alone."""
        return self.path / "ui-token"

    @property
    def uninstalled(self) -> Path:
        """While this exists nothing is wired to this home any more, and Claude Code's files are left alone."""
        return self.spool / "uninstalled"

    @property
    def off(self) -> Path:
        """While this exists, the hook records nothing."""
        return self.path / "off"


def default_home() -> Path:
    """Return the home that holds when nothing names another: ``CC_OTEL_HOME``, else ``~/.cc-otel``."""
    return Path(os.environ.get("CC_OTEL_HOME") or Path.home() / ".cc-otel").absolute()


def default_projects() -> Path:
    """Return where the client keeps its transcripts unless ``CLAUDE_CONFIG_DIR`` moves them."""
    return Path.home() / ".claude" / "projects"


def load_file(path: Path) -> dict[str, Any]:
    """
    Read the settings file; an absent one holds nothing.

    Raises:
        BadSettings: it is no TOML, or names a setting that does not exist.

    """
    try:
        settings = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise BadSettings(f"{path}: {error}") from error
    for name in settings:
        if name not in SETTINGS:
            meant = "".join(f", did you mean {near}?" for near in get_close_matches(name, SETTINGS, 1))
            raise BadSettings(f"{path}: no setting is called {name!r}{meant or ';'} `cc-otel settings` lists them")
    return settings
