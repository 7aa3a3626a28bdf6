"""Builds the programs of the test bed from their Go modules, once, into the git-ignored cache.

`python -m tests.cluster.build` builds those of the test bed and prints the folder of the control plane; `... NAME`
builds a tool or a peer and prints its path. The key is the content of the modules' files: nothing is built again while
they stay. Tools and peers have a folder each, so that another version of one builds nothing else. A cold build takes
ten minutes on two cores.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODULES = Path(__file__).parent / "go"
NEEDED = (1, 26)
PROGRAMS = {
    "controlplane": {
        "etcd": "go.etcd.io/etcd/server/v3",
        "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
        "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
        "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
    },
    "kwok": {"kwok": "sigs.k8s.io/kwok/cmd/kwok"},
    "metrics-server": {
        "metrics-server": "sigs.k8s.io/metrics-server/cmd/metrics-server",
        "custom-metrics-adapter": "./adapter",
    },
}
TOOLS = {
    "actionlint": "github.com/rhysd/actionlint/cmd/actionlint",
    "helm": "helm.sh/helm/v4/cmd/helm",
}
"""Programs that the tests of the test bed call, by module."""
FAST = "-gcflags=all=-N -l"
"""Without optimization, a build needs up to a third less time."""
PEERS = {
    "cilium": ("test", "-c", FAST, "github.com/cilium/cilium/pkg/loadbalancer/tests"),
    "collector": ("build", FAST, "."),
}
"""Programs with the code of other projects that the tests of interoperability call, by module, as arguments of go."""


class BuildError(Exception):
    """A program cannot be built; the text says why and what to do."""


def cache_folder() -> Path:
    """Return the folder that holds the programs of the control plane."""
    return _cache() / _digest(*PROGRAMS)


def _cache() -> Path:
    return Path(os.environ.get("WAO_TESTBED_CACHE", ROOT / ".cache" / "testbed"))


def _digest(*modules: str) -> str:
    digest = hashlib.sha256()
    for module in sorted(modules):
        for file in sorted(path for path in (MODULES / module).rglob("*") if path.is_file()):
            digest.update(file.relative_to(MODULES).as_posix().encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def is_built() -> bool:
    """Return whether `build` has nothing to do."""
    return (cache_folder() / "kwok.yaml").exists() and not _missing(cache_folder())


def _missing(folder: Path) -> list[tuple[str, str, str]]:
    """Return module, name and package of the programs that are not there."""
    return [
        (module, name, package)
        for module, programs in PROGRAMS.items()
        for name, package in programs.items()
        if not (folder / name).exists()
    ]


def build() -> Path:
    """Return the folder with all programs, built now where they are missing.

    Raises
    ------
    BuildError
        Go is missing or too old, or a program does not build.
    """
    folder = cache_folder()
    missing = _missing(folder)
    if missing:
        _check_go()
        folder.mkdir(parents=True, exist_ok=True)
    for module, name, package in missing:
        _build_one(module, name, ("build", package), folder)
    if not (folder / "kwok.yaml").exists():
        (folder / "kwok.yaml").write_text(_kwok_config())
    return folder


def tool_path(name: str) -> Path:
    """Return where a program of `TOOLS` or `PEERS` is once it is built."""
    how = hashlib.sha256("\0".join(_arguments(name)).encode()).hexdigest()[:8]
    return _cache() / f"{name}-{_digest(name)}-{how}" / name


def _arguments(name: str) -> tuple[str, ...]:
    """Return the arguments of go that build a program of `TOOLS` or `PEERS`."""
    return PEERS.get(name) or ("build", TOOLS[name])


def tool(name: str) -> Path:
    """Return a program of `TOOLS` or `PEERS`, built now if it is missing.

    Raises
    ------
    BuildError
        Go is missing or too old, or the program does not build.
    """
    path = tool_path(name)
    if not path.exists():
        _check_go()
        path.parent.mkdir(parents=True, exist_ok=True)
        _build_one(name, name, _arguments(name), path.parent)
    return path


def _kwok_config() -> str:
    """Return the stages and metrics that kwok's own module ships; without any it refuses to start."""
    command = ["go", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/kwok"]
    found = subprocess.run(command, cwd=MODULES / "kwok", capture_output=True, text=True, check=True)
    module = Path(found.stdout.strip()) / "kustomize"
    folders = [
        "stage/node/fast",
        "stage/node/heartbeat-with-lease",
        "stage/pod/fast",
        "metrics/resource",
        "metrics/usage",
    ]
    files = [
        file for name in folders for file in sorted((module / name).glob("*.yaml")) if file.stem != "kustomization"
    ]
    return "\n---\n".join(file.read_text() for file in files)


def _check_go() -> None:
    go = shutil.which("go")
    if go is None:
        wanted = ".".join(map(str, NEEDED))
        raise BuildError(
            f"the test bed builds Kubernetes from source: install Go {wanted} or later (https://go.dev/dl)"
        )
    version = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=True).stdout.strip()
    found = re.match(r"go(\d+)\.(\d+)", version)
    if found is None or (int(found[1]), int(found[2])) < NEEDED:
        raise BuildError(f"{go} is {version}: Go {'.'.join(map(str, NEEDED))} or later is needed")


def _build_one(module: str, name: str, what: tuple[str, ...], folder: Path) -> None:
    sys.stderr.write(f"building {name} ... ")
    sys.stderr.flush()
    began = time.monotonic()
    target = folder / f".{name}.{os.getpid()}.part"  # another process may build it too
    command = ["go", *what[:-1], "-trimpath", "-ldflags", "-s -w", "-o", str(target), what[-1]]
    done = subprocess.run(
        command,
        cwd=MODULES / module,
        env={**os.environ, "CGO_ENABLED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BuildError(f"{name} does not build: {done.stderr[-2000:]}")
    target.rename(folder / name)
    sys.stderr.write(f"{time.monotonic() - began:.0f} s\n")


if __name__ == "__main__":
    try:
        if wanted := sys.argv[1:]:
            sys.stdout.writelines(f"{tool(name)}\n" for name in wanted)
        else:
            sys.stdout.write(f"{build()}\n")
            for name in TOOLS:
                tool(name)
    except BuildError as error:
        sys.exit(f"error: {error}")
