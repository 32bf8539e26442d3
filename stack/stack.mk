# The real Collector, Jaeger and Compose's loader, and the tests that run them. Included by the Makefile.
.PHONY: stack test-stack image-lock

# Builds what is not built yet (stack/build.sh says what it costs).
stack:
	@sh stack/build.sh

# Exit 3 means that something has to be installed first: then the tests skip and repeat what, unless
# CC_OTEL_REQUIRE_STACK=1 makes them fail.
test-stack: $(READY)
	@sh stack/build.sh || test $$? -eq 3
	CC_OTEL_CLAUDE="$$(sh stack/build.sh where claude)" $(BIN)/pytest -m stack

IMAGE_COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --no-annotate --custom-compile-command "make image-lock" --constraint $(LOCK)

# What the Dockerfile installs: the lock's versions, without litellm and the tools for developing.
image-lock: $(READY)
	$(IMAGE_COMPILE) --extra arango --extra ui pyproject.toml -o requirements/image.txt
	echo hatchling | $(IMAGE_COMPILE) - -o requirements/image-build.txt

.PHONY: vendor vendor-check

# What others wrote of the page, out of npm's packages; only who changes stack/vendor.json needs it, and Node.
vendor: $(READY)
	$(BIN)/python stack/vendor.py

# The same fetched again and compared with the tree.
vendor-check: $(READY)
	$(BIN)/python stack/vendor.py --check
