# One image for all commands: docker build -t wao:0.1.0 . && docker run --rm wao:0.1.0 --help
# The base image is pinned by the digest of its multi-platform index (amd64, arm64). make pin-base writes another one.
FROM python:3.11.16-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b AS build
WORKDIR /src
RUN python -m venv /opt/wao
COPY requirements/image.txt requirements/
# the very packages that were tested, by hash; no torch among them
RUN /opt/wao/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements/image.txt
COPY pyproject.toml hatch_build.py README.md LICENSE NOTICE ./
COPY examples/bmc examples/bmc
COPY wao_predict wao_predict
COPY wao_core wao_core
COPY wao_metrics_api wao_metrics_api
COPY wao_scheduler wao_scheduler
COPY wao_lb wao_lb
COPY wao_fleet wao_fleet
COPY wao_ui wao_ui
COPY wao_demo wao_demo
COPY manifests manifests
COPY wao_doctor wao_doctor
RUN /opt/wao/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation . \
 && /opt/wao/bin/python -m compileall -q /opt/wao/lib

FROM python:3.11.16-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b
# the node agent calls nft; not pinned, as Debian removes a package's version when the next one comes
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends nftables \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/wao /opt/wao
ENV PATH=/opt/wao/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
# the root file system may be read-only: only /tmp is written
USER 65532:65532
ENTRYPOINT ["wao"]
CMD ["--help"]
