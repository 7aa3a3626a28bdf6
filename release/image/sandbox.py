"""Runs a command in layers of files: an overlay in a mount namespace of its own, so that nothing stays mounted."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# $1: options of the overlay, $2: its place, $3: "build" or "run"; then pairs SOURCE TARGET, --, and the command
SCRIPT = """
set -eu
options=$1 root=$2 mode=$3
shift 3
mount -t overlay overlay -o "$options" "$root"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/mnt"
if [ "$mode" = run ]; then mount -t tmpfs -o mode=1777,size=256m tmpfs "$root/tmp"; fi
while [ "$1" != -- ]; do
  if [ -d "$1" ]; then mkdir -p "$root$2"; else touch "$root$2"; fi
  mount --bind -o ro "$1" "$root$2"
  shift 2
done
shift
exec chroot "$root" "$@"
"""
HOST = {"/etc/resolv.conf": "/etc/resolv.conf", "/etc/ssl/certs": "/etc/ssl/certs"}
"""What a build uses of the host: names, and the authorities of its package index."""
PASSED = ("PIP_", "SSL_CERT_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Layers:
    """Folders below `store`, the lowest one first."""

    store: Path
    names: tuple[str, ...]

    @property
    def lower(self) -> str:
        """As overlayfs wants them: the highest one first."""
        return ":".join(reversed(self.names))


def build_command(layers: Layers, upper: Path, command: Sequence[str]) -> list[str]:
    """Return a command that runs as root and writes into `upper`; `upper`.work and `upper`.root must exist."""
    options = f"lowerdir={layers.lower},upperdir={upper},workdir={upper}.work"
    binds = [part for pair in HOST.items() if os.path.exists(pair[0]) for part in pair]
    return _command(options, Path(f"{upper}.root"), "build", binds, command)


def run_command(
    layers: Layers,
    place: Path,
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    user: str = "65532:65532",
    binds: Mapping[Path, str] | None = None,
    capabilities: str = "",
) -> list[str]:
    """Return a command on a read-only root, as a user without capabilities.

    Parameters
    ----------
    place
        An empty folder for the mount.
    environment
        All variables that the command sees.
    user
        User and group, as numbers.
    binds
        Folders and files of the host below /mnt, read-only.
    capabilities
        Capabilities that stay, such as "+net_admin"; only root can use them.
    """
    uid, gid = user.split(":")
    drop = [
        "setpriv",
        f"--reuid={uid}",
        f"--regid={gid}",
        "--clear-groups",
        "--no-new-privs",
        f"--bounding-set=-all{',' + capabilities if capabilities else ''}",
        "--inh-caps=-all",
        "--pdeathsig=KILL",  # after the change of the user, which clears the signal
        "--",
    ]
    variables = [f"{name}={value}" for name, value in environment.items()]
    pairs = [part for source, target in (binds or {}).items() for part in (str(source), target)]
    # an overlay of one folder alone is not possible
    options = f"lowerdir={layers.lower}"
    return _command(options, place, "run", pairs, ["/usr/bin/env", "-i", *variables, *drop, *command], layers.store)


def build_environment(own: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a build step: those of the image, and what the host needs to fetch packages."""
    passed = {name: value for name, value in os.environ.items() if name.startswith(PASSED)}
    return {"PATH": PATH, "HOME": "/root", "DEBIAN_FRONTEND": "noninteractive", **passed, **own}


def run(command: Sequence[str], store: Path, environment: Mapping[str, str]) -> None:
    """Run a command in the folder of the layers; raises `CalledProcessError` with its output."""
    subprocess.run(command, cwd=store, env=dict(environment), check=True, stdin=subprocess.DEVNULL)


def _command(
    options: str, place: Path, mode: str, binds: Sequence[str], command: Sequence[str], store: Path | None = None
) -> list[str]:
    # a command that runs replaces unshare, so that a signal reaches it; what a build step leaves behind ends with it
    inside = ["unshare", "--mount", *(["--pid", "--fork", "--kill-child"] if mode == "build" else []), "--"]
    folder = ["env", "--chdir", str(store)] if store is not None else []
    return [*folder, *inside, "/bin/sh", "-c", SCRIPT, "sh", options, str(place), mode, *binds, "--", *command]
