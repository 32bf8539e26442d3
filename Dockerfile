# The graph-exporter, for docker-compose.yml. Small on purpose: no litellm, no build tools, no pip, no root.
# The versions are the lock's (make image-lock); tests/stack/test_image.py runs the RUN lines of the build stage.

FROM python:3.11.14-slim-bookworm AS build
WORKDIR /src
COPY requirements/image.txt requirements/image-build.txt requirements/
RUN python -m venv /opt/build && /opt/build/bin/python -m pip install --no-cache-dir --require-hashes -r requirements/image-build.txt
RUN python -m venv --without-pip /opt/cc-otel && /opt/build/bin/python -m pip --python /opt/cc-otel/bin/python install --no-cache-dir --require-hashes -r requirements/image.txt
# The sources come last, so that a change of ours does not download everything again.
COPY pyproject.toml README.md LICENSE CHANGELOG.md ./
COPY cc_otel cc_otel
COPY hooks hooks
COPY stack/health.py stack/
RUN /opt/build/bin/python -m pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir dist .
RUN /opt/build/bin/python -m pip --python /opt/cc-otel/bin/python install --no-cache-dir --no-deps --no-index dist/*.whl && cp stack/health.py /opt/cc-otel/bin/cc-otel-health

FROM python:3.11.14-slim-bookworm
# The number is also the Collector's and Jaeger's; the name is for programs that ask who they are.
RUN useradd --uid 10001 --create-home --home-dir /var/lib/cc-otel --shell /usr/sbin/nologin cc-otel
COPY --from=build /opt/cc-otel /opt/cc-otel
ENV PATH=/opt/cc-otel/bin:$PATH CC_OTEL_HOME=/var/lib/cc-otel PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /var/lib/cc-otel
VOLUME /var/lib/cc-otel
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python", "/opt/cc-otel/bin/cc-otel-health", "127.0.0.1:4327"]
ENTRYPOINT ["cc-otel"]
CMD ["graph-exporter"]
