"""`wao doctor`: options only; other modules are imported when the command runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wao_core.serving.endpoint_options import EndpointOptions, endpoint_options
from wao_predict.cli.output import TableOrJson, print_json, print_table

_PLACES = "Names of the installation"


@endpoint_options()
def doctor(
    endpoints: EndpointOptions,
    kubeconfig: Annotated[
        Path | None,
        typer.Option(
            envvar="KUBECONFIG",
            help="Kubeconfig of the cluster. Default: the account of this Pod, else ~/.kube/config.",
        ),
    ] = None,
    manifests: Annotated[
        Path | None,
        typer.Option(
            envvar="WAO_MANIFESTS",
            help="Examine this folder of manifests instead of a cluster: its sensors and models are read once.",
        ),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Make this check only; can be repeated. --list shows their names.")
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="Show the names of all checks and exit.")] = False,
    all_: Annotated[bool, typer.Option("--all", "-a", help="Show notes in full, too.")] = False,
    output: Annotated[TableOrJson, typer.Option("--output", "-o", help="Output format.")] = TableOrJson.TABLE,
    bundle: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.tar.gz",
            help="Also write a support bundle: the report and what it is based on, without credentials.",
        ),
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=0.5, max=300, help="Time limit of one request, or of all sensors of a folder [s].")
    ] = 10.0,
    namespace: Annotated[
        str, typer.Option(envvar="WAO_NAMESPACE", help="Namespace of WAO.", rich_help_panel=_PLACES)
    ] = "wao-system",
    node_namespace: Annotated[
        str, typer.Option(help="Namespace of the node agent.", rich_help_panel=_PLACES)
    ] = "wao-node",
    scheduler_config: Annotated[
        str,
        typer.Option(
            metavar="NAMESPACE/NAME",
            help="ConfigMap with the KubeSchedulerConfiguration that calls the extender.",
            rich_help_panel=_PLACES,
        ),
    ] = "wao-system/wao-kube-scheduler",
    proxy_name: Annotated[
        str,
        typer.Option(
            envvar=["WAO_LB_PROXY_NAME", "WAO_SERVICE_PROXY_NAME"],
            help="Value of the label service.kubernetes.io/service-proxy-name of Services of WAO.",
            rich_help_panel=_PLACES,
        ),
    ] = "wao-loadbalancer",
) -> None:
    """Find what keeps WAO from working, and show how to correct it.

    Nothing is changed. The exit code is 1 if an error was found. A check that cannot be made is reported as not known.
    """
    import asyncio

    from wao_doctor.bundle import write_bundle
    from wao_doctor.diagnosis import Diagnosis, diagnose_cluster, diagnose_folder, select, usual_kubeconfig
    from wao_doctor.registry import checks
    from wao_doctor.settings import DoctorSettings
    from wao_doctor.show import show

    settings = DoctorSettings(namespace, node_namespace, scheduler_config, proxy_name, timeout)
    if list_:
        rows = [[check.name, check.question] for check in checks(settings)]
        print_table(["check", "question"], rows)
        return
    if scheduler_config.count("/") != 1:
        raise typer.BadParameter("write NAMESPACE/NAME", param_hint="--scheduler-config")
    if manifests is not None and not manifests.is_dir():
        raise typer.BadParameter(f"{manifests}: no such folder", param_hint="--manifests")

    async def run() -> Diagnosis:
        from wao_core.kube.client import KubeClient

        names = only or []
        if manifests is not None:
            return await diagnose_folder(manifests, settings, names, endpoints)
        select(settings, names, folder=False)  # before a connection is made
        client = await KubeClient.connect(kubeconfig or usual_kubeconfig())
        try:
            return await diagnose_cluster(client, settings, names)
        finally:
            await client.close()

    found = asyncio.run(run())
    if bundle is not None:
        write_bundle(bundle, found.report, found.facts)
    if output is TableOrJson.JSON:
        print_json(found.report.document())
    else:
        show(found.report, everything=all_)
        if bundle is not None:
            typer.echo(f"\nwritten: {bundle}")
    raise typer.Exit(found.report.exit_code)
