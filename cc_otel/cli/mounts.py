"""Where the home may live: SQLite's journal and the agent's lock need a file system of this machine."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

NETWORK: Final = frozenset(
    "nfs nfs4 nfsd cifs smb smb2 smb3 smbfs afpfs ncpfs webdav davfs davfs2 afs ceph lustre gpfs beegfs glusterfs "
    "pvfs2 ocfs2 gfs2 ftp sshfs curlftpfs s3fs gcsfuse rclone juicefs goofys mountpoint-s3".split()
)
"""Types of file systems that other machines share (mount tables of Linux and macOS); of ``fuse.`` types the rest."""

WINDOWS_DRIVE: Final = ("9p", "drvfs")
"""Type and option of a Windows drive in WSL: neither locks nor shared memory work as on Linux."""


def mounts() -> list[tuple[str, str, str]]:
    """Return the mount table: folder, type and options of each file system."""
    import psutil  # noqa: PLC0415 - 20 ms, and only `install` asks

    return [(part.mountpoint, part.fstype, part.opts) for part in psutil.disk_partitions(all=True)]


def network_type(path: Path, table: Iterable[tuple[str, str, str]]) -> str | None:
    """Return the type of a network file system that a path is on, or will be; None where the disk is this machine's."""
    path = path.resolve()
    on = [entry for entry in table if path.is_relative_to(entry[0])]
    if not on:
        return None
    # Of two mounts on one folder (an automounter's and the real one) the later hides the earlier.
    _, kind, options = max(reversed(on), key=lambda entry: len(Path(entry[0]).parts))
    if kind.lower().removeprefix("fuse.") in NETWORK:
        return kind
    return "a Windows drive" if kind == WINDOWS_DRIVE[0] and WINDOWS_DRIVE[1] in options else None
