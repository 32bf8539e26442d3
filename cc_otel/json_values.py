"""The shape of what Claude Code writes and spans carry: any JSON value."""

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None
