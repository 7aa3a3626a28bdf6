# All of the tooling. CI calls these targets and nothing else.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
UV := .tools/bin/uv
BIN := .venv/bin
export UV_PYTHON_DOWNLOADS := never
export UV_NO_PROGRESS := 1
# tests start many commands: without compiled bytecode, each would spend seconds compiling its imports
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
PARTS := core doctor install lb rebalance scheduler standby
.PHONY: help setup audit pin-base sbom docs docs-reference dashboards chart dist test test-examples test-faults test-sequences fuzz fuzz-bytes test-netns test-image test-train test-interop test-cilium bed test-cluster $(PARTS:%=test-cluster-%) soak dev check format bench demo lock manifests models clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- environments: locked by hash, one per purpose --------------------------------------------------------------

.tools/.stamp: requirements/tools.txt
	@echo "creating .tools (uv)"
	@$(PYTHON) -m venv .tools
	@.tools/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/tools.txt
	@touch $@

# $(call environment,FOLDER,LOCK): a virtual environment with the packages of the lock file and the project itself
define environment
	@echo "creating $(1) from $(2)"
	@test -x $(1)/bin/python || $(UV) venv --quiet --python $(PYTHON) $(1)
	@$(UV) pip sync --quiet --python $(1)/bin/python --require-hashes $(2)
	@$(UV) pip install --quiet --python $(1)/bin/python --no-deps --no-build-isolation --editable .
	@touch $(1)/.stamp
endef

.venv/.stamp: .tools/.stamp requirements/dev.txt pyproject.toml
	$(call environment,.venv,requirements/dev.txt)

.venv-train/.stamp: .tools/.stamp requirements/train.txt pyproject.toml
	$(call environment,.venv-train,requirements/train.txt)

.venv-fuzz/.stamp: .tools/.stamp requirements/fuzz.txt pyproject.toml
	$(call environment,.venv-fuzz,requirements/fuzz.txt)

.venv-docs/.stamp: .tools/.stamp requirements/docs.txt pyproject.toml
	$(call environment,.venv-docs,requirements/docs.txt)

.venv-browser/.stamp: .tools/.stamp requirements/browser.txt pyproject.toml
	$(call environment,.venv-browser,requirements/browser.txt)

# Ray is large, and only sweeps need it
.venv-ray/.stamp: .tools/.stamp requirements/interop-ray.txt pyproject.toml
	$(call environment,.venv-ray,requirements/interop-ray.txt)

# the tools that examine the locks, kept apart from what they examine
.venv-audit/.stamp: .tools/.stamp requirements/audit.txt
	@echo "creating .venv-audit from requirements/audit.txt"
	@test -x .venv-audit/bin/python || $(UV) venv --quiet --python $(PYTHON) .venv-audit
	@$(UV) pip sync --quiet --python .venv-audit/bin/python --require-hashes requirements/audit.txt
	@touch $@

# a model server's own environment: its packages only, because it pins versions that ours does not
.venv-%/.stamp: .tools/.stamp requirements/interop-%.txt
	@echo "creating .venv-$* from requirements/interop-$*.txt"
	@test -x .venv-$*/bin/python || $(UV) venv --quiet --python $(PYTHON) .venv-$*
	@$(UV) pip sync --quiet --python .venv-$*/bin/python --require-hashes requirements/interop-$*.txt
	@touch $@

setup: .venv/.stamp  ## create or update .venv (quick when nothing changed)

lock: .tools/.stamp  ## recompute requirements/*.txt from pyproject.toml
	@set -e; compile() { out=$$1; shift; echo "locking requirements/$$out.txt"; \
	  $(UV) pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	  --custom-compile-command 'make lock' "$$@" -o requirements/$$out.txt; }; \
	compile tools requirements/tools.in; \
	compile audit requirements/audit.in; \
	compile dev pyproject.toml --extra all --group dev; \
	compile train pyproject.toml --extra train --group test --group build; \
	compile docs pyproject.toml --group docs --group build; \
	compile fuzz pyproject.toml --extra kubernetes --group fuzz --group build; \
	compile image pyproject.toml --extra kubernetes --extra ui --extra otel --group build; \
	compile browser pyproject.toml --extra ui --group browser --group build; \
	compile interop-ray pyproject.toml --extra ray --group build; \
	for name in mlserver kserve envoy; do compile interop-$$name requirements/interop-$$name.in; done

# --- the work ---------------------------------------------------------------------------------------------------

# three processes on two cores, because many tests wait for what they test
test: setup  ## all tests that need no root, no control plane and no torch, without test-faults and test-examples
	$(BIN)/pytest -q -n 3 -m "not train and not interop and not cluster and not image and not netns" \
	  --ignore tests/browser --ignore tests/faults --ignore tests/fuzz --ignore tests/test_examples.py

test-examples: setup  ## run the notebooks and the examples
	$(BIN)/pytest -q -m "not train" tests/test_examples.py

test-faults: setup  ## each server against faults and random input, in a short form
	$(BIN)/pytest -q -n 2 -m "not netns" tests/faults tests/fuzz

SEQUENCES ?= 1000
test-sequences: setup  ## standby against SEQUENCES random sequences of loads, faults and crashes (10000 for a release)
	WAO_STANDBY_SEQUENCES=$(SEQUENCES) $(BIN)/pytest -q --timeout 0 tests/wao_fleet/standby/test_sequence.py -k RandomDays

FUZZ_SECONDS ?= 3600
fuzz: setup  ## every decoder, parser and server against random input, for FUZZ_SECONDS
	@end=$$(($$(date +%s) + $(FUZZ_SECONDS))); \
	while [ "$$(date +%s)" -lt "$$end" ]; do WAO_FUZZ=1 $(BIN)/pytest -q -n 2 --timeout 0 tests/fuzz || exit 1; done

FUZZ_TARGETS := dpapi prometheus v2 redfish model yaml pod extender eds haproxy list watch metrics
fuzz-bytes: .venv-fuzz/.stamp  ## the parsers of bytes guided by coverage (atheris), FUZZ_SECONDS each
	@for target in $(FUZZ_TARGETS); do mkdir -p .cache/fuzz/$$target; \
	  .venv-fuzz/bin/python -m tests.fuzz.coverage_guided $$target -max_total_time=$(FUZZ_SECONDS) \
	  -artifact_prefix=.cache/fuzz/ .cache/fuzz/$$target || exit 1; done

# waits for another target that installs a package at the same time
APT_INSTALL := apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=120
# installs missing commands on Debian; on other systems it prints what to install
test-netns: export PATH := $(PATH):/usr/sbin:/sbin
test-netns: setup  ## the node agent with real connections, and the load generator with stress-ng (needs root)
	@test "$$(id -u)" = 0 || { echo "make test-netns makes network namespaces: run it as root" >&2; exit 1; }
	@missing() { for name in nft ip setpriv stress-ng; do command -v $$name > /dev/null || return 0; done; return 1; }; \
	install() { $(APT_INSTALL) nftables iproute2 util-linux stress-ng > /dev/null; }; \
	if missing; then install || { apt-get update -qq && install; }; fi; \
	if missing; then echo "make test-netns needs nft (nftables), ip (iproute2), setpriv (util-linux) and stress-ng: install them" >&2; exit 1; fi
	$(BIN)/pytest -q -m netns tests/netns tests/faults

.PHONY: test-ui
# installs Chromium on Debian; on other systems it prints what to install
test-ui: .venv-browser/.stamp  ## the page of wao ui in Chromium
	@missing() { ! command -v chromium > /dev/null; }; \
	install() { $(APT_INSTALL) chromium > /dev/null; }; \
	if missing; then install || { apt-get update -qq && install; }; fi; \
	if missing; then echo "make test-ui needs chromium: install it" >&2; exit 1; fi
	.venv-browser/bin/pytest -q --noconftest tests/browser

# installs mmdebstrap on Debian where it is missing
test-image: export PATH := $(PATH):/usr/sbin:/sbin
test-image: setup  ## the image's root file system, assembled from the Dockerfile without a container engine (needs root)
	@test "$$(id -u)" = 0 || { echo "make test-image mounts file systems: run it as root" >&2; exit 1; }
	@install() { $(APT_INSTALL) mmdebstrap > /dev/null; }; \
	command -v mmdebstrap > /dev/null || install || { apt-get update -qq && install; }
	$(BIN)/pytest -q -m image tests/image

.PHONY: screenshots
screenshots: .venv-browser/.stamp  ## write the pictures of docs/ui.md and README.md (needs chromium)
	.venv-browser/bin/python -m tests.browser.screenshots docs/images

test-train: .venv-train/.stamp  ## the tests of training (adds torch, 5.2 GB)
	.venv-train/bin/pytest -q -m train tests/wao_predict/train tests/wao_predict/cli/test_train.py tests/test_examples.py

# the distribution's Prometheus, unpacked but not installed; without it, its tests are skipped
.cache/prometheus/usr/bin/prometheus:
	@mkdir -p .cache/prometheus
	@cd .cache/prometheus && { { apt-get download -qq prometheus || { apt-get update -qq && apt-get download -qq prometheus; } ; } \
	  && dpkg -x prometheus_*.deb . && rm prometheus_*.deb; } 2>/dev/null || echo "the package prometheus cannot be fetched here"

# the distribution's HAProxy and its less common libraries, likewise
HAPROXY := haproxy liblua5.3-0 libopentracing-c-wrapper0 libopentracing1
.cache/haproxy/usr/sbin/haproxy:
	@mkdir -p .cache/haproxy
	@cd .cache/haproxy && { apt-get download -qq $(HAPROXY) || { apt-get update -qq && apt-get download -qq $(HAPROXY); } ; \
	  for file in *.deb; do dpkg -x $$file . || exit 1; done; rm *.deb; } 2>/dev/null || echo "the package haproxy cannot be fetched here"

INTEROP := $(foreach name,mlserver kserve envoy ray,.venv-$(name)/.stamp) .cache/prometheus/usr/bin/prometheus .cache/haproxy/usr/sbin/haproxy
# the OpenTelemetry Collector is built from its modules; without Go, its tests are skipped
test-interop: setup $(INTEROP)  ## against the real MLServer, KServe, Prometheus, Envoy, HAProxy, Ray and OpenTelemetry Collector
	@if command -v go > /dev/null; then nice -n 19 $(BIN)/python -m tests.cluster.build collector; fi
	$(BIN)/pytest -q -m interop tests/interop

test-cilium: setup  ## our EndpointSlices in the load balancer of Cilium, without a kernel (needs Go; some ten minutes the first time)
	@nice -n 19 $(BIN)/python -m tests.cluster.build cilium
	$(BIN)/pytest -q -m interop tests/interop/test_cilium.py

bed: setup  ## build the programs of a real control plane from source, once (needs Go; about ten minutes)
	@nice -n 19 $(BIN)/python -m tests.cluster.build

# each part on its own control plane, so that they can run in parallel
test-cluster: $(PARTS:%=test-cluster-%)  ## on a real control plane: core, doctor, install, lb, rebalance, scheduler and standby; or one part: make test-cluster-lb
test-cluster-doctor test-cluster-install test-cluster-lb test-cluster-rebalance test-cluster-scheduler test-cluster-standby: test-cluster-%: bed
	$(BIN)/pytest -q -m cluster tests/cluster/$*
test-cluster-core: bed
	$(BIN)/pytest -q -m cluster tests/cluster --ignore tests/cluster/doctor --ignore tests/cluster/install --ignore tests/cluster/lb --ignore tests/cluster/rebalance --ignore tests/cluster/scheduler --ignore tests/cluster/soak --ignore tests/cluster/standby

SOAK_SECONDS ?= 300
soak: bed  ## random faults on a real control plane for SOAK_SECONDS; prints the report of docs/reliability.md
	SOAK_SECONDS=$(SOAK_SECONDS) $(BIN)/pytest -q -s -m cluster tests/cluster/soak

dev: bed  ## run a real control plane with all parts of WAO, until Ctrl-C
	@$(BIN)/python -m tests.cluster.dev

check: setup  ## format, lint, types, layers, generated files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m wao_core.crds.yaml_files --check
	$(BIN)/python -m docs.generator --check
	$(BIN)/python -m docs.monitoring --check
	$(BIN)/python -m release.chart --check
	$(BIN)/hadolint Dockerfile

format: setup  ## format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# an index that mirrors PyPI often has no data about vulnerabilities, so each service is queried for one package first
audit: .venv-audit/.stamp  ## look up known vulnerabilities of the image's packages (needs api.osv.dev or pypi.org)
	@knows() { .venv-audit/bin/python -c "import requests; requests.get('$$1', timeout=10).raise_for_status()" 2> /dev/null; }; \
	if knows https://api.osv.dev/v1/vulns/PYSEC-2023-74; then service=osv; \
	elif knows https://pypi.org/pypi/requests/2.30.0/json; then service=pypi; \
	else echo "neither api.osv.dev nor pypi.org has data about vulnerabilities from here: nothing was checked" >&2; exit 1; fi; \
	.venv-audit/bin/pip-audit --strict --vulnerability-service $$service --disable-pip --require-hashes -r requirements/image.txt

DOCKERFILE ?= Dockerfile
pin-base:  ## write the digest of the base image into the Dockerfile: make pin-base DIGEST=sha256:...
	@printf '%s' "$(DIGEST)" | grep -Eqx 'sha256:[0-9a-f]{64}' || \
	  { echo "give DIGEST=sha256:..., as shown by: docker buildx imagetools inspect IMAGE (the image after FROM)" >&2; exit 1; }
	@sed -i -E 's|^FROM (python:[^ @]+)(@sha256:[0-9a-f]+)?|FROM \1@$(DIGEST)|' $(DOCKERFILE) && grep '^FROM' $(DOCKERFILE)

sbom: .venv-audit/.stamp  ## write the packages of the image as CycloneDX to build/sbom.json
	@mkdir -p build
	@.venv-audit/bin/python -W ignore -m cyclonedx_py requirements requirements/image.txt --pyproject pyproject.toml \
	  --output-reproducible -o build/sbom.json
	@echo "the packages of the image are in build/sbom.json"

docs: .venv-docs/.stamp  ## build the documentation site; warnings are errors
	@.venv-docs/bin/sphinx-build -q -E -W --keep-going -b html docs build/docs
	@echo "the documentation is at file://$(CURDIR)/build/docs/index.html"

docs-reference: setup  ## write the generated reference pages in docs/reference
	@$(BIN)/python -m docs.generator

dashboards: setup  ## write the Grafana dashboards in manifests/monitoring
	@$(BIN)/python -m docs.monitoring

chart: setup  ## write the Helm chart in charts/wao from the manifests
	@$(BIN)/python -m release.chart

IMAGE ?=
DIGEST ?=
dist: setup  ## write dist/: install.yaml, the packaged chart and the wheel; IMAGE=registry/name DIGEST=sha256:... (needs Go)
	@$(BIN)/python -m release.dist --image '$(IMAGE)' --digest '$(DIGEST)' --helm "$$($(BIN)/python -m tests.cluster.build helm)"

demo: setup  ## run the demo on a fleet of mock BMCs; ends by itself
	@$(BIN)/wao demo

bench: setup  ## measure the hot paths and the quality figures; keeps them in benchmarks/history, and writes build/benchmarks.html
	$(BIN)/python -m benchmarks --save

models: .venv-train/.stamp  ## train the included models of servers and of the cooling plant again
	.venv-train/bin/python -m wao_predict.train.shipped
	.venv-train/bin/python -m wao_predict.train.plant

clean:  ## remove environments and caches
	rm -rf .venv .venv-* .tools .cache build .pytest_cache .mypy_cache .ruff_cache .hypothesis
