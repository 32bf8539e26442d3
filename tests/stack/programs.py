"""The real programs, with the configuration that operators run and every port given."""

import re
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

import requests
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from cc_otel.graph.sqlite.store import SqliteStore
from cc_otel.graph.store import Json, Query
from cc_otel.otlp.decode import decode
from cc_otel.otlp.destination import GRPC, HTTP_PROTOBUF, Destination
from cc_otel.span import Span
from tests.stack.process import Program, answers, free_port

ROOT: Final = Path(__file__).parents[2]
COLLECTOR_CONFIG: Final = ROOT / "collector-config.yaml"
JAEGER_CONFIG: Final = ROOT / "stack" / "jaeger-config.yaml"
JAEGER_UI: Final = ROOT / "stack" / "jaeger-ui.json"

IN_MEMORY: Final = (
    "yaml:extensions::jaeger_storage::backends::memory::memory::max_traces: 1000",
    "yaml:extensions::jaeger_query::storage::traces: memory",
    "yaml:exporters::jaeger_storage_exporter::trace_storage: memory",
)
"""Differences for a Jaeger that keeps spans as they came, in memory."""
Built = Callable[[str], Path]
"""Return where the program of a part of ``stack/build.sh`` is."""

Send = Callable[[Destination, list[Span]], None]
"""Send spans as an agent does, in one request, and see them acknowledged."""


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
                # Spans are compared with what was sent; the view for people has tests of its own.
                "CC_OTEL_JAEGER_NAMES": "plain",
                **settings,
            },
            log=home / "collector.log",
            is_well=lambda: answers(f"http://127.0.0.1:{health}/"),
        )

    def destination(self, protocol: str = GRPC, compression: str = "none") -> Destination:
        """Return where an agent sends to."""
        port = self._http if protocol == HTTP_PROTOBUF else self._grpc
        return Destination(f"http://127.0.0.1:{port}", protocol=protocol, compression=compression)

    def metric(self, name: str, exporter: str) -> float:
        """Return one of its own metrics for one of its exporters; 0 where it has not been counted yet."""
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
                "CC_OTEL_JAEGER_UI_CONFIG": str(JAEGER_UI),
                "CC_OTEL_JAEGER_DATA_DIR": str(home / "jaeger"),
            },
            log=home / "jaeger.log",
            is_well=lambda: answers(f"http://127.0.0.1:{health}/status"),
        )

    @property
    def url(self) -> str:
        """Its page, and its HTTP API."""
        return f"http://127.0.0.1:{self._ui}"

    def trace(self, trace_id: str) -> list[Span]:
        """Return the spans of a trace as its API shows them, in the order of their starts; none if it is unknown."""
        answer = requests.get(f"{self.url}/api/v3/traces/{trace_id}", timeout=30)
        if answer.status_code == 404:
            return []
        answer.raise_for_status()
        decoded = decode(message(answer.json()["result"]).SerializeToString())
        assert decoded.rejections == ()
        return sorted(decoded.spans, key=lambda span: (span.start_ns, span.span_id))


class GraphExporter(Program):
    """Our graph-exporter as an operator starts it; the container's health command says if it is well."""

    def __init__(self, home: Path, **settings: str) -> None:
        """Take where its home is made, and what is to be different from a graph in SQLite there."""
        self.endpoint = f"127.0.0.1:{free_port()}"
        self.database = home / "graph" / "graph.db"
        health = [sys.executable, str(ROOT / "stack" / "health.py"), self.endpoint]
        super().__init__(
            [str(Path(sys.executable).with_name("cc-otel")), "graph-exporter"],
            {
                "CC_OTEL_HOME": str(self.database.parent),
                "CC_OTEL_GRAPH_LISTEN": self.endpoint,
                # The tests' spans have times of their own, long past at some day.
                "CC_OTEL_RETENTION_DAYS": "0",
                **settings,
            },
            log=home / "graph-exporter.log",
            is_well=lambda: subprocess.run(health, check=False, capture_output=True).returncode == 0,
        )

    def tree(self, trace_id: str) -> list[dict[str, Json]]:
        """Return the spans of a trace, parents before children."""
        return list(SqliteStore(self.database).query(Query("tree", {"trace_id": trace_id})))

    def spans(self) -> int:
        """Return how many spans there are."""
        return sum(1 for _ in SqliteStore(self.database).query(Query("spans")))


def defaults(config: Path) -> dict[str, str]:
    """Return the settings that a configuration reads, with their defaults."""
    return dict(re.findall(r"\$\{env:(CC_OTEL_\w+):-([^}]*)\}", config.read_text()))


def message(document: Any) -> ExportTraceServiceRequest:
    """Read OTLP/JSON, which writes ids in hexadecimal where protobuf's own JSON mapping has base64."""
    for of_resource in document["resourceSpans"]:
        for of_scope in of_resource["scopeSpans"]:
            for span in of_scope.get("spans", ()):
                for identified in (span, *span.get("links", ())):
                    for name in {"traceId", "spanId", "parentSpanId"} & identified.keys():
                        identified[name] = b64encode(bytes.fromhex(identified[name])).decode()
    return ParseDict(document, ExportTraceServiceRequest())
