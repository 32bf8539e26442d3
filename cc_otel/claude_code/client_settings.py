"""
What Claude Code makes of its settings files: which it does not load, and what keeps hooks from running.

Found by asking the real client 2.1.330 (tests/client/test_settings_shapes.py does). A file with one value of a wrong
type is skipped as a whole, hooks included, and only that file. What is not known here counts as right.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cc_otel.claude_code import json_text
from cc_otel.claude_code.event_table import EVENTS
from cc_otel.claude_code.json_text import Number
from cc_otel.claude_code.settings_file import SettingsFile, Unusable

MANAGED: Final = (
    Path("/etc/claude-code"),
    Path("/Library/Application Support/ClaudeCode"),
)
"""Where an administrator's settings are, on Linux and on macOS."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A reason for which hooks of ours do not run, and what is to be done about it."""

    reason: str
    mend: str


def rejections(text: str) -> list[str]:
    """
    Return why the client loads nothing of a settings file, each reason with its place; none where it loads it.

    Raises:
        Malformed: it is no JSON.

    """
    settings = json_text.parse(text) if not json_text.is_blank(text) else {}
    if not isinstance(settings, dict):
        return ["the whole is not an object"]
    found = _wrong("", settings, _TYPES)
    if isinstance(permissions := settings.get("permissions"), dict):
        found += _wrong("permissions", permissions, _RULES)
    hooks = settings.get("hooks")
    for event, groups in hooks.items() if isinstance(hooks, dict) else ():
        if event in EVENTS and groups is not None:
            found += _in_groups(f"hooks.{event}", groups)
    return found


def obstacles(path: Path, folder: Path, managed: Sequence[Path] = MANAGED) -> list[Obstacle]:
    """
    Return what keeps hooks that are wired in a settings file from running, in sessions that begin in a folder.

    Raises:
        Unusable: a file cannot be read.

    """
    found = [
        Obstacle(f"Claude Code skips all of {path}, because {reason}", f"mend it in {path}")
        for reason in _reasons(path)
    ]
    policies = [file for file in _managed_files(managed) if _settings(file)]
    for file in policies:
        for name in ("allowManagedHooksOnly", "strictPluginOnlyCustomization"):
            if _settings(file).get(name) is True:
                found.append(Obstacle(f'"{name}" in {file} keeps your own hooks from running', "ask its administrator"))
    # The first that says it decides: managed settings, then those of the folder, then the user's.
    local = (folder / ".claude" / "settings.local.json", folder / ".claude" / "settings.json")
    for file in (*reversed(policies), *local, path):
        said = _settings(file).get("disableAllHooks")
        if said is True:
            found.append(
                Obstacle(f'"disableAllHooks" in {file} keeps all hooks from running', f"remove it from {file}")
            )
        if said is not None:
            break
    return found


def _reasons(path: Path) -> list[str]:
    text = SettingsFile(path).read()
    try:
        return rejections(text) if text is not None else []
    except json_text.Malformed as error:
        return [f"it is no JSON ({error})"]


def _settings(path: Path) -> Mapping[str, Any]:
    """Return what a file says; nothing where there is none, or none that the client loads."""
    try:
        text = SettingsFile(path).read()
        value = json_text.parse(text) if text else {}
    except (Unusable, json_text.Malformed):
        return {}
    return value if isinstance(value, dict) and not rejections(text or "") else {}


def _managed_files(folders: Sequence[Path]) -> Iterator[Path]:
    for folder in folders:
        yield folder / "managed-settings.json"
        yield from sorted((folder / "managed-settings.d").glob("*.json"))


def _in_groups(where: str, groups: object) -> list[str]:
    if not isinstance(groups, list):
        return [f"{where} is not a list"]
    return [reason for number, group in enumerate(groups) for reason in _in_group(f"{where}[{number}]", group)]


def _in_group(where: str, group: object) -> list[str]:
    if not isinstance(group, dict):
        return [f"{where} is not an object"]
    found = _wrong(where, group, {"matcher": _TEXT})
    handlers = group.get("hooks")
    if not isinstance(handlers, list):
        return [*found, f'{where} has no list called "hooks"']
    return found + [
        reason for number, it in enumerate(handlers) for reason in _in_handler(f"{where}.hooks[{number}]", it)
    ]


def _in_handler(where: str, handler: object) -> list[str]:
    if not isinstance(handler, dict):
        return [f"{where} is not an object"]
    kind = handler.get("type")
    needed = _NEEDED.get(kind) if isinstance(kind, str) else None
    if needed is None:
        # An unknown type costs the whole file, too.
        return [f'{where} has no "type" that is known: {", ".join(_NEEDED)}']
    missing = [f'{where} has no "{name}", which "{kind}" needs' for name in needed if name not in handler]
    types = dict.fromkeys(needed, _TEXT) | {"url": _ADDRESS, "timeout": _POSITIVE, "async": _SWITCH}
    return missing + _wrong(where, handler, types)


def _wrong(where: str, members: Mapping[str, object], types: Mapping[str, "_Type"]) -> list[str]:
    at = f"{where}." if where else ""
    return [
        f"{at}{name} is not {kind.words}"
        for name, kind in types.items()
        if name in members and not kind.fits(members[name])
    ]


@dataclass(frozen=True, slots=True)
class _Type:
    words: str
    fits: Callable[[object], bool]


def _is_positive(value: object) -> bool:
    try:
        return isinstance(value, Number) and float(value) > 0
    except ValueError:
        return False


_OBJECT: Final = _Type("an object", lambda value: isinstance(value, dict))
_LIST: Final = _Type("a list", lambda value: isinstance(value, list))
_TEXT: Final = _Type("a text", lambda value: isinstance(value, str) and not isinstance(value, Number))
_SWITCH: Final = _Type("true or false", lambda value: isinstance(value, bool))
_POSITIVE: Final = _Type("a number above 0", _is_positive)
_ADDRESS: Final = _Type("an address (http:// or https://)", lambda value: "://" in str(value))
_TEXT_OR_LIST: Final = _Type("a text or a list", lambda value: _TEXT.fits(value) or _LIST.fits(value))
_RULES: Final = dict.fromkeys(("allow", "ask", "deny"), _LIST)

_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "command": ("command",),
    "prompt": ("prompt",),
    "agent": ("prompt",),
    "http": ("url",),
    "mcp_tool": ("server", "tool"),
}
"""The types of handlers, and what each needs."""

_TYPES: Final[Mapping[str, _Type]] = {
    name: kind
    for kind, names in (
        (_TEXT, "apiKeyHelper autoUpdatesChannel awsAuthRefresh awsCredentialExport language model otelHeadersHelper"),
        (_TEXT, "outputStyle plansDirectory"),
        (_SWITCH, "alwaysThinkingEnabled disableAllHooks fastMode includeCoAuthoredBy prefersReducedMotion"),
        (_SWITCH, "respectGitignore showTurnDuration spinnerTipsEnabled verbose"),
        (_OBJECT, "enabledPlugins env fileSuggestion permissions sandbox statusLine"),
        (_LIST, "allowedHttpHookUrls availableModels companyAnnouncements httpHookAllowedEnvVars"),
        (_TEXT_OR_LIST, "disabledMcpjsonServers enabledMcpjsonServers forceLoginOrgUUID"),
        (_POSITIVE, "cleanupPeriodDays"),
    )
    for name in names.split()
}
"""What well-known settings may be."""
