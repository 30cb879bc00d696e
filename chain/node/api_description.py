"""The OpenAPI description, from what is written already: a route's docstring gives summary and description,
its types the answer, and what can go wrong follows from what it takes.
"""

from __future__ import annotations

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec

from chain import api

_ERRORS = {
    400: "A value can't be parsed, or the question makes no sense.",
    404: "What was asked for isn't there.",
    413: "The body is too large.",
    422: "The rules refuse the transaction; the code says why.",
    429: "Too many requests, or no room now: ask again after Retry-After seconds.",
    503: "The node can't answer now: try again.",
}


def describe_routes(app: Litestar) -> None:
    """Complete the description of all routes of an application."""
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            if isinstance(handler, HTTPRouteHandler):
                _describe(handler, has_path_value="{" in route.path)


def _describe(handler: HTTPRouteHandler, has_path_value: bool) -> None:
    text = (handler.fn.__doc__ or "").strip()
    if text:
        first, _, rest = text.partition(".")
        handler.summary = handler.summary or " ".join(first.split()) + "."
        handler.description = handler.description or " ".join(rest.split()) or None
    statuses = {429, 503}
    names = handler.parsed_fn_signature.parameters.keys() - {"state", "request"}
    if names:
        statuses.add(400)
    if has_path_value:
        statuses.add(404)
    if "data" in names:
        statuses |= {413, 422}
    found = {
        status: ResponseSpec(api.ErrorResponse, description=_ERRORS[status], generate_examples=False)
        for status in sorted(statuses)
    }
    handler.responses = {**found, **(handler.responses or {})}
