"""What a repository is called, by the configuration that it has."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_otel.agent.facts.remotes import name_of, name_of_url

SAME = "github.com/acme/app"


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/acme/app.git",
        "https://github.com/acme/app",
        "https://github.com/acme/app/",
        "https://github.com/acme/app.git/",
        "HTTPS://GitHub.com/acme/app.git",
        "https://me:secret@github.com:443/acme/app.git?x=1#y",
        "https://x-access-token:ghp_abc@github.com/acme/app",
        "https://user@example.com:pass@github.com/acme/app",
        "ssh://git@github.com:22/acme/app.git",
        "git://github.com//acme//app.git",
        "git@github.com:acme/app.git",
        "git@github.com:/acme/app",
        "github.com:acme/app",
        "[git@github.com:22]:acme/app".replace("git@", ""),
        "foo::https://github.com/acme/app",
    ],
)
def test_a_url_without_what_differs_by_who_cloned(url: str) -> None:
    """Scheme, user, port, query and `.git` say nothing of which repository it is."""
    assert name_of_url(url) == SAME


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("/srv/git/app.git", "/srv/git/app"),
        ("file:///srv/git/app.git", "/srv/git/app"),
        ("../origin.git", "/work/origin"),
        ("ssh://[::1]:2222/app.git", "[::1]/app"),
        ("https://dev.azure.com/org/project/_git/app", "dev.azure.com/org/project/_git/app"),
        ("ext::sh -c 'echo secret'", ""),
        ("https://user:pa/ss@github.com/acme/app", ""),
        ("https://user:12/34@github.com/acme/app", ""),
        ("user:pa:ss@github.com:acme/app", ""),
        ("https://github.com/acme/\x1b[31mapp", ""),
        ("https://", ""),
        ("", ""),
    ],
)
def test_other_urls(url: str, name: str) -> None:
    """A path is one from the root; what may hold half a password, runs a program or cannot be printed is no name."""
    assert name_of_url(url, "/work/app") == name


@given(st.text(alphabet="abc0:@/.?#[]~\\ \n", max_size=60))
def test_a_password_never_stays(text: str) -> None:
    """Whatever stands before the host's `@`, it is not in the name."""
    password = "s3cr3tword"

    assert password not in name_of_url(f"https://user:{password}{text.partition('/')[0]}@github.com/acme/app")


@given(st.text(max_size=200))
def test_no_configuration_is_too_strange(text: str) -> None:
    """Any text has a name that can be printed, or none."""
    assert name_of(text, "/work").isprintable()


@pytest.mark.parametrize(
    ("config", "name"),
    [
        ('[remote "origin"]\n\turl = git@github.com:acme/app.git\n', SAME),
        ('[core]\n url = no\n[remote "b"]\nurl=https://b/x\n[remote "a"]\nurl=https://a/x\n', "a/x"),
        ('[remote "a"]\nurl = https://a/x\n[REMOTE "origin"] URL = "https://github.com/acme/app" ; mine\n', SAME),
        ('[remote "origin"]\nurl = https://git\\\nhub.com/acme/app # mine\nurl = https://other/x\n', SAME),
        ("[remote.origin]\nurl = https://github.com/acme/app\n", SAME),
        ('[remote "origin"]\npushurl = https://no/x\n[branch "url"]\nremote = origin\n', ""),
        ('[remote "origin"]\nurl =\n[remote "up"]\nurl = https://github.com/acme/app\n', SAME),
        ('[url "https://no/"]\ninsteadOf = x\n', ""),
    ],
)
def test_the_remote_of_a_configuration(config: str, name: str) -> None:
    """`origin` names it, else the first remote by name; quotes, comments and lines that go on are read as git does."""
    assert name_of(config, "/work/app") == name
