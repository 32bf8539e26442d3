"""The spool: what is written is read back, and nothing else is."""

import os
import shutil
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_otel.files import BLOCK_BYTES, FileEntry
from cc_otel.spool import (
    FAILED_AGE_NS_MAX,
    FAILED_BYTES_MAX,
    PAYLOAD_BYTES_MAX,
    RECORDED,
    SETTLE_NS,
    Spool,
    SpoolFile,
    SpoolFull,
    Unreadable,
    load,
)

PAYLOAD = b'{"session_id":"s","hook_event_name":"Stop"}\n'
CLOCK_NS = 1_795_355_235_869_231_007
SECOND_NS = 1_000_000_000


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    """A spool with room for 100 small files."""
    spool = Spool(tmp_path / "spool", bytes_max=100 * BLOCK_BYTES)
    spool.prepare()
    return spool


@pytest.fixture
def new(spool: Spool, tmp_path: Path) -> Path:
    """Where the waiting files of ``spool`` are."""
    return tmp_path / "spool" / "new"


def read_only_entry(spool: Spool, now_ns: int | None = None) -> SpoolFile | None:
    """Read the one file there is."""
    [entry] = spool.oldest(2)
    return spool.read(entry, time.time_ns() if now_ns is None else now_ns)


def put(directory: Path, name: str, content: bytes, mtime_ns: int = CLOCK_NS) -> Path:
    """Leave a file as somebody else would."""
    path = directory / name
    path.write_bytes(content)
    os.utime(path, ns=(mtime_ns, mtime_ns))
    return path


# Written and read

values = st.binary(max_size=60).map(lambda value: os.fsdecode(value.replace(b"\0", b"")))
variables_of_any_kind = st.dictionaries(st.sampled_from(RECORDED), values)
payloads = st.one_of(
    st.binary(max_size=300), st.lists(st.sampled_from([b"\0", b"cc-otel-end ", b"\n", b"=", b"{}"])).map(b"".join)
)


@given(variables=variables_of_any_kind, payload=payloads, clock_ns=st.none() | st.integers(0, 2**63 - 1))
def test_written_is_read(variables: dict[str, str], payload: bytes, clock_ns: int | None) -> None:
    """Whatever the variables and the payload, what is written is read back."""
    with tempfile.TemporaryDirectory() as directory:
        spool = Spool(Path(directory), bytes_max=1 << 30)
        spool.prepare()
        name = spool.write(payload, variables, clock_ns, session="s")
        recorded = read_only_entry(spool)

    assert recorded is not None
    expected = SpoolFile(
        name=name,
        clock_ns=recorded.mtime_ns if clock_ns is None else clock_ns,
        variables=variables,
        payload=payload,
        payload_bytes=len(payload),
        ended=True,
        mtime_ns=recorded.mtime_ns,
        digest=recorded.digest,
    )
    assert expected == recorded


@given(variables=variables_of_any_kind, payload=payloads, data=st.data())
def test_cut_anywhere(variables: dict[str, str], payload: bytes, data: st.DataObject) -> None:
    """A file cut anywhere is not there while it is young, and then holds a beginning and never an end."""
    with tempfile.TemporaryDirectory() as directory:
        spool = Spool(Path(directory), bytes_max=1 << 30)
        spool.prepare()
        path = Path(directory) / "new" / spool.write(payload, variables)
        os.truncate(path, data.draw(st.integers(0, path.stat().st_size - 1)))
        young = read_only_entry(spool)
        recorded = read_only_entry(spool, time.time_ns() + 2 * SETTLE_NS)

    assert young is None
    assert recorded is not None
    assert not recorded.ended
    assert payload.startswith(recorded.payload)
    assert recorded.payload_bytes == len(recorded.payload)
    assert recorded.variables.items() <= variables.items()


def test_cut_within_the_trailer(spool: Spool, new: Path) -> None:
    """A file that lacks only the end of its trailer still has its whole payload."""
    path = new / spool.write(PAYLOAD, {})
    os.truncate(path, path.stat().st_size - 1)
    recorded = read_only_entry(spool, time.time_ns() + 2 * SETTLE_NS)

    assert recorded is not None
    assert (recorded.payload, recorded.ended) == (PAYLOAD, False)


def test_another_files_trailer(spool: Spool, new: Path) -> None:
    """A trailer that names another file is part of the payload."""
    content = b"cc-otel/1\0\0" + PAYLOAD + b"\0cc-otel-end other\n"
    recorded = load(put(new, "name", content))

    assert (recorded.payload, recorded.ended) == (content[11:], False)


@pytest.mark.parametrize("content", [b"", PAYLOAD, b"\0\0", b"cc-otel/2\0A=b\0\0{}", b"cc-otel/1\0" + b"A=b\0" * 100])
def test_foreign_file(new: Path, content: bytes) -> None:
    """A file of any other format is an event of its whole content, without variables."""
    recorded = load(put(new, "foreign", content))

    assert (recorded.payload, recorded.variables, recorded.ended, recorded.clock_ns) == (content, {}, False, CLOCK_NS)


def test_only_recorded_variables(spool: Spool, new: Path) -> None:
    """Of an environment only the recorded variables are written."""
    name = spool.write(PAYLOAD, {"ANTHROPIC_API_KEY": "secret", "CLAUDE_PID": "7", "CLOCK_NS": "1", "REASON": "x"})

    assert b"secret" not in (new / name).read_bytes()
    assert load(new / name).variables == {"CLAUDE_PID": "7"}
    assert load(new / name).reason is None


@pytest.mark.parametrize(
    ("session", "pid", "stem"),
    [
        ("36a66e00-f0bc", "7", "36a66e00-f0bc.7"),
        ("A" * 64, "1" * 10, "A" * 64 + "." + "1" * 10),
        ("A" * 65, "1" * 11, "unnamed.0"),
        ("../x", "../x", "unnamed.0"),
        ("a\n", "7\n", "unnamed.0"),
        ("", "", "unnamed.0"),
        ("é", "٣", "unnamed.0"),
    ],
)
def test_names(spool: Spool, session: str, pid: str, stem: str) -> None:
    """A name says the session and the client's process, where they are safe, and the writer's own process."""
    name = spool.write(PAYLOAD, {"CLAUDE_PID": pid}, session=session)

    assert name.rpartition(".")[0] == f"{stem}.{os.getpid()}"


def test_nul_in_a_variable(spool: Spool) -> None:
    """A variable with a NUL in it is refused, and leaves no file."""
    with pytest.raises(ValueError, match="NUL"):
        spool.write(PAYLOAD, {"CLAUDE_PID": "1\0CLOCK_NS=1"})

    assert spool.oldest(1) == []


# Time


@pytest.mark.parametrize(
    ("written", "clock_ns"),
    [
        ("1795355235.869231", 1_795_355_235_869_231_000),
        ("1795355235,869231", 1_795_355_235_869_231_000),
        ("1795355225.9", 1_795_355_225_900_000_000),
        ("1795355225.8", CLOCK_NS),
        ("1795355245.9", CLOCK_NS),
        ("1000000000.000000", CLOCK_NS),
        ("", CLOCK_NS),
        ("x", CLOCK_NS),
        ("1795355235", CLOCK_NS),
        ("-1.0", CLOCK_NS),
        ("٣.٣", CLOCK_NS),
        ("1" * 5000 + ".0", CLOCK_NS),
    ],
)
def test_hook_clock(new: Path, written: str, clock_ns: int) -> None:
    """The hook's clock counts where it is within 10 s of the file's time of change; else that time does."""
    recorded = load(put(new, "name", f"cc-otel/1\0CLOCK={written}\0\0{{}}".encode()))

    assert recorded.clock_ns == clock_ns


def test_given_clock(spool: Spool) -> None:
    """A clock that a replay gives counts to the nanosecond, however long ago."""
    spool.write(PAYLOAD, {}, clock_ns=123)
    recorded = read_only_entry(spool)

    assert recorded is not None
    assert recorded.clock_ns == 123


@pytest.mark.parametrize(
    ("age_s", "settled"), [(0, False), (9, False), (-9, False), (11, True), (-11, True), (-100_000, True)]
)
def test_settling(spool: Spool, new: Path, age_s: int, settled: bool) -> None:
    """A file without trailer counts 10 s after its last change, also when the clock was set back meanwhile."""
    put(new, "name", b"cc-otel/1\0\0" + PAYLOAD)
    recorded = read_only_entry(spool, CLOCK_NS + age_s * SECOND_NS)

    assert (recorded is not None) == settled


def test_digest(new: Path) -> None:
    """A digest stands for one file: its name, its time of change and its content."""
    first = load(put(new, "name", b"{}"))
    others = [
        load(put(new, "name", b"[]")),
        load(put(new, "name", b"{}", CLOCK_NS + 1)),
        load(put(new, "name2", b"{}")),
    ]

    assert load(put(new, "name", b"{}")) == first
    assert len({it.digest for it in [first, *others]}) == 4


# Listing and taking


def test_oldest(spool: Spool, new: Path) -> None:
    """The oldest files come first, by name where they are of one age, and no more than asked for."""
    for name, age in (("c", 1), ("a", 3), ("d", 2), ("b", 2)):
        put(new, name, b"x" * age, CLOCK_NS - age)

    assert spool.oldest(3) == [
        FileEntry(CLOCK_NS - 3, "a", 3),
        FileEntry(CLOCK_NS - 2, "b", 2),
        FileEntry(CLOCK_NS - 2, "d", 2),
    ]


def test_only_files(spool: Spool, new: Path, tmp_path: Path) -> None:
    """Directories, links, pipes and sockets in the spool are nobody's events."""
    (new / "directory").mkdir()
    (new / "link").symlink_to(put(tmp_path, "secret", PAYLOAD))
    os.mkfifo(new / "pipe")

    assert spool.oldest(10) == []
    assert spool.keep_limit() == 0


@pytest.mark.parametrize("name", ["-rf", "a b", "é", "a\nb", "$(touch x)", "x" * 255, "\udcff"])
def test_any_name(spool: Spool, new: Path, name: str) -> None:
    """A file of any name is read, kept when it fails, and removed."""
    put(new, name, b"cc-otel/1\0\0{}\0cc-otel-end " + os.fsencode(name) + b"\n")
    [entry] = spool.oldest(2)
    recorded = spool.read(entry, CLOCK_NS)
    assert recorded is not None
    spool.fail(recorded, "test", b"")
    spool.remove(entry)

    assert (recorded.payload, recorded.ended) == (b"{}", True)
    assert (spool.oldest(1), len(spool.failed())) == ([], 1)


def test_vanished(spool: Spool) -> None:
    """A file that vanished is no event, and may vanish again."""
    entry = FileEntry(CLOCK_NS, "gone", 1)
    spool.remove(entry)
    spool.set_aside(entry)

    assert spool.read(entry, CLOCK_NS) is None


def test_home_deleted(spool: Spool, new: Path) -> None:
    """A spool that was deleted under the agent is an empty one."""
    shutil.rmtree(new.parent)

    assert (spool.oldest(1), spool.failed(), spool.keep_limit(), spool.take_lost(), spool.prune(CLOCK_NS)) == (
        [],
        [],
        0,
        0,
        0,
    )


def test_unreadable(spool: Spool, new: Path) -> None:
    """A file that cannot be read is told from one that is not ready, and can be set aside."""
    # A directory that took the file's place: root can read everything else.
    (new / "name").mkdir()
    entry = FileEntry(CLOCK_NS, "name", 1)
    with pytest.raises(Unreadable, match="directory"):
        spool.read(entry, CLOCK_NS)
    spool.set_aside(entry)

    assert [path.name for path in (new.parent / "failed").iterdir()] == ["name"]


def test_huge(spool: Spool, new: Path) -> None:
    """Of a huge file the first part is read, and its true size told."""
    with (new / "name").open("wb") as file:
        file.write(b"cc-otel/1\0CLAUDE_PID=7\0\0{")
        file.seek(3 * PAYLOAD_BYTES_MAX)
        file.write(b"}\0cc-otel-end name\n")
    recorded = read_only_entry(spool)
    assert recorded is not None
    payload = recorded.payload

    header_bytes = len(b"cc-otel/1\0CLAUDE_PID=7\0\0")
    assert (recorded.variables, recorded.ended) == ({"CLAUDE_PID": "7"}, True)
    assert payload == b"{" + bytes(PAYLOAD_BYTES_MAX - header_bytes - 1)
    assert recorded.payload_bytes == 3 * PAYLOAD_BYTES_MAX - header_bytes + 1


def test_writers_and_a_reader(spool: Spool) -> None:
    """While many write, a reader takes each event once, whole."""
    wanted = [b"%d" % number * (number % 7 * 1000 + 1) for number in range(1500)]
    taken: list[bytes] = []
    done = threading.Event()

    def take() -> None:
        while not done.is_set() or spool.oldest(1):
            for entry in spool.oldest(100):
                if (recorded := spool.read(entry, time.time_ns())) is not None:
                    taken.append(recorded.payload)
                    spool.remove(entry)

    reader = threading.Thread(target=take)
    reader.start()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda payload: spool.write(payload, {}), wanted))
    done.set()
    reader.join(timeout=60)

    assert sorted(taken) == sorted(wanted)


# What fails


def test_fail(spool: Spool, new: Path) -> None:
    """An event that fails is kept with its reason, its time and its variables, and the content that was given."""
    variables = {"CLAUDE_PID": "7", "CLAUDE_PLUGIN_ROOT": ""}
    spool.write(b"raw secret", variables, CLOCK_NS, session="s")
    recorded = read_only_entry(spool)
    assert recorded is not None
    name = spool.fail(recorded, "not JSON", b"redacted")
    path = new.parent / "failed" / name
    kept = load(path)

    assert (kept.variables, kept.clock_ns, kept.payload, kept.ended, kept.reason) == (
        variables,
        CLOCK_NS,
        b"redacted",
        True,
        "not JSON",
    )
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in spool.failed()] == [name]


def test_fail_twice(spool: Spool) -> None:
    """Two failures of one name are both kept."""
    spool.write(PAYLOAD, {})
    recorded = read_only_entry(spool)
    assert recorded is not None
    names = {spool.fail(recorded, "test", b"1"), spool.fail(recorded, "test", b"2")}

    assert len(names) == 2
    assert {entry.name for entry in spool.failed()} == names


def test_prune(spool: Spool, new: Path) -> None:
    """Failures older than 7 days go, and then the oldest ones over 64 MiB."""
    failed = new.parent / "failed"
    for name, age_s in (("recent", 0), ("older", 1), ("too much", 2), ("far too much", 3)):
        path = put(failed, name, b"")
        os.truncate(path, FAILED_BYTES_MAX // 2)
        os.utime(path, ns=(CLOCK_NS - age_s * SECOND_NS,) * 2)
    put(failed, "too old", b"", CLOCK_NS - FAILED_AGE_NS_MAX - 1)

    assert spool.prune(CLOCK_NS) == 3
    assert [entry.name for entry in spool.failed()] == ["older", "recent"]
    assert spool.prune(CLOCK_NS) == 0


# Limits


def test_limit(spool: Spool, new: Path) -> None:
    """At the limit writers are told, until a tenth of it is free again."""
    entries = [spool.write(b"", {}) for _ in range(99)]
    assert (spool.keep_limit(), (new.parent / "full").exists()) == (99 * BLOCK_BYTES, False)
    entries.append(spool.write(b"x" * BLOCK_BYTES, {}))
    assert (spool.keep_limit(), (new.parent / "full").exists()) == (101 * BLOCK_BYTES, True)
    with pytest.raises(SpoolFull, match="limit"):
        spool.write(PAYLOAD, {})
    (new / entries.pop()).unlink()
    for name in entries[90:]:
        (new / name).unlink()

    assert (spool.keep_limit(), (new.parent / "full").exists()) == (90 * BLOCK_BYTES, True)
    (new / entries[0]).unlink()
    assert (spool.keep_limit(), (new.parent / "full").exists()) == (89 * BLOCK_BYTES, False)
    assert spool.write(PAYLOAD, {})


def test_limit_cannot_be_told(spool: Spool, new: Path) -> None:
    """Where the marker cannot be made or removed, measuring goes on."""
    (new.parent / "full").mkdir()
    put(new, "name", b"")

    assert spool.keep_limit() == BLOCK_BYTES


def test_lost(spool: Spool, new: Path) -> None:
    """Each lost event is counted once, by whatever agent, and also where the hooks' count was removed meanwhile."""
    lost = new.parent / "lost"
    lost.write_bytes(b"xx")
    counts = [spool.take_lost(), spool.take_lost()]
    lost.write_bytes(b"xxxxx")
    counts += [Spool(new.parent, bytes_max=1).take_lost(), spool.take_lost()]
    lost.unlink()
    counts += [spool.take_lost()]
    lost.write_bytes(b"x")
    counts += [spool.take_lost()]

    assert counts == [2, 0, 3, 0, 0, 1]


def test_lost_while_appending(spool: Spool, new: Path) -> None:
    """Counting goes on beside many writers without losing one."""
    lost = new.parent / "lost"

    def append(_: int) -> None:
        with lost.open("ab", buffering=0) as hook:
            hook.write(b"x")

    with ThreadPoolExecutor(8) as pool:
        appended = [pool.submit(append, number) for number in range(2000)]
        count = 0
        while not all(future.done() for future in appended):
            count += spool.take_lost()

    assert count + spool.take_lost() == 2000


def test_lost_cannot_be_told(spool: Spool, new: Path) -> None:
    """Where it cannot be written down that losses were counted, they are counted later."""
    (new.parent / "lost").write_bytes(b"xx")
    (new.parent / "lost.counted").symlink_to("gone/gone")
    first = spool.take_lost()
    (new.parent / "lost.counted").unlink()

    assert [first, spool.take_lost()] == [0, 2]


def test_prepare(tmp_path: Path) -> None:
    """The directories are private, also where they were not, and what is in them stays."""
    new = tmp_path / "home" / "spool" / "new"
    new.mkdir(parents=True, mode=0o755)
    put(new, "name", PAYLOAD)
    spool = Spool(tmp_path / "home" / "spool", bytes_max=1)
    spool.prepare()
    spool.prepare()

    modes = {path.name: path.stat().st_mode & 0o777 for path in (new.parent, *new.parent.iterdir())}
    assert modes == {"spool": 0o700, "new": 0o700, "failed": 0o700, "lost": 0o600}
    assert [entry.name for entry in spool.oldest(2)] == ["name"]


def test_cannot_write(spool: Spool, new: Path) -> None:
    """A writer is told where no file can be made."""
    shutil.rmtree(new)

    with pytest.raises(FileNotFoundError):
        spool.write(PAYLOAD, {})
