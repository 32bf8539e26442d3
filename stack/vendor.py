"""
Fetch the parts of the page that others wrote: the files that stack/vendor.json names, out of npm's packages.

A package is packed (fetched whole), never installed, so that no script of its runs; its bytes must have the sha512 that
stands in vendor.json, which is the registry's. Files and licence go where vendor.json says, with THIRD-PARTY.txt beside
them. `--check` writes nothing: it fetches the same again and fails where the tree has anything else.
"""

import argparse
import base64
import hashlib
import io
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
MANIFEST: Final = ROOT / "stack" / "vendor.json"
PACK_S_MAX: Final = 300


class Wrong(Exception):
    """A package is not what it is said to be, or the tree does not hold what it should."""


def main() -> int:
    """Fetch, or check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, and fail where the tree differs")
    check = parser.parse_args().check
    try:
        wanted = dict(_wanted(json.loads(MANIFEST.read_text("utf-8"))["packages"]))
        if check:
            _compare(wanted)
        else:
            _write(wanted)
    except Wrong as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{len(wanted)} files {'are as they were fetched' if check else 'written'}\n")
    return 0


def _wanted(packages: list[dict[str, Any]]) -> Iterator[tuple[Path, bytes]]:
    """Return every file that the tree has to have, with its content."""
    notices: dict[str, list[str]] = {}
    for package in packages:
        members = _members(_packed(package))
        folder = Path(package["folder"])
        for source, name in package["files"].items():
            yield folder / name, members[f"package/{source}"]
        licence = members[f"package/{package['licence_file']}"]
        yield folder / f"{package['name']}.LICENSE.txt", licence
        notices.setdefault(package["folder"], []).append(_notice(package))
    for name, lines in notices.items():
        yield Path(name) / "THIRD-PARTY.txt", "\n".join(["Files that others wrote, unchanged.", "", *lines]).encode()


def _notice(package: dict[str, Any]) -> str:
    files = ", ".join(package["files"].values())
    return f"{package['name']} {package['version']}, {package['licence']}: {files}\n  {package['integrity']}\n"


def _packed(package: dict[str, Any]) -> bytes:
    """Return the package's archive as npm has it; raises Wrong where it is not the one that is wanted."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["npm", "pack", "--silent", "--ignore-scripts", f"{package['name']}@{package['version']}"],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            check=True,
            timeout=PACK_S_MAX,
        )
        archive = next(Path(folder).glob("*.tgz")).read_bytes()
    found = "sha512-" + base64.b64encode(hashlib.sha512(archive).digest()).decode()
    if found != package["integrity"]:
        raise Wrong(f"{package['name']} {package['version']} is {found}, and not {package['integrity']}")
    return archive


def _members(archive: bytes) -> dict[str, bytes]:
    found = {}
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as opened:
        for member in opened:
            if member.isfile() and (file := opened.extractfile(member)):
                found[member.name] = file.read()
    return found


def _write(wanted: dict[Path, bytes]) -> None:
    for path, content in wanted.items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_bytes(content)


def _compare(wanted: dict[Path, bytes]) -> None:
    folders = {path.parent for path in wanted}
    there = {path.relative_to(ROOT) for folder in folders for path in (ROOT / folder).iterdir()}
    if there != wanted.keys():
        raise Wrong(f"files that should not be there, or are missing: {sorted(map(str, there ^ wanted.keys()))}")
    changed = [str(path) for path, content in wanted.items() if (ROOT / path).read_bytes() != content]
    if changed:
        raise Wrong(f"changed: {', '.join(sorted(changed))}")


if __name__ == "__main__":
    sys.exit(main())
