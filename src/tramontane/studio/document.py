"""The OpenAPI 3.1 document of the own API, made from the routes themselves."""

import msgspec
from litestar import Litestar, Router
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, License, SecurityScheme, Tag

from tramontane import __version__
from tramontane.studio.arrival import SECURE_COOKIE
from tramontane.studio.operations import SECURITY_SCHEME, SESSION_SCHEME

_DESCRIPTION = (
    "The own API of the platform. Programs send a key as a bearer token; its rights decide what it"
    " may do. People sign in, and their browser sends a cookie; what changes something then needs"
    " the header `x-tramontane: 1` and must come from the platform's own page. Money is decimals in"
    " quotes, moments are RFC 3339 in UTC. The model APIs (`/v1/…`) are those of their dialects."
)


def build(api: Router) -> bytes:
    """Return the document of `api` as JSON."""
    described = Litestar(route_handlers=[api], openapi_config=_config(), logging_config=None)
    return msgspec.json.encode(described.openapi_schema.to_schema())


def _config() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Tramontane",
        version=__version__,
        description=_DESCRIPTION,
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        use_handler_docstrings=True,
        create_examples=False,
        components=Components(
            security_schemes={
                SECURITY_SCHEME: SecurityScheme(
                    type="http",
                    scheme="bearer",
                    description="A key of this platform, such as `tmt_…`.",
                ),
                SESSION_SCHEME: SecurityScheme(
                    type="apiKey",
                    security_scheme_in="cookie",
                    name=SECURE_COOKIE,
                    description="The cookie of somebody signed in (`tramontane` on loopback).",
                ),
            }
        ),
        tags=[
            Tag("Status", "Who is calling, and what runs."),
            Tag("People", "Signing in, members, invitations, and who belongs to which project."),
            Tag("Conversations", "Asking, answers as they are written, search."),
            Tag("Libraries", "Documents: brought, read, searched, and shown where they say it."),
            Tag("Tables", "Tables of documents and of databases elsewhere, asked by SQL."),
            Tag("Connections", "Databases elsewhere, read only: entered by administrators."),
            Tag("Prompts", "Texts to use again, with variables."),
            Tag("Assistants", "Instructions with a name: those that ship and one's own."),
            Tag("Transfer", "Conversations in and out, and what readers thought of answers."),
            Tag("Embeds", "Assistants on other sites."),
            Tag("Projects", "Groups that share budgets and limits."),
            Tag("Keys", "Credentials of a project."),
            Tag("Budgets", "Hard limits per day, per month and in total."),
            Tag("Usage", "What was used and what it cost."),
            Tag(
                "Playground",
                "One prompt to one model, with what it took; votes on answers side by side.",
            ),
            Tag("Independence", "Whom the platform depends on, and drills without them."),
            Tag("Catalogue", "Models found and compared, each fact with its source."),
            Tag("Playground", "A prompt put to models side by side, and votes on their answers."),
            Tag("Models", "Model files in the library."),
            Tag("Deployments", "Models made servable."),
            Tag("Publications", "Models that projects offer to one another, on whose terms."),
        ],
    )
