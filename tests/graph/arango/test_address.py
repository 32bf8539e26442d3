"""Where an ArangoDB is, as one line of configuration says it."""

from pathlib import Path

import pytest

from cc_otel.graph.arango.address import Address, BadAddress, parse

GOOD: dict[str, Address] = {
    "arangodb+http://root@127.0.0.1:8529/cc_otel": Address(("http://127.0.0.1:8529",), "root", "cc_otel"),
    "arangodb+http://localhost": Address(("http://localhost:8529",), "root", "cc_otel"),
    "arangodb+http://writer@[::1]:9000/traces/": Address(("http://[::1]:9000",), "writer", "traces"),
    "arangodb+https://db.example.org/team-1": Address(("https://db.example.org:8529",), "root", "team-1"),
    "arangodb+https://a%40b@one,two:9000,three:9001/x": Address(
        ("https://one:9001", "https://two:9000", "https://three:9001"), "a@b", "x"
    ),
}

BAD: dict[str, str] = {
    "http://root@127.0.0.1:8529/cc_otel": "is written arangodb\\+https://user@host:8529/cc_otel",
    "sqlite:///graph.db": "is written arangodb\\+https://",
    "arangodb+http://root@10.0.0.1:8529/cc_otel": "10.0.0.1 is another machine: use arangodb\\+https://",
    "arangodb+http://root@127.0.0.1,db.example.org/cc_otel": "db.example.org is another machine",
    "arangodb+https://root:secret@db/cc_otel": "set CC_OTEL_ARANGO_PASSWORD",
    "arangodb+https://root@/cc_otel": "'' is no host and port",
    "arangodb+https://root@one,,two/cc_otel": "'' is no host and port",
    "arangodb+https://root@one:0/cc_otel": "'one:0' is no host and port",
    "arangodb+https://root@one:99999/cc_otel": "'one:99999' is no host and port",
    "arangodb+https://root@one/_system": "'_system' is no database name",
    "arangodb+https://root@one/a/b": "'a/b' is no database name",
    "arangodb+https://root@one/x?verify=0": "no option 'verify'",
    "arangodb+https://root@one/x?ca=/nowhere/ca.pem": "'/nowhere/ca.pem' \\(\\?ca=\\) are not a file",
    "arangodb+http://root@127.0.0.1/x?ca=/nowhere/ca.pem": "needs arangodb\\+https://",
}


@pytest.mark.parametrize("url", GOOD)
def test_an_address_says_hosts_user_and_database(url: str) -> None:
    """User, port and database have defaults; several hosts may share the last one's port."""
    assert GOOD[url] == parse(url)


def test_an_address_may_name_certificates(tmp_path: Path) -> None:
    """The certificates of a private authority are named in the address."""
    certificates = tmp_path / "ca.pem"
    certificates.write_text("")

    assert Address(("https://db:8529",), "root", "cc_otel", str(certificates)) == parse(
        f"arangodb+https://root@db?ca={certificates}"
    )


@pytest.mark.parametrize("url", BAD)
def test_a_bad_address_says_what_to_write(url: str) -> None:
    """What cannot be used is told before anything is sent, without a password that stood in it."""
    with pytest.raises(BadAddress, match=BAD[url]) as raised:
        parse(url)

    assert "secret" not in str(raised.value)
