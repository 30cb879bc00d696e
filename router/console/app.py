"""The Litestar application: API under /api, the page under /, the API's description under /schema."""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import uvicorn
from litestar import Litestar, Request, Response, Router
from litestar.config.cors import CORSConfig
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.static_files import create_static_files_router

from router.applications.commands import CommandDesk
from router.console.access import TokenGuard
from router.console.devices_api import create_devices_router
from router.console.network_api import create_network_router
from router.console.requests import BadRequest
from router.traffic.desk import Desk

STATIC = Path(__file__).parent / "static"
MAX_BODY_BYTES = 64 * 1024
_CODES = {
    400: "bad_request",
    401: "unauthorized",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
}
_SECURITY = {
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


async def _add_security_headers(response: Response[Any]) -> Response[Any]:
    response.headers.update(_SECURITY)
    return response


def _answer_error(status_code: int, message: str) -> Response[dict[str, Any]]:
    code = _CODES.get(status_code, f"http_{status_code}")
    return Response({"error": {"code": code, "message": message}}, status_code=status_code)


def _handle_bad_request(_: Request[Any, Any, Any], error: BadRequest) -> Response[dict[str, Any]]:
    return _answer_error(400, str(error))


def _handle_http_error(_: Request[Any, Any, Any], error: HTTPException) -> Response[dict[str, Any]]:
    message = error.detail
    if isinstance(error, ValidationException) and isinstance(error.extra, list):
        message = (
            "; ".join(f"{part.get('key', 'body')}: {part.get('message')}" for part in error.extra) or message
        )
    return _answer_error(error.status_code, message)


def _handle_failure(_: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    logging.getLogger(__name__).error("request failed", exc_info=error)
    return _answer_error(500, "the router failed at this request; its log says why")


def create_app(
    desk: Desk, commands: CommandDesk, token: str, get_status: Callable[[], dict[str, Any]]
) -> Litestar:
    """The application; everything under /api needs the token."""
    api = Router(
        path="/api",
        route_handlers=[create_devices_router(desk, commands), create_network_router(desk, get_status)],
        guards=[TokenGuard(token)],
    )
    page = create_static_files_router(path="/", directories=[STATIC], html_mode=True, cache_control=None)
    return Litestar(
        route_handlers=[api, page],
        cors_config=CORSConfig(allow_origins=["*"], allow_headers=["authorization", "content-type"]),
        openapi_config=OpenAPIConfig(
            title="hexhaul router",
            version="1",
            path="/schema",
            render_plugins=[JsonRenderPlugin(path=["/", "/openapi.json"])],
        ),
        exception_handlers={
            BadRequest: _handle_bad_request,
            HTTPException: _handle_http_error,
            Exception: _handle_failure,
        },
        after_request=_add_security_headers,
        request_max_body_size=MAX_BODY_BYTES,
        logging_config=None,
    )


class _Server(uvicorn.Server):
    """Leaves the signals to the service."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class WebServer:
    """Serves the application on a socket of our own, so that port 0 is known before the first request."""

    def __init__(self, app: Litestar, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((host, port))
        except OSError as error:
            self._socket.close()
            raise OSError(
                f"cannot listen on {host}:{port}: {error.strerror}; choose another with --http"
            ) from error
        self._socket.listen(128)  # who comes before the first accept waits, and isn't refused
        config = uvicorn.Config(
            app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1, ws="none"
        )
        self._server = _Server(config)

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    async def run(self) -> None:
        await self._server.serve(sockets=[self._socket])

    def stop(self) -> None:
        self._server.should_exit = True
