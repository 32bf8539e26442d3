"""The real programs: started with every port given, watched until they are well, ended by who started them."""

import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import requests
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from cc_otel.graph.sqlite import SqliteStore
from cc_otel.graph.store import Json, Query
from cc_otel.otlp.decode import decode
from cc_otel.otlp.destination import GRPC, HTTP_PROTOBUF, Destination
from cc_otel.span import Span

ROOT: Final = Path(__file__).parents[2]
IN_MEMORY: Final = (
    "yaml:extensions::jaeger_storage::backends::memory::memory::max_traces: 1000",
    "yaml:extensions::jaeger_query::storage::traces: memory",
    "yaml:exporters::jaeger_storage_exporter::trace_storage: memory",
)
"""Differences for a Jaeger that keeps spans as they came, in memory."""

COLLECTOR_CONFIG: Final = ROOT / "collector-config.yaml"
JAEGER_CONFIG: Final = ROOT / "stack" / "jaeger-config.yaml"
DEADLINE_S: Final = 60.0
"""How long anything may take here. A noisy machine is slow; a wait that is not over by then never ends."""

Built = Callable[[str], Path]
"""Answer where the program of a part of ``stack/build.sh`` is."""

Send = Callable[[Destination, list[Span]], None]
"""Send spans as an agent does, in one request, and see them acknowledged."""

# From anywhere on, so that two runs on one machine do not meet.
_PORTS: Final = iter(range(random.randrange(15_000, 30_000), 32_000))

_Result = TypeVar("_Result")


def wait_for(what: str, look: Callable[[], _Result | None], deadline_s: float = DEADLINE_S) -> _Result:
    """Look again and again until there is something to see; AssertionError says what never came."""
    give_up = time.monotonic() + deadline_s
    while time.monotonic() < give_up:
        result = look()
        if result:
            return result
        time.sleep(0.05)
    raise AssertionError(f"waited {deadline_s} s in vain for {what}; seen last: {look()!r}")


def free_port() -> int:
    """
    Answer a TCP port of loopback that nobody listens on, and never the same one again.

    From below the range that the system takes ports for outgoing connections from (32768 on Linux, 49152 on macOS):
    one of those may be gone again before the program that was given it listens.
    """
    for port in _PORTS:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port is left between 15000 and 32000")


def answers(url: str) -> bool:
    """Whether a health page says 200."""
    try:
        return requests.get(url, timeout=5).status_code == 200
    except requests.RequestException:
        return False


class Program:
    """One real program: its arguments, its environment, a file for what it writes, and how to ask if it is well."""

    def __init__(self, argv: list[str], environment: Mapping[str, str], log: Path, is_well: Callable[[], bool]) -> None:
        self._argv, self._environment, self._log, self._is_well = argv, dict(environment), log, is_well
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it is well."""
        # Nothing inherited: a proxy, or a setting of the person who runs the tests, would reach the program.
        environment = {"PATH": os.defpath, **self._environment}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._argv, env=environment, stdout=log, stderr=log, cwd=self._log.parent)
        wait_for(f"{self._argv[0]}, see {self._log}", self._is_well_or_gone)
        assert self._process.poll() is None, f"{self._argv[0]} ended at once:\n{self.output()[-3000:]}"

    def stop(self) -> None:
        """End it as an operator does, and wait until it is gone."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it in the middle of whatever it does."""
        self._end(signal.SIGKILL)

    def output(self) -> str:
        """Answer what it wrote so far."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def _is_well_or_gone(self) -> bool:
        assert self._process is not None
        return self._process.poll() is not None or self._is_well()


class Collector(Program):
    """The real Collector, with the configuration that operators run."""

    def __init__(self, program: Path, home: Path, graph: str, jaeger: str, **settings: str) -> None:
        self._grpc, self._http, self._metrics, health = (free_port() for _ in range(4))
        super().__init__(
            [str(program), f"--config={COLLECTOR_CONFIG}"],
            {
                "CC_OTEL_COLLECTOR_GRPC_LISTEN": f"127.0.0.1:{self._grpc}",
                "CC_OTEL_COLLECTOR_HTTP_LISTEN": f"127.0.0.1:{self._http}",
                "CC_OTEL_COLLECTOR_HEALTH_LISTEN": f"127.0.0.1:{health}",
                "CC_OTEL_COLLECTOR_METRICS_PORT": str(self._metrics),
                "CC_OTEL_COLLECTOR_QUEUE_DIR": str(home / "queue"),
                # Half a minute between attempts is for operators; what happens then is the same.
                "CC_OTEL_COLLECTOR_RETRY_MAX": "1s",
                "CC_OTEL_GRAPH_ENDPOINT": graph,
                "CC_OTEL_JAEGER_ENDPOINT": jaeger,
                **settings,
            },
            log=home / "collector.log",
            is_well=lambda: answers(f"http://127.0.0.1:{health}/"),
        )

    def destination(self, protocol: str = GRPC, compression: str = "none") -> Destination:
        """Answer where an agent sends to."""
        port = self._http if protocol == HTTP_PROTOBUF else self._grpc
        return Destination(f"http://127.0.0.1:{port}", protocol=protocol, compression=compression)

    def metric(self, name: str, exporter: str) -> float:
        """Answer one of its own metrics for one of its exporters; 0 where it has not been counted yet."""
        page = requests.get(f"http://127.0.0.1:{self._metrics}/metrics", timeout=5).text
        found = re.search(rf'^{name}(?:_total)?{{[^}}]*exporter="{exporter}"[^}}]*}} (\S+)', page, re.MULTILINE)
        return float(found[1]) if found else 0.0


class MakeCollector(Protocol):
    """Start a Collector between an agent and two endpoints; it ends with the test."""

    def __call__(self, graph: str, jaeger: str, **settings: str) -> Collector: ...


class Jaeger(Program):
    """The real Jaeger, with the configuration that operators run, and what is to be different in it."""

    def __init__(self, program: Path, home: Path, *differences: str) -> None:
        otlp, self._ui, query, metrics, health = (free_port() for _ in range(5))
        self.endpoint = f"127.0.0.1:{otlp}"
        super().__init__(
            [str(program), *(f"--config={source}" for source in (JAEGER_CONFIG, *differences))],
            {
                "CC_OTEL_JAEGER_ENDPOINT": self.endpoint,
                "CC_OTEL_JAEGER_UI_LISTEN": f"127.0.0.1:{self._ui}",
                "CC_OTEL_JAEGER_QUERY_LISTEN": f"127.0.0.1:{query}",
                "CC_OTEL_JAEGER_HEALTH_LISTEN": f"127.0.0.1:{health}",
                "CC_OTEL_JAEGER_METRICS_PORT": str(metrics),
                "CC_OTEL_JAEGER_DATA_DIR": str(home / "jaeger"),
            },
            log=home / "jaeger.log",
            is_well=lambda: answers(f"http://127.0.0.1:{health}/status"),
        )

    def trace(self, trace_id: str) -> list[Span]:
        """Answer the spans of a trace as its API shows them, in the order of their starts; none if it is unknown."""
        answer = requests.get(f"http://127.0.0.1:{self._ui}/api/v3/traces/{trace_id}", timeout=30)
        if answer.status_code == 404:
            return []
        answer.raise_for_status()
        decoded = decode(_message(answer.json()["result"]).SerializeToString())
        assert decoded.rejections == ()
        return sorted(decoded.spans, key=lambda span: (span.start_ns, span.span_id))


class GraphExporter(Program):
    """Our graph-exporter as an operator starts it, on SQLite; the container's health command says if it is well."""

    def __init__(self, home: Path) -> None:
        self.endpoint = f"127.0.0.1:{free_port()}"
        self.database = home / "graph" / "graph.db"
        health = [sys.executable, str(ROOT / "stack" / "health.py"), self.endpoint]
        super().__init__(
            [str(Path(sys.executable).with_name("cc-otel")), "graph-exporter"],
            {"CC_OTEL_HOME": str(self.database.parent), "CC_OTEL_GRAPH_LISTEN": self.endpoint},
            log=home / "graph-exporter.log",
            is_well=lambda: subprocess.run(health, check=False, capture_output=True).returncode == 0,
        )

    def tree(self, trace_id: str) -> list[dict[str, Json]]:
        """Answer the spans of a trace, parents before children."""
        return list(SqliteStore(self.database).query(Query("tree", {"trace_id": trace_id})))


def _message(document: Any) -> ExportTraceServiceRequest:
    """Read OTLP/JSON, which writes ids in hexadecimal where protobuf's own JSON mapping has base64."""
    for of_resource in document["resourceSpans"]:
        for of_scope in of_resource["scopeSpans"]:
            for span in of_scope.get("spans", ()):
                for identified in (span, *span.get("links", ())):
                    for name in {"traceId", "spanId", "parentSpanId"} & identified.keys():
                        identified[name] = b64encode(bytes.fromhex(identified[name])).decode()
    return ParseDict(document, ExportTraceServiceRequest())
