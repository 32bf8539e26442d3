"""Where a home may live."""

from pathlib import Path

import pytest

from cc_otel.cli.mounts import mounts, network_type

TABLE = [
    ("/", "ext4", "rw"),
    ("/home", "autofs", "rw"),
    ("/home", "nfs4", "rw,vers=4.2"),
    ("/home/ann/local", "ext4", "rw"),
    ("/Volumes/Team", "smbfs", "rw"),
    ("/mnt/c", "9p", "rw,aname=drvfs;path=C:\\"),
    ("/sandbox", "9p", "rw,trans=fd"),
    ("/remote", "fuse.sshfs", "rw"),
    ("/images", "fuse.squashfuse", "ro"),
    ("/later", "nfs", "rw"),
    ("/later", "tmpfs", "rw"),
]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/root/.cc-otel", None),
        ("/home/ann/.cc-otel", "nfs4"),
        ("/home/ann/local/.cc-otel", None),
        ("/homes/ann", None),
        ("/Volumes/Team/.cc-otel", "smbfs"),
        ("/mnt/c/Users/ann/.cc-otel", "a Windows drive"),
        ("/sandbox/.cc-otel", None),
        ("/remote/.cc-otel", "fuse.sshfs"),
        ("/images/.cc-otel", None),
        ("/later/.cc-otel", None),
    ],
)
def test_network_type(path: str, expected: str | None) -> None:
    """The innermost mount decides, the later of two on one folder; Windows drives in WSL count as network."""
    assert expected == network_type(Path(path), TABLE)


def test_links_are_followed(tmp_path: Path) -> None:
    """A home behind a link is where the link leads."""
    (tmp_path / "link").symlink_to("/remote")

    assert network_type(tmp_path / "link" / ".cc-otel", TABLE) == "fuse.sshfs"


def test_this_machine(tmp_path: Path) -> None:
    """This machine's own table is understood, and names a file system for every path."""
    assert [entry for entry in mounts() if entry[0] == "/"]
    assert network_type(tmp_path, [(folder, "nfs", "") for folder, _, _ in mounts()]) == "nfs"
