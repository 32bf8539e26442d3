"""The repository of a folder, read from real files, friendly and hostile ones."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from cc_otel.agent.facts.repository import AGAIN_NS, CONFIG_BYTES_MAX, NONE_AGAIN_NS, Repositories, Repository

SHA: Final = "0123456789abcdef0123456789abcdef01234567"
OTHER: Final = "f" * 40
CONFIG: Final = '[remote "origin"]\n\turl = https://me:hunter2@github.com/acme/app.git\n'
LATER: Final = 1 << 62


def made(root: Path, *, config: str = CONFIG, head: str = "ref: refs/heads/main\n", sha: str = SHA) -> Path:
    """Make a repository as git does, and return its root."""
    (root / ".git" / "refs" / "heads").mkdir(parents=True)
    (root / ".git" / "HEAD").write_text(head)
    (root / ".git" / "config").write_text(config)
    (root / ".git" / "refs" / "heads" / "main").write_text(f"{sha}\n")
    return root


def worktree(main: Path, root: Path) -> Path:
    """Make a linked worktree of a repository, and return its root."""
    own = main / ".git" / "worktrees" / root.name
    own.mkdir(parents=True)
    (own / "HEAD").write_text("ref: refs/heads/side\n")
    (own / "commondir").write_text("../..\n")
    root.mkdir()
    (root / ".git").write_text(f"gitdir: {own}\n")
    return root


def of(folder: Path, clock_ns: int = LATER) -> Repository | None:
    """Return the repository of an event in that folder."""
    return Repositories().of("s", str(folder), clock_ns, LATER)


def test_a_repository(tmp_path: Path) -> None:
    """Its name, root, branch and revision are those of its files, from any folder inside."""
    (made(tmp_path / "app") / "src" / "deep").mkdir(parents=True)

    assert of(tmp_path / "app" / "src" / "deep") == Repository(
        "github.com/acme/app", str(tmp_path / "app"), "main", SHA
    )


def test_worktrees_are_one_repository(tmp_path: Path) -> None:
    """A linked worktree has its repository's name, its own root and its own branch."""
    root = worktree(made(tmp_path / "app"), tmp_path / "side")

    assert of(root) == Repository("github.com/acme/app", str(root), "side", linked=True)


def test_a_submodule_is_a_repository_of_its_own(tmp_path: Path) -> None:
    """Its `.git` is a file with a relative path, and it is no linked worktree."""
    app = made(tmp_path / "app")
    made(tmp_path / "inner", config='[remote "origin"]\nurl = https://h/lib\n')
    (app / ".git" / "modules").mkdir()
    (tmp_path / "inner" / ".git").rename(app / ".git" / "modules" / "lib")
    (app / "lib").mkdir()
    (app / "lib" / ".git").write_text("gitdir: ../.git/modules/lib\n")

    assert of(app / "lib") == Repository("h/lib", str(app / "lib"), "main", SHA)


def test_without_a_remote_its_path_is_its_name(tmp_path: Path) -> None:
    """So worktrees share it, too."""
    app = made(tmp_path / "app", config="[core]\n")

    assert of(app) == Repository(str(app), str(app), "main", SHA)
    assert of(worktree(app, tmp_path / "side")) == Repository(str(app), str(tmp_path / "side"), "side", linked=True)


@pytest.mark.parametrize(
    ("head", "branch", "revision"),
    [
        (f"{OTHER}\n", "", OTHER),
        ("ref: refs/heads/packed/one\n", "packed/one", OTHER),
        ("ref: refs/heads/unborn\n", "unborn", ""),
        ("ref: refs/heads/.invalid\n", "", ""),
        ("ref: refs/heads/../../../secret\n", "", ""),
        ("ref: refs/tags/v1\n", "", ""),
        ("ref: refs/heads/x\x1by\n", "", ""),
        ("something else\n", "", ""),
        ("", "", ""),
    ],
)
def test_what_head_says(tmp_path: Path, head: str, branch: str, revision: str) -> None:
    """A branch where it names one, a revision where one is known; anything else is no branch."""
    app = made(tmp_path / "app", head=head)
    (app / ".git" / "packed-refs").write_text(f"# pack-refs with: peeled\n{OTHER} refs/heads/packed/one\n^{SHA}\n")

    assert of(app) == Repository("github.com/acme/app", str(app), branch, revision)


def test_a_branch_of_the_time_of_the_event(tmp_path: Path) -> None:
    """What was read before `HEAD` changed holds for events before that; a branch that was never seen is unknown."""
    app = made(tmp_path / "app")
    head = app / ".git" / "HEAD"
    os.utime(head, ns=(1000, 1000))
    os.utime(app / ".git" / "refs" / "heads" / "main", ns=(1000, 1000))
    repositories = Repositories()
    names = []
    for clock_ns, now_ns in ((500, 2000), (1500, 2000), (1500, 3001), (2999, 3002), (3000, 3002)):
        if now_ns == 3001:
            head.write_text("ref: refs/heads/next\n")
            os.utime(head, ns=(3000, 3000))
        found = repositories.of("s", str(app), clock_ns, now_ns)
        names.append(found and (found.branch, found.revision))

    assert names == [("", ""), ("main", SHA), ("main", SHA), ("main", SHA), ("next", "")]


def test_a_revision_of_the_time_of_the_event(tmp_path: Path) -> None:
    """A commit that was made since is not the one that the event saw."""
    app = made(tmp_path / "app")
    branch = app / ".git" / "refs" / "heads" / "main"
    for file in (app / ".git" / "HEAD", branch):
        os.utime(file, ns=(1000, 1000))
    repositories = Repositories()
    before = repositories.of("s", str(app), 2000, 2000)
    branch.write_text(OTHER)
    os.utime(branch, ns=(3000, 3000))
    late, after = (repositories.of("s", str(app), clock_ns, 4000) for clock_ns in (2500, 3500))

    assert [it and it.revision for it in (before, late, after)] == [SHA, SHA, OTHER]


def test_a_folder_is_looked_at_again(tmp_path: Path) -> None:
    """A repository that is made where none was, and a remote that is added, are found in time; between, nothing is."""
    (tmp_path / "app").mkdir()
    repositories = Repositories()
    start_ns = 1 << 61

    def named(now_ns: int) -> str | None:
        found = repositories.of("s", str(tmp_path / "app"), LATER, start_ns + now_ns)
        return found.name if found else None

    names = [named(0)]
    made(tmp_path / "app", config="")
    names += [named(1), named(NONE_AGAIN_NS)]
    (tmp_path / "app" / ".git" / "config").write_text(CONFIG)
    names += [named(NONE_AGAIN_NS + 1), named(NONE_AGAIN_NS + AGAIN_NS)]

    assert names == [None, None, str(tmp_path / "app"), str(tmp_path / "app"), "github.com/acme/app"]


def _linked_folder(app: Path) -> None:
    (app / ".git").rename(app / "real")
    (app / ".git").symlink_to("real")


def _linked_head(app: Path) -> None:
    (app / ".git" / "HEAD").rename(app / "HEAD")
    (app / ".git" / "HEAD").symlink_to("../HEAD")


def _pipe(name: str) -> Callable[[Path], None]:
    def make(app: Path) -> None:
        path = app / ".git" / name
        path.unlink(missing_ok=True)
        os.mkfifo(path)

    return make


def _loop(app: Path) -> None:
    (app / ".git").rename(app / "gone")
    (app / ".git").write_text("gitdir: .git\n")


def _circle(app: Path) -> None:
    (app / ".git").rename(app / "gone")
    (app / ".git").write_text("gitdir: other/.git\n")
    (app / "other").mkdir()
    (app / "other" / ".git").write_text("gitdir: ../.git\n")


def _nothing(app: Path) -> None:
    (app / ".git").rename(app / "gone")
    (app / ".git").write_bytes(b"gitdir: \0\xff\n" * 1000)


@pytest.mark.parametrize(
    "harm", [_linked_folder, _linked_head, _pipe("HEAD"), _loop, _circle, _nothing], ids=lambda it: it.__name__
)
def test_what_is_no_repository_for_us(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    """Links and pipes are not followed or opened, pointers lead no further than once: such a folder has none."""
    app = made(tmp_path / "app")
    harm(app)

    assert of(app) is None


@pytest.mark.parametrize("name", ["config", "commondir", "packed-refs", "refs/heads/main"])
def test_a_pipe_in_place_of_a_file_costs_nothing(tmp_path: Path, name: str) -> None:
    """It counts as missing, and nobody waits for its writer."""
    app = made(tmp_path / "app")
    _pipe(name)(app)
    found = of(app)

    assert found is not None
    assert found.root == str(app)
    assert found.name in {"github.com/acme/app", str(app)}


def test_a_configuration_is_read_to_its_limit(tmp_path: Path) -> None:
    """What stands behind is not read."""
    filler = "# much\n" * (CONFIG_BYTES_MAX // 7 + 1)

    assert of(made(tmp_path / "a", config=CONFIG + filler * 20)) == Repository(
        "github.com/acme/app", str(tmp_path / "a"), "main", SHA
    )
    assert of(made(tmp_path / "b", config=filler + CONFIG)) == Repository(
        str(tmp_path / "b"), str(tmp_path / "b"), "main", SHA
    )


def test_what_is_not_ours_or_not_readable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user's files are not read; nor is a folder that has no absolute path."""
    app = made(tmp_path / "app")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)

    assert of(app) is None
    assert of(Path("relative")) is None
    assert Repositories().of("s", "/" + "x" * 10_000 + "\0", 1, 1) is None


def test_secrets_leave_names(tmp_path: Path) -> None:
    """A token in a path or a branch is none that leaves, like anywhere else."""
    token = "ghp_" + "a1B2c3D4e5F6" * 3
    app = made(
        tmp_path / token, config=f'[remote "origin"]\nurl = https://h/{token}/x\n', head=f"ref: refs/heads/{token}\n"
    )

    assert token not in str(of(app))
