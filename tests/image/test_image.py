"""The image, from its own root file system: read-only, as its user, without capabilities."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx2
import pytest

from docs.generator.commands import commands as all_commands
from tests.cluster.bed.program import wait_for
from tests.image.conftest import Commands
from tests.wao_core.kube.scripted import ScriptedServer, serving

pytestmark = [pytest.mark.image, pytest.mark.timeout(600)]

FLEET = Path(__file__).parents[2] / "examples" / "fleet"
SHELL = ("/bin/sh", "-c")


def test_the_user_owns_nothing_and_has_no_capability(commands: Commands) -> None:
    script = 'id -u; id -g; grep -E "^(CapEff|CapBnd|NoNewPrivs)" /proc/self/status'
    shown = commands.run(script, entrypoint=SHELL).stdout.split()
    none = "0000000000000000"
    assert shown == ["65532", "65532", "CapEff:", none, "CapBnd:", none, "NoNewPrivs:", "1"]


def test_only_tmp_can_be_written(commands: Commands) -> None:
    script = 'for place in "$@"; do touch "$place/x" 2> /dev/null && echo "$place"; done; touch /tmp/x'
    done = commands.run(script, "sh", "/", "/opt/wao", "/usr", "/etc", "/var", "/run", "/home", entrypoint=SHELL)
    assert (done.returncode, done.stdout) == (0, "")


def test_without_arguments_it_shows_the_help(commands: Commands) -> None:
    done = commands.run()
    assert done.returncode == 0, done.stderr
    assert "Usage: wao" in done.stdout


HELP_OF_ALL = """
import sys
from wao_predict.cli import build
for name in sys.argv[1:]:
    sys.stderr.write(f"{name}\\n")
    build()([*name.split(), "--help"], standalone_mode=False, prog_name="wao")
"""


def test_every_command_can_be_loaded(commands: Commands) -> None:
    """In one process: to start Python for each would take most of the time."""
    names = [name.removeprefix("wao ") for name, _ in all_commands()]
    done = commands.run("-c", HELP_OF_ALL, *names, entrypoint=("python",))
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("Usage: wao") == len(names)


def test_a_model_predicts_and_nft_is_there(commands: Commands) -> None:
    table = "printf 'cpu_usage,inlet_temp,delta_p\\n20,21,2.5\\n'"
    done = commands.run(f"{table} | wao predict edge_supermicro - --output json; nft --version >&2", entrypoint=SHELL)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)
    assert done.stderr.startswith("nftables v")


@pytest.mark.parametrize("server", ["metrics-api", "scheduler", "lb"])
def test_a_server_gets_ready_with_a_folder_of_manifests(commands: Commands, server: str) -> None:
    with commands.serving(server, "--manifests", "/mnt/fleet", "--port", "0", binds={FLEET: "/mnt/fleet"}) as url:

        def ready() -> bool:
            return httpx2.get(f"{url}/readyz", verify=False, timeout=5.0, trust_env=False).status_code == 200

        assert wait_for(ready, f"{server} is ready")


@pytest.mark.parametrize("server", ["controller", "rebalance run", "standby controller"])
async def test_a_server_that_needs_an_api_server_serves_with_one(
    commands: Commands, server: str, tmp_path: Path
) -> None:
    def alive(api: str) -> bool:
        document = {
            "clusters": [{"name": "c", "cluster": {"server": api}}],
            "users": [{"name": "u", "user": {"token": "ours"}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "c",
        }
        kubeconfig = tmp_path / "config"
        kubeconfig.write_text(json.dumps(document))
        kubeconfig.chmod(0o644)
        flags = ("--kubeconfig", "/mnt/config", "--port", "0", "--no-leader-elect")
        with commands.serving(*server.split(), *flags, binds={kubeconfig: "/mnt/config"}) as url:
            return httpx2.get(f"{url}/livez", verify=False, timeout=5.0, trust_env=False).status_code == 200

    async with serving(ScriptedServer()) as api:
        assert await asyncio.to_thread(alive, api.host)


def test_the_node_agent_writes_its_rules(commands: Commands) -> None:
    """Into its output: writing to the kernel is tested by make test-netns."""
    flags = ("--manifests", "/mnt/fleet", "--node-name", "worker-1", "--print")
    done = commands.run("lb-agent", *flags, binds={FLEET: "/mnt/fleet"})
    assert done.returncode == 0, done.stderr
    assert "table ip wao-loadbalancer" in done.stdout
