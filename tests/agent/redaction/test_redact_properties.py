"""What redaction promises for any text: sound, twice the same, in bounded time; and that detect-secrets is covered."""

import json
import re
import subprocess
import sys
import time
from functools import cache
from importlib import import_module
from inspect import isabstract
from pathlib import Path
from pkgutil import iter_modules

import detect_secrets.plugins
import orjson
import pytest
from detect_secrets.plugins.base import RegexBasedDetector
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cc_otel.agent.redaction.kept import KEPT, kept_patterns
from cc_otel.agent.redaction.key_blocks import private_keys
from cc_otel.agent.redaction.members import texts_of
from cc_otel.agent.redaction.names import assigned_secrets, flagged_secrets, paired_secrets
from cc_otel.agent.redaction.neighbours import neighbouring_secrets
from cc_otel.agent.redaction.patterns import Shapes
from cc_otel.agent.redaction.places import COMMANDS, IN_CONTEXT
from cc_otel.agent.redaction.redact import CANDIDATES_MAX, are_suspicious, redact, redact_text
from cc_otel.agent.redaction.tables import block_secrets, column_secrets
from cc_otel.agent.redaction.vendors import TOKENS
from cc_otel.agent.redaction.words import KINDS
from cc_otel.json_values import Json

GITHUB = "ghp_" + "a1B2c3D4e5F6" * 3
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N"
PEM = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIIrYSSNQFaA2Hwf1duRSxKtLYX5CB04f\n-----END EC PRIVATE KEY-----"
TWILIO = "SK" + "0123456789abcdef" * 2


SUPERSEDED = frozenset(
    "ArtifactoryDetector AWSKeyDetector BasicAuthDetector GitHubTokenDetector GitLabTokenDetector JwtTokenDetector "
    "NpmDetector PrivateKeyDetector SlackDetector StripeDetector".split()
)
"""Detectors whose secrets ours find too, with more of the secret or less of what surrounds it."""

NO_SECRETS = frozenset({"IPPublicDetector"})
"""Detectors of what is no secret."""

HEX = "0123456789abcdef"
MIXED = "aB1c-D2e_F3g4H5i6"
LETTERS_24 = "abcdefghijklmnopqrstuvwx"
EXAMPLES = {
    "ArtifactoryDetector": [' "AKCp8aB1c2D3e4F5" ', "x=AP6aB1c2D3e4F5 "],
    "AWSKeyDetector": ["AKIA" + "IOSFODNN7EXAMPLE", 'aws_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"'],
    "AzureStorageKeyDetector": ["AccountKey=" + "aB1+" * 21 + "aB=="],
    "BasicAuthDetector": ["https://me:tiger7@h/"],
    "CloudantDetector": [
        "cloudant_apikey = " + HEX * 4,
        "cl_pw: " + LETTERS_24,
        f"https://me:{HEX * 4}@me.cloudant.com",
        f"https://me:{LETTERS_24}@me.cloudant.com",
    ],
    "DiscordBotTokenDetector": ["MTA5ODc2NTQzMjEwOTg3NjU0" + ".GaBcDe." + "a1b2c3d4e5f6g7h8i9j0k1l2m3n"],
    "GitHubTokenDetector": [GITHUB],
    "GitLabTokenDetector": [
        "glpat-" + MIXED * 2,
        "GR1348941" + MIXED * 2,
        "glcbt-1a_" + MIXED * 2,
        "glimt-" + (MIXED * 2)[:25],
        "glptt-" + (MIXED * 3)[:40],
        "glagent-" + MIXED * 3,
        "gloas-" + (MIXED * 4)[:64],
    ],
    "IbmCloudIamDetector": ["ibm_cloud_iam_api_key = " + (MIXED * 3)[:44]],
    "IbmCosHmacDetector": ["cos_hmac_secret_access_key = " + HEX * 3],
    "JwtTokenDetector": [JWT],
    "MailchimpDetector": [HEX * 2 + "-us12"],
    "NpmDetector": ["//registry.example/:_authToken=npm_" + "aB1c" * 9],
    "OpenAIDetector": ["sk-" + "aB1c2" * 4 + "T3BlbkFJ" + "aB1c2" * 4],
    "PrivateKeyDetector": [
        *(PEM.replace("EC", kind) for kind in ("DSA", "EC", "OPENSSH", "RSA", "SSH2 ENCRYPTED")),
        PEM.replace("EC ", ""),
        PEM.replace("EC ", "PGP ").replace("KEY-", "KEY BLOCK-"),
        "PuTTY-User-Key-File-2: ssh-rsa\nPrivate-Lines: 1\n" + "aB1c" * 16 + "\nPrivate-MAC: " + HEX * 3,
    ],
    "PypiTokenDetector": ["pypi-AgEIcHlwaS5vcmc" + MIXED * 5, "pypi-AgENdGVzdC5weXBpLm9yZw" + MIXED * 5],
    "SendGridDetector": ["SG." + "abcdefghijklmnopqrstu1" + "." + (MIXED * 3)[:43]],
    "SlackDetector": [
        "xoxb-" + "123456789012-" * 2 + "aBcDeF",
        "https://hooks.slack.com/services/T0000/B0000/aB1c2D3e",
    ],
    "SoftlayerDetector": ["softlayer_api_key = " + HEX * 4, "http://api.softlayer.com/soap/v3/" + HEX * 4],
    "SquareOAuthDetector": ["sq0csp-" + (MIXED * 3)[:43]],
    "StripeDetector": ["rk_live_" + "aB1c" * 6],
    "TelegramBotTokenDetector": ["1234567890:" + (MIXED * 3)[:34] + "z"],
    "TwilioKeyDetector": ["AC" + HEX * 2, TWILIO],
}
"""At least one for each regular expression of each detector."""


@cache
def shapes() -> tuple[Shapes, ...]:
    """Return what looks for each table of patterns."""
    return tuple(Shapes(patterns) for patterns in (TOKENS, tuple(kept_patterns()), IN_CONTEXT, COMMANDS))


@cache
def detectors() -> dict[str, RegexBasedDetector]:
    """Return the detectors of the installed detect-secrets that work by regular expressions alone."""
    found: dict[str, RegexBasedDetector] = {}
    for module in iter_modules(detect_secrets.plugins.__path__):
        for name, value in vars(import_module(f"detect_secrets.plugins.{module.name}")).items():
            if isinstance(value, type) and issubclass(value, RegexBasedDetector) and not isabstract(value):
                found[name] = value()
    return found


def test_every_detector_is_accounted_for() -> None:
    """A detector that a new release of detect-secrets brings is used, superseded or refused, never overlooked."""
    kept = {name.partition(".")[2] for name, _, _ in KEPT}

    assert kept | SUPERSEDED | NO_SECRETS == set(detectors())
    assert kept | SUPERSEDED == set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_a_detector_finds_is_redacted(name: str) -> None:
    """Whatever an expression of detect-secrets finds in a line is gone from it afterwards."""
    patterns = list(detectors()[name].denylist)
    found = [{pattern for pattern in patterns if pattern.search(example)} for example in EXAMPLES[name]]
    redacted = [redact_text(f"see {example} there") for example in EXAMPLES[name]]

    assert set().union(*found) == set(patterns)
    assert [text for text, count in redacted if count == 0 or re.search(r"[A-Za-z0-9]{20}", text)] == []


SECRETS = [GITHUB, JWT, PEM, PEM[:70], PEM[-60:], TWILIO, "AKIAIOSFODNN7EXAMPLE", "a1b2c3d4e5f6g7h8", "bWU6dGlnZXI3"]
NAMES = "password API_TOKEN token Authorization cookie secret_key max_tokens --password -u mysql Bearer Basic".split()
SIGNS = [":", "=", " = ", ": ", "=>", "://", "@", "?", "&", "-p", " ", "\n", "\t", "\\n", *"\"'`{}[]", '\\"']
COMMAND_WORDS = ["mysql", "-phunter2", "-p", "login", "-pass", "pass:hunter2", "X-Api-Key:"]
OTHERS = [*COMMAND_WORDS, "hunter2", "é", "\ud800", "\x00", "[redacted:token]", "/usr/x", "x.y", "12345678"]
FRAGMENTS = st.sampled_from([*SECRETS, *NAMES, *SIGNS, *OTHERS])
SALAD = st.lists(FRAGMENTS | st.text(max_size=5), max_size=12).map("".join)
# In one run of letters, what one secret leaves behind may be another: apart from each other they are themselves.
SPACED = st.lists(FRAGMENTS, max_size=12).map(" ".join)


def json_of(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Json]:
    """Generate values of any shape that hold such texts, also as JSON within texts."""
    within = texts.map(lambda text: json.dumps({"k": text, text: [text]}))
    return st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | texts | within,
        lambda inner: (
            st.lists(inner, max_size=5) | st.dictionaries(texts | st.sampled_from(["name", "value"]), inner, max_size=5)
        ),
        max_leaves=15,
    )


@given(json_of(SALAD))
def test_a_first_look_misses_nothing(value: Json) -> None:
    """A payload that passes the first look loses nothing to the work itself, done because of another payload."""
    alone = redact(value)
    beside = redact({"a": value, "b": GITHUB})

    assert isinstance(beside.value, dict)
    assert repr(beside.value["a"]) == repr(alone.value)
    assert beside.count == alone.count + 1


@settings(deadline=None)
@given(SALAD)
def test_no_finder_finds_what_the_first_look_does_not(text: str) -> None:
    """Every place that any finder looks at is one that the first look stops at."""
    data = text.encode("utf-8", "surrogatepass")
    named = (paired_secrets, assigned_secrets, flagged_secrets, neighbouring_secrets, column_secrets, block_secrets)
    finders = (*(shape.secrets for shape in shapes()), private_keys, *named)

    assert are_suspicious(texts_of(text)) or not any(list(find(data)) for find in finders)


@given(json_of(SPACED))
def test_redacting_twice_changes_nothing_more(value: Json) -> None:
    """What comes out holds nothing that would be taken for a secret."""
    once = redact(value)
    twice = redact(once.value)

    assert twice.count == 0
    assert repr(once.value) == repr(twice.value)


@given(json_of(SALAD), st.sampled_from([GITHUB, JWT, TWILIO]), st.data())
def test_a_planted_secret_is_never_left(value: Json, secret: str, data: st.DataObject) -> None:
    """Wherever in whatever value a secret stands by itself, it is gone afterwards."""
    before, after = data.draw(st.tuples(SALAD, SALAD))
    assume(secret[:4] not in before + after + repr(value))
    planted: Json = {"a": value, "b": [f"{before} {secret} {after}"]}

    redacted = redact(planted)

    assert secret not in json.dumps(redacted.value)
    assert redacted.count >= 1


# Limits


def repeated(unit: str) -> str:
    """Return 10 MB of it."""
    return unit * (10_000_000 // len(unit))


UNITS = [
    "token=",
    "token = a ",
    "password=x1y2z3 ",
    GITHUB + " ",
    "sk-ant-",
    "://a:",
    "://a:b@",
    "://a:80/",
    "://a:.../@",
    "://a:b/c?d#e@",
    "-pass pass:",
    "X-Api-Key: ",
    "mysql ",
    "mysql -px1 ",
]
UNITS += [
    PEM.partition("\n")[0],
    PEM.rpartition("\n")[2],
    'token="',
    "eyJ",
    "{",
    "[",
    "[],",
    "--token-",
    "-u a:b1 ",
    " ",
]
UNITS += ["é", "\\", "aws key ", "secrets set A=b1c2d3 ", "MNO.-", "AP1a", '{"password": "hunter2"},']


@pytest.mark.parametrize("unit", UNITS)
def test_10_mb_of_anything_take_bounded_time(unit: str) -> None:
    """A text made to be slow is not; what is beyond the limit of what is judged does not leave either."""
    text = repeated(unit)
    started = time.monotonic()

    redacted, count = redact_text(text)

    assert time.monotonic() - started < 30
    assert count <= CANDIDATES_MAX + 1
    assert "hunter2" not in redacted
    assert GITHUB not in redacted


def test_large_json_within_a_text_takes_bounded_time() -> None:
    """A text of 10 MB that is JSON is read, redacted and written in bounded time."""
    rows = [{"id": n, "password": f"hunter{n}"} for n in range(250_000)]
    started = time.monotonic()

    redacted, count = redact_text(orjson.dumps(rows).decode())

    assert time.monotonic() - started < 30
    assert count == 250_000
    assert orjson.loads(redacted)[7] == {"id": 7, "password": "[redacted:password]"}


def test_many_secret_keys_take_bounded_time() -> None:
    """Keys that all become the same mark stay apart, without looking for a free name over and over."""
    numbers = range(CANDIDATES_MAX // 2)
    started = time.monotonic()

    redacted = redact({f"{GITHUB}{number:06}": number for number in numbers})

    assert time.monotonic() - started < 30
    assert redacted.count == len(numbers)
    assert isinstance(redacted.value, dict)
    assert list(redacted.value.values()) == list(numbers)


def test_every_kind_is_documented() -> None:
    """The page of redaction names every kind that there is."""
    patterns = (*TOKENS, *kept_patterns(), *IN_CONTEXT, *COMMANDS)
    kinds = {pattern.kind for pattern in patterns} | KINDS | {"private-key", "too-much"}
    page = (Path(__file__).parents[3] / "docs" / "redaction.md").read_text()

    assert sorted(kind for kind in kinds if f"`{kind}`" not in page and f"[redacted:{kind}]" not in page) == []


def test_it_opens_no_socket_and_starts_no_process() -> None:
    """Patterns come from a scanner that can ask the network whether a secret works: we never let it."""
    script = (
        "import sys\n"
        "told = []\n"
        "watched = ('socket.connect', 'socket.getaddrinfo', 'subprocess.Popen', 'os.fork', 'os.posix_spawn')\n"
        "sys.addaudithook(lambda event, _: told.append(event) if event in watched else None)\n"
        "from cc_otel.agent.redaction.redact import redact_text\n"
        f"assert redact_text({PEM!r} + ' ' + {TWILIO!r})[1] == 2\n"
        "print(told)\n"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout == "[]\n"
