"""Whether the test event is in Jaeger, asked over its query API v3."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Final

import requests

from cc_otel import conventions
from cc_otel.cli.doctor.checks import BROKEN, OK, Check
from cc_otel.view.sessions import DOCTOR_SESSION

ARRIVAL_S: Final = 20.0
"""How long a Collector may take to pass the event on."""
PAUSE_S: Final = 0.5


def read_back(url: str, clock_ns: int) -> Check:
    """Look for the test event of that time (ns) in Jaeger until it is there or time is out."""
    until = time.monotonic() + ARRIVAL_S
    failure = "it does not show the test event"
    while time.monotonic() < until:
        try:
            answer = requests.get(f"{url.rstrip('/')}/api/v3/traces", params=_search(clock_ns), timeout=ARRIVAL_S)
            if answer.ok and DOCTOR_SESSION in answer.text:
                return Check("jaeger", OK, f"{url} shows the test event")
            # Nothing found is a 404.
            if not (answer.ok or answer.status_code == requests.codes.not_found):
                failure = f"answers {answer.status_code}"
        except requests.RequestException as error:
            failure = f"cannot be asked: {type(error).__name__}"
        time.sleep(PAUSE_S)
    return Check("jaeger", BROKEN, f"{url}: {failure}", "start Jaeger, or change jaeger_url (`cc-otel settings`)")


def _search(clock_ns: int) -> dict[str, str]:
    began = datetime.fromtimestamp(clock_ns / 1e9, UTC)
    return {
        "query.service_name": conventions.DOCTOR,
        "query.start_time_min": _stamp(began - timedelta(milliseconds=1)),
        "query.start_time_max": _stamp(began + timedelta(minutes=5)),
        "query.attributes": json.dumps({conventions.SESSION_ID: DOCTOR_SESSION}),
        "query.search_depth": "10",
    }


def _stamp(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
