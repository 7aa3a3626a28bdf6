"""Health endpoints as Kubernetes servers have them: /healthz, /livez, /readyz, each with ?verbose and ?exclude."""

from __future__ import annotations

from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wao_core.health import HealthChecks


def health_routes(checks: HealthChecks) -> list[Route]:
    """Return the routes /healthz, /livez and /readyz of a server."""

    async def handle(request: Request) -> Response:
        endpoint = request.url.path.strip("/").partition("/")[0]
        query = parse_qs(request.url.query, keep_blank_values=True)
        run = checks.ready if endpoint == "readyz" else checks.live
        report = run(query.get("exclude", ()))
        return Response(
            report.text(endpoint, verbose="verbose" in query),
            200 if report.healthy else 500,
            media_type="text/plain; charset=utf-8",
            headers={"Cache-Control": "no-cache, private", "X-Content-Type-Options": "nosniff"},
        )

    return [Route(f"/{name}", handle) for name in ("healthz", "livez", "readyz")]
