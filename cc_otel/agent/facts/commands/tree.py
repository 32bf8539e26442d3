"""
A shell text as a flat list: its commands in order, with what joins them, where each redirects and what encloses it.

The parser is tree-sitter with its bash grammar. Its tree is not taken for the shell's precedence (a redirect before a
pipe makes it put a whole chain inside the pipe), so only the order of commands and operators is read from it.
"""

from dataclasses import dataclass, field
from functools import cache
from typing import Final

from tree_sitter import Language, Node, Parser

TEXT_BYTES_MAX: Final = 64 * 1024
"""A longer text is not parsed: its commands stay unknown."""

EXPANSIONS_MAX: Final = 500
"""A text with more ``${`` is not parsed: unclosed ones cost the parser the square of their number."""

NODES_MAX: Final = 4096
"""How many nodes of the tree are looked at; what comes after is not known."""

DEPTH_MAX: Final = 60
"""How deep the tree is followed."""

COMMANDS_MAX: Final = 64
"""How many commands of one text are read."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word without its quotes. ``quoted``: some of it was; ``dynamic``: the shell puts something in its place."""

    text: str
    quoted: bool = False
    dynamic: bool = False


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where input comes from or output goes to: ``<``, ``>``, ``>>``, ``&>`` ..., without copies of descriptors."""

    operator: str
    target: Word
    descriptor: str = ""


@dataclass(slots=True)
class Step:
    """
    One command of the text as it is written.

    ``joined`` is the operator before it: ``""`` for the first, else ``;``, ``&&``, ``||``, ``|`` or ``&``. ``scope``
    are the subshells around it, by number, outermost first. ``here``: the text that a heredoc or ``<<<`` gives it.
    """

    words: list[Word] = field(default_factory=list)
    assignments: list[str] = field(default_factory=list)
    redirects: list[Redirect] = field(default_factory=list)
    joined: str = ""
    scope: tuple[int, ...] = ()
    here: str | None = None
    negated: bool = False
    condition: bool = False
    loop: bool = False
    background: bool = False
    substituted: bool = False


def steps_of(text: str) -> list[Step]:
    """Return the commands of a shell text in order; none where it is too long. Never fails, whatever the text."""
    if len(text) > TEXT_BYTES_MAX or text.count("${") > EXPANSIONS_MAX:
        return []
    data = text.replace("\0", " ").encode("utf-8", "replace")
    if len(data) > TEXT_BYTES_MAX:
        return []
    reader = _Reader(data)
    reader.read(Parser(_bash()).parse(data.translate(_ASCII)).root_node, 0)
    return [step for step in reader.steps if step.words and step.words[0].text not in reader.functions]


# The grammar's scanner looks characters up in tables of 256 (`isdigit`), and what lies beyond ends the process: the
# parser gets a letter for each byte that is not ASCII. Words are read from the text itself, at the same places.
_ASCII: Final = bytes(range(128)) + b"x" * 128


@cache
def _bash() -> Language:
    # Loading the grammar takes some milliseconds, and a command line that asks a question never needs it.
    import tree_sitter_bash  # noqa: PLC0415

    return Language(tree_sitter_bash.language())


_OPERATORS: Final = frozenset({"&&", "||", ";", "|", "|&", "&", ";;"})
_PASSIVE: Final = frozenset(
    "comment heredoc_start heredoc_body heredoc_end command_substitution process_substitution simple_expansion "
    "expansion arithmetic_expansion string raw_string word number variable_name array".split()
)
_CONDITIONS: Final = frozenset({"if_statement", "while_statement", "elif_clause"})
_DYNAMIC: Final = frozenset(
    {"simple_expansion", "expansion", "command_substitution", "process_substitution", "arithmetic_expansion"}
)


class _Reader:
    """Follows one tree and gathers its steps."""

    def __init__(self, data: bytes) -> None:
        self.steps: list[Step] = []
        self.functions: set[str] = set()
        self._data = data
        self._nodes = 0
        self._joined = ""
        self._scope: tuple[int, ...] = ()
        self._scopes = 0
        self._negated = False
        self._condition = False
        self._loop = False
        self._substituted = False

    def read(self, node: Node, depth: int) -> None:  # noqa: PLR0912, C901 (one branch a kind of node)
        self._nodes += 1
        if depth > DEPTH_MAX or self._nodes > NODES_MAX or len(self.steps) >= COMMANDS_MAX:
            return
        kind = node.type
        if kind == "command":
            self._command(node, depth)
        elif kind in _OPERATORS:
            self._operator(kind)
        elif kind in {"test_command", "declaration_command", "unset_command"}:
            self._special(node, kind)
        elif kind == "redirected_statement":
            self._redirected(node, depth)
        elif kind in {"variable_assignment", "variable_assignments"}:
            self._assigned(node, depth)
        elif kind == "negated_command":
            self._negated = True
            self._children(node, depth)
        elif kind == "subshell":
            self._subshell(node, depth)
        elif kind == "function_definition":
            if (name := node.child_by_field_name("name")) is not None:
                self.functions.add(self._text(name))
            self._children(node, depth)
        elif kind == "do_group":
            outer, self._loop = self._loop, True
            self._children(node, depth)
            self._loop = outer
        elif kind in _CONDITIONS:
            self._conditional(node, depth)
        elif kind in {"file_redirect", "heredoc_redirect", "herestring_redirect"}:
            self._redirect(self.steps[-1] if self.steps else Step(), node, depth)
        elif kind not in _PASSIVE:
            self._children(node, depth)

    def _children(self, node: Node, depth: int) -> None:
        for child in node.children:
            self.read(child, depth + 1)

    def _operator(self, kind: str) -> None:
        if kind == "&" and self.steps:
            self.steps[-1].background = True
        self._joined = {"|&": "|", ";;": ";"}.get(kind, kind)

    def _subshell(self, node: Node, depth: int) -> None:
        outer = self._scope
        self._scopes += 1
        self._scope = (*outer, self._scopes)
        self._children(node, depth)
        self._scope = outer

    def _conditional(self, node: Node, depth: int) -> None:
        outer, self._condition = self._condition, True
        for child in node.children:
            if child.type in {"then", "do_group"}:
                self._condition = outer
            self.read(child, depth + 1)
        self._condition = outer

    def _assigned(self, node: Node, depth: int) -> None:
        """Read the commands whose output is assigned: an assignment alone ends as they do."""
        substitutions = [
            found
            for assignment in (node.children if node.type == "variable_assignments" else [node])
            for value in assignment.children[2:]
            for found in ([value] if value.type == "command_substitution" else value.children)
            if found.type == "command_substitution"
        ]
        outer, self._substituted = self._substituted, True
        for substitution in substitutions:
            self._subshell(substitution, depth)
        self._substituted = outer

    def _redirected(self, node: Node, depth: int) -> None:
        before = len(self.steps)
        body = node.child_by_field_name("body")
        for child in node.children:
            if body is not None and child.id == body.id:
                self.read(child, depth + 1)
            elif child.type in {"file_redirect", "heredoc_redirect", "herestring_redirect"}:
                if len(self.steps) == before:
                    # `> file` alone empties it.
                    self._add(Step([Word(":")]))
                self._redirect(self.steps[-1], child, depth)
            else:
                self.read(child, depth + 1)

    def _command(self, node: Node, depth: int) -> None:
        step = Step()
        heredocs = []
        for child in node.children:
            if self._nodes > NODES_MAX:
                break
            kind = child.type
            if kind == "command_name":
                step.words.append(self._word(child.children[0] if child.children else child, depth))
            elif kind == "variable_assignment":
                step.assignments.append(self._text(child))
            elif kind == "heredoc_redirect":
                heredocs.append(child)
            elif kind in {"file_redirect", "herestring_redirect"}:
                self._redirect(step, child, depth)
            elif kind != "comment" and (child.is_named or kind not in _OPERATORS):
                step.words.append(self._word(child, depth))
        self._add(step)
        for heredoc in heredocs:
            self._redirect(step, heredoc, depth)

    def _special(self, node: Node, kind: str) -> None:
        if kind == "test_command":
            first, *words_of_test = self._text(node).split()
            closed = words_of_test[:-1] if words_of_test[-1:] in (["]"], ["]]"], ["))"]) else words_of_test
            words = [Word(first), *(Word(text.strip("'\"")) for text in closed)]
        else:
            words = [self._word(child, 0) for child in node.children if child.type not in _OPERATORS]
        self._add(Step(words))

    def _add(self, step: Step) -> None:
        step.joined = (self._joined or ";") if self.steps else ""
        step.scope, step.negated, step.condition = self._scope, self._negated, self._condition
        step.substituted, step.loop = self._substituted, self._loop
        self._joined, self._negated = "", False
        self.steps.append(step)

    def _redirect(self, step: Step, node: Node, depth: int) -> None:
        if node.type == "file_redirect":
            self._file_redirect(step, node, depth)
        elif node.type == "herestring_redirect":
            words = [self._word(child, depth) for child in node.children if child.is_named]
            step.here = words[0].text if words else ""
        else:
            for child in node.children:
                if child.type == "heredoc_body":
                    step.here = self._text(child)
                elif child.type == "file_redirect":
                    self._file_redirect(step, child, depth)
                elif child.is_named and child.type in {"word", "string", "raw_string", "concatenation", "number"}:
                    # `cat <<EOF file`: what follows the mark is an argument.
                    step.words.append(self._word(child, depth))
                else:
                    # What follows on the heredoc's first line: `cat <<EOF | sort && next`.
                    self.read(child, depth + 1)
            if step.here is None:
                step.here = ""

    def _file_redirect(self, step: Step, node: Node, depth: int) -> None:
        operator = descriptor = ""
        targets: list[Word] = []
        for child in node.children:
            if child.type == "file_descriptor":
                descriptor = self._text(child)
            elif not child.is_named:
                operator = operator or child.type
            else:
                targets.append(self._word(child, depth))
        if targets and not (operator in {">&", "<&"} and targets[0].text.strip("-").isdigit()):
            step.redirects.append(Redirect(operator, targets[0], descriptor))
        # The grammar lets a redirect swallow the arguments after it: `cmd > file arg`.
        step.words.extend(targets[1:])

    def _text(self, node: Node) -> str:
        return self._data[node.start_byte : node.end_byte].decode("utf-8", "replace")

    def _word(self, node: Node, depth: int) -> Word:
        self._nodes += 1
        kind, text = node.type, self._text(node)
        if kind in {"word", "number"}:
            if kind == "number" and node.child_count:
                return Word(text, dynamic=True)
            return Word(_unescaped(text), quoted="\\" in text)
        if kind == "raw_string":
            return Word(text[1:-1], quoted=True)
        if kind == "ansi_c_string":
            return Word(text[2:-1], quoted=True)
        if kind == "string":
            dynamic = any(child.type in _DYNAMIC for child in node.children)
            return Word(_inside_double_quotes(text), quoted=True, dynamic=dynamic)
        if kind == "concatenation" and depth < DEPTH_MAX:
            parts = [self._word(child, depth + 1) for child in node.children]
            return Word(
                "".join(part.text for part in parts),
                quoted=any(part.quoted for part in parts),
                dynamic=any(part.dynamic for part in parts),
            )
        return Word(text, dynamic=kind in _DYNAMIC)


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    out, characters = [], iter(text)
    for character in characters:
        if character != "\\":
            out.append(character)
        elif (following := next(characters, "")) != "\n":
            out.append(following)
    return "".join(out)


def _inside_double_quotes(text: str) -> str:
    inner = text[1:-1] if len(text) > 1 and text.endswith('"') else text[1:]
    if "\\" not in inner:
        return inner
    return inner.replace("\\\n", "").replace('\\"', '"').replace("\\$", "$").replace("\\`", "`").replace("\\\\", "\\")
