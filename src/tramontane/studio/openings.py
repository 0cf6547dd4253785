"""Which requests pass without a key or session: those whose routes are declared public.

Read from the routes themselves, so that nothing is public that does not say so where it is
declared. It does not know what a route does.
"""

import re
from collections.abc import Callable

from litestar import Litestar
from litestar.routes import HTTPRoute


def of(app: Litestar, paths: frozenset[str]) -> Callable[[str, str], bool]:
    """Return whether a method and path are public: any method of `paths`, and public routes."""
    patterns = list(_patterns(app))

    def is_public(method: str, path: str) -> bool:
        if path in paths:
            return True
        return any(method == known and found.fullmatch(path) for known, found in patterns)

    return is_public


def _patterns(app: Litestar) -> list[tuple[str, re.Pattern[str]]]:
    return [
        (method, _pattern(route))
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for method, (handler, _) in route.route_handler_map.items()
        if handler.opt.get("public")
    ]


def _pattern(route: HTTPRoute) -> re.Pattern[str]:
    parts = (re.escape(p) if isinstance(p, str) else "[^/]+" for p in route.path_components)
    return re.compile("/" + "/".join(parts) + "/?")  # the framework takes both as the same
