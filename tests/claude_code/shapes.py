"""Settings that Claude Code loads, and such that it skips as a whole: held to the real client by tests/client."""

from typing import Any, Final

_RUN: Final = {"type": "command", "command": "true"}


def _handler(**members: Any) -> dict[str, Any]:
    return {"hooks": {"PreToolUse": [{"hooks": [members]}]}}


def _groups(groups: Any) -> dict[str, Any]:
    return {"hooks": {"PreToolUse": groups}}


LOADED: Final[dict[str, dict[str, Any]]] = {
    "nothing": {},
    "no groups": _groups([]),
    "no handlers": _groups([{"hooks": []}]),
    "an event without a value": _groups(None),
    "members nobody knows": _groups([{"x": 1, "hooks": [_RUN | {"x": 1}]}]),
    "an empty command": _handler(type="command", command=""),
    "a timeout with a fraction": _handler(type="command", command="true", timeout=1.5),
    "an event nobody knows": {"hooks": {"EventOfTomorrow": [{"command": "x"}]}},
    "a setting nobody knows": {"x": 1},
    "a number in the environment": {"env": {"A": 5}},
    "a rule nobody understands": {"permissions": {"allow": ["Bash("]}},
    "a setting of null": {"enableAllProjectMcpServers": None},
    "attribution as a switch": {"attribution": True},
    "allowManagedHooksOnly of a user": {"allowManagedHooksOnly": True},
}

SKIPPED: Final[dict[str, dict[str, Any]]] = {
    "a group of an old shape": _groups([{"matcher": "Edit", "command": "bash x.sh"}]),
    "a group without handlers": _groups([{"matcher": "Edit"}]),
    "handlers that are no list": _groups([{"hooks": {}}]),
    "groups that are no list": _groups({"hooks": []}),
    "a group that is a text": _groups(["x"]),
    "a group that is null": _groups([None]),
    "a matcher that is a number": _groups([{"matcher": 5, "hooks": [_RUN]}]),
    "a matcher that is null": _groups([{"matcher": None, "hooks": [_RUN]}]),
    "a matcher of an old shape": _groups([{"matcher": {"tools": ["Bash"]}, "hooks": [_RUN]}]),
    "a handler that is a text": _groups([{"hooks": ["x"]}]),
    "a handler without a type": _handler(command="true"),
    "a handler of an unknown type": _handler(type="wasm", command="true"),
    "a handler without its command": _handler(type="command"),
    "a command that is a number": _handler(type="command", command=5),
    "a prompt without a prompt": _handler(type="prompt"),
    "an agent without a prompt": _handler(type="agent"),
    "an address that is missing": _handler(type="http"),
    "an address that is none": _handler(type="http", url="nope"),
    "a tool without a server": _handler(type="mcp_tool"),
    "a timeout that is a text": _handler(**_RUN, timeout="5"),
    "a timeout of nothing": _handler(**_RUN, timeout=0),
    "a timeout below nothing": _handler(**_RUN, timeout=-1),
    "async that is a text": _handler(**_RUN, **{"async": "yes"}),
    "a model that is a number": {"model": 5},
    "an environment that is a list": {"env": []},
    "permissions that are a text": {"permissions": "x"},
    "rules that are a text": {"permissions": {"allow": "x"}},
    "a switch that is a text": {"disableAllHooks": "yes"},
    "another switch that is a text": {"includeCoAuthoredBy": "x"},
    "no days to keep": {"cleanupPeriodDays": 0},
    "days that are a text": {"cleanupPeriodDays": "x"},
    "a status line that is a text": {"statusLine": "x"},
    "addresses that are a text": {"allowedHttpHookUrls": "x"},
}
