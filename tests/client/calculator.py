"""An MCP server over standard input and output, with one tool that adds and one that fails; nothing else of MCP."""

import json
import sys
from typing import Any

NUMBERS = {"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number"}}}
TOOLS = [
    {"name": "add", "description": "Add two numbers.", "inputSchema": NUMBERS},
    {"name": "break", "description": "Fail.", "inputSchema": {"type": "object"}},
]


def result_of(method: str, params: dict[str, Any]) -> dict[str, Any]:
    """Handle a request."""
    if method == "initialize":
        information = {"name": "calculator", "version": "1"}
        version = params["protocolVersion"]
        return {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": information}
    if method == "tools/list":
        return {"tools": TOOLS}
    if method == "tools/call":
        broken = params["name"] == "break"
        text = "it broke" if broken else str(params["arguments"]["a"] + params["arguments"]["b"])
        return {"content": [{"type": "text", "text": text}], "isError": broken}
    return {}


for line in sys.stdin:
    request = json.loads(line)
    if "id" in request:
        result = result_of(request["method"], request.get("params", {}))
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}) + "\n")
        sys.stdout.flush()
