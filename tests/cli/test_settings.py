"""`cc-otel settings`: every name, whatever is in the file, and no secret; and what is said of a value that is none."""

from typing import Any

import pytest

from cc_otel.config import SETTINGS
from tests.cli.person import Person


def configure(person: Person, text: str) -> None:
    """Write the file of settings."""
    person.home.mkdir()
    person.home.joinpath("config.toml").write_text(text)


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("store", "arangodb+https://root:s3@c/r?t@db:8529/traces", "arangodb+https://(set)@db:8529/traces"),
        ("store", "sqlite:////home/me@work/graph.db", "sqlite:////home/me@work/graph.db"),
        ("exporter_otlp_endpoint", "https://o.example:4318/in?key=s3cr3t", "https://o.example:4318/in?(set)"),
        ("exporter_otlp_traces_endpoint", "key:s3cr3t@o.example:4317", "(set)@o.example:4317"),
        ("jaeger_url", "http://me:s3cr3t@localhost:16686", "http://(set)@localhost:16686"),
        ("resource_attributes", "team=a,token=s3cr3t", "(set)"),
        ("cache_url", "redis://:s3cr3t@localhost", "(set)"),
        ("projects_dir", "/home/me@work/projects", "/home/me@work/projects"),
    ],
)
def test_no_secret_is_shown(person: Person, name: str, value: str, shown: str) -> None:
    """What may be secret in a value is not shown: all of it, or an address's account and query."""
    told = person.told("settings", **{f"CC_OTEL_{name.upper()}": value})

    assert shown == {row["name"]: row["value"] for row in told}[name]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("retention_day = 3", ": no setting is called 'retention_day', did you mean retention_days?"),
        ("xyz = 3", ": no setting is called 'xyz'; `cc-otel settings` lists them"),
        ("what?", ": Expected '=' after a key"),
        ("idle_s = -5", "idle_s is -5 (in "),
    ],
)
def test_a_file_that_cannot_be_used(person: Person, text: str, reason: str) -> None:
    """The names are listed with their defaults where the file cannot be used, which is said and fails."""
    configure(person, text)
    done = person.run("settings")

    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert reason in done.stderr
    assert [f"{name} = {item.default!r}" for name, item in SETTINGS.items()] == [
        line for line in done.stdout.splitlines() if " = " in line and not line.startswith(" ")
    ]


WRONG: Any = [
    ("idle_s", "-5", "-5", "a number from 0 to 1000000000"),
    ("idle_s", "nan", "nan", "a number from 0 to 1000000000"),
    ("idle_s", "inf", "inf", "a number from 0 to 1000000000"),
    ("keep_h", "1e9", "1000000000.0", "a number from 0 to 876000"),
    ("retention_days", "true", "True", "a number from 0 to 36500"),
    ("spool_max_mb", "1.5", "1.5", "a whole number from 0 to 1000000000"),
    ("spool_max_mb", "[]", "[]", "a whole number from 0 to 1000000000"),
    ("use_otel_env", "2", "2", "true or false"),
    ("content", '"all"', "'all'", "one of redacted, none"),
    ("projects_dir", "3", "3", "a text, in quotes"),
    ("graph_token", "31415", "not usable", "a text, in quotes"),
]


@pytest.mark.parametrize(("name", "written", "said", "form"), WRONG)
def test_a_value_that_is_none(person: Person, name: str, written: str, said: str, form: str) -> None:
    """A value that a setting cannot take is named with the file it is in and with what may be written instead."""
    configure(person, f"{name} = {written}\n")
    told = person.refused("status")

    assert f"Error: {name} is {said} (in {person.home}/config.toml): write {form}\n" == told


def test_where_a_value_is_from(person: Person) -> None:
    """It is said whether a variable or a flag has the value that cannot be taken."""
    by_variable = person.refused("status", CC_OTEL_SPOOL_MAX_MB="some")
    by_flag = person.refused("status", "--spool-max-mb", "many")
    by_standard = person.refused(
        "status", CC_OTEL_USE_OTEL_ENV="1", OTEL_EXPORTER_OTLP_TRACES_TIMEOUT="long", OTEL_EXPORTER_OTLP_TIMEOUT="1"
    )

    whole, number = "a whole number from 0 to 1000000000", "a number from 0 to 1000000000"
    assert [
        f"Error: spool_max_mb is 'some' (from CC_OTEL_SPOOL_MAX_MB): write {whole}\n",
        f"Error: spool_max_mb is 'many' (from --spool-max-mb): write {whole}\n",
        f"Error: exporter_otlp_timeout is 'long' (from OTEL_EXPORTER_OTLP_TRACES_TIMEOUT): write {number}\n",
    ] == [by_variable, by_flag, by_standard]


def test_numbers_in_quotes(person: Person) -> None:
    """A number may be in quotes, and a whole one may be where any may."""
    configure(person, 'retention_days = "90"\nkeep_h = 2\n')

    assert {
        row["name"]: row["value"] for row in person.told("settings") if row["name"] in ("retention_days", "keep_h")
    } == {"retention_days": 90.0, "keep_h": 2.0}


def test_resource_attributes_without_form(person: Person) -> None:
    """An attribute of the resource that is not name=value is told as one."""
    told = person.refused("flush", CC_OTEL_RESOURCE_ATTRIBUTES="a=b,c")

    reason = "attribute 2 is not name=value: separate attributes by commas, write a comma as %2C"
    assert f"Error: resource_attributes: {reason}\n" == told
