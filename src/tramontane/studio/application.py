"""The studio as one ASGI application, assembled in one place.

From the outside in: headers, the browser app's files, the key gate, routing, rights, the operation.
It does not know the gateway, which sends everything here that is no request for tokens.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from litestar import Litestar, Request, Router
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from tramontane.assistant.answering import Answering
from tramontane.assistant.embedder import Embedder
from tramontane.assistant.feed import Feed
from tramontane.assistant.holdings import Holdings
from tramontane.assistant.served import Served
from tramontane.assistant.tokens import TokenClient
from tramontane.config import Settings
from tramontane.datafolder import DataFolder
from tramontane.errors import TramontaneError
from tramontane.store.database import Store
from tramontane.studio import document, errors, facts, imports, mistral, openings
from tramontane.studio.auth import Caller, Gate, check_query, check_rights
from tramontane.studio.catalogue import StudioCatalogue
from tramontane.studio.edge import Edge
from tramontane.studio.identity import Identity
from tramontane.studio.platform import Platform
from tramontane.studio.routes import (
    assistant_models,
    assistants,
    budgets,
    catalogue,
    connections,
    conversations,
    deployments,
    documents,
    drills,
    embeds,
    engines,
    events,
    handbook,
    independence,
    invitations,
    keys,
    libraries,
    links,
    me,
    members,
    messages,
    mistral_libraries,
    models,
    passages,
    playground,
    policies,
    prepaid,
    projects,
    prompts,
    proofs,
    providers,
    public,
    public_routes,
    publications,
    pulls,
    reading,
    results,
    samples,
    search,
    session,
    sharing,
    statements,
    status,
    tables,
    transfer,
    usage,
    votes,
)
from tramontane.studio.sign_in import SignIns
from tramontane.studio.upkeep import running
from tramontane.studio.visitors import Visitors
from tramontane.studio.webapp import WebApp
from tramontane.tables.query import QueryLimits, QueryPool
from tramontane.tools import ALL

API_PATH = "/api/v1"
MAX_BODY_BYTES = 65_536


def create(
    settings: Settings,
    store: Store,
    pepper: bytes,
    clock_ms: Callable[[], int],
    tokens: TokenClient,
    feed: Feed,
) -> ASGIApp:
    """Return the studio; `clock_ms` gives Unix milliseconds. Closing `feed` ends its streams."""
    platform = build(settings, store, pepper, clock_ms, tokens, feed)
    return gated(routed(lambda: platform), platform)


def build(
    settings: Settings,
    store: Store,
    pepper: bytes,
    clock_ms: Callable[[], int],
    tokens: TokenClient,
    feed: Feed,
) -> Platform:
    """Return what every route is handed."""

    def served() -> dict[str, Served]:
        return {found.name: facts.served(found) for found in status.everything_served(platform)}

    queries = QueryPool(
        QueryLimits(
            timeout_s=settings.tables.query_timeout_s,
            memory_bytes=settings.tables.query_memory_bytes,
        )
    )
    name = settings.documents.embeddings
    embedder = Embedder(store, tokens, name, lambda: clock_ms() / 1000) if name else None
    tables = DataFolder(settings.data_dir).tables
    holdings = Holdings(store, queries, tables, pepper, embedder=embedder)
    answering = Answering(store, tokens, feed, served, ALL, settings.currency, clock_ms, holdings)
    sign_ins = SignIns(settings, store, pepper, clock_ms)
    visitors = Visitors(pepper, clock_ms)
    importing = asyncio.Semaphore(imports.AT_ONCE)
    platform = Platform(
        settings, store, pepper, clock_ms, tokens, sign_ins, answering, visitors, importing,
        queries, StudioCatalogue(settings, store, clock_ms), embedder,
    )  # fmt: skip
    return platform


def gated(app: Litestar, platform: Platform) -> ASGIApp:
    """Return routes with all that stands before them."""
    is_public = openings.of(app, public.PATHS)
    public_url = platform.settings.server.public_url
    return Edge(WebApp(Gate(app, Identity(platform), is_public, public_url)))


def routed(platform: Callable[[], Platform]) -> Litestar:
    """Return the routes without the gate that stands before them; each asks for its platform."""
    routes: list[HTTPRouteHandler | Router] = [
        *public.handlers(lambda: document.build(api(platform))),
        *handbook.handlers(),
        embeds.pages(platform),
        api(platform),
        mistral_libraries.router(_given(platform)),
    ]
    return Litestar(
        route_handlers=routes,
        guards=[check_rights],
        lifespan=[lambda _: running(platform())],
        exception_handlers={
            TramontaneError: errors.render,
            HTTPException: mistral.render_found,
            Exception: errors.render_unforeseen,
        },
        # The framework's own pages would load scripts from elsewhere: `document` has no pages.
        openapi_config=None,
        request_max_body_size=MAX_BODY_BYTES,
        logging_config=None,
    )


def api(platform: Callable[[], Platform]) -> Router:
    """Return every operation of the own API. A new one is listed here, and in docs/api.md."""
    return Router(
        API_PATH,
        route_handlers=[
            session.sign_in,
            session.get_session,
            session.sign_out,
            links.check_link,
            links.accept_link,
            me.get_me,
            me.change_me,
            me.change_password,
            me.list_sessions,
            me.sign_out_everywhere,
            me.end_session,
            members.list_members,
            members.change_member,
            members.reset_password,
            members.put_membership,
            members.remove_membership,
            invitations.list_invitations,
            invitations.create_invitation,
            invitations.revoke_invitation,
            prompts.list_prompts,
            prompts.create_prompt,
            prompts.get_prompt,
            prompts.change_prompt,
            prompts.delete_prompt,
            assistants.list_assistants,
            assistants.create_assistant,
            assistants.get_assistant,
            assistants.change_assistant,
            assistants.delete_assistant,
            assistants.copy_assistant,
            sharing.share_conversation,
            sharing.list_shares,
            sharing.revoke_share,
            sharing.read_shared,
            proofs.get_receipt_key,
            proofs.get_receipt,
            proofs.make_report,
            transfer.export_conversation,
            transfer.export_all,
            transfer.import_conversations,
            transfer.export_feedback,
            embeds.list_embeds,
            embeds.create_embed,
            embeds.delete_embed,
            embeds.ask_embed,
            status.get_status,
            projects.list_projects,
            projects.create_project,
            projects.get_project,
            policies.get_key_policy,
            policies.get_project_policy,
            policies.set_key_policy,
            policies.set_project_policy,
            projects.change_project,
            keys.list_keys,
            keys.create_key,
            keys.change_key,
            keys.revoke_key,
            budgets.list_budgets,
            budgets.set_budget,
            budgets.remove_budget,
            prepaid.get_prepaid,
            prepaid.top_up,
            statements.get_statement,
            publications.list_publications,
            publications.create_publication,
            publications.get_publication,
            publications.change_publication,
            publications.withdraw_publication,
            publications.list_subscriptions,
            publications.accept_publication,
            publications.end_subscription,
            playground.ask_playground,
            votes.create_vote,
            votes.summarize_votes,
            usage.report_usage,
            usage.get_request_usage,
            independence.get_independence,
            drills.list_drills,
            drills.start_drill,
            drills.get_drill,
            drills.end_drill,
            catalogue.find_models,
            catalogue.get_card,
            catalogue.compare_models,
            catalogue.list_sources,
            catalogue.report_completeness,
            catalogue.add_card,
            catalogue.remove_card,
            models.list_models,
            pulls.create_pull,
            pulls.list_pulls,
            pulls.get_pull,
            pulls.cancel_pull,
            pulls.resume_pull,
            pulls.list_hub_files,
            deployments.list_deployments,
            engines.list_engines,
            deployments.create_deployment,
            deployments.remove_deployment,
            public_routes.list_routes,
            public_routes.put_route,
            public_routes.remove_route,
            providers.create_provider,
            providers.list_providers,
            providers.remove_provider,
            providers.try_provider,
            providers.try_deployment,
            conversations.list_conversations,
            conversations.create_conversation,
            conversations.get_conversation,
            conversations.change_conversation,
            conversations.delete_conversation,
            reading.estimate_reading,
            messages.send_message,
            messages.answer_again,
            messages.continue_answer,
            messages.stop_answer,
            messages.rate_answer,
            results.change_result,
            libraries.list_libraries,
            libraries.create_library,
            libraries.get_library,
            libraries.change_library,
            libraries.delete_library,
            documents.list_documents,
            documents.add_document,
            documents.list_conversation_documents,
            documents.attach_document,
            samples.try_sample,
            documents.get_document,
            tables.list_library_tables,
            tables.list_conversation_tables,
            tables.get_table,
            tables.list_rows,
            tables.query_tables,
            connections.list_connections,
            connections.create_connection,
            connections.test_connection,
            connections.list_connection_tables,
            connections.refresh_connection,
            connections.delete_connection,
            documents.delete_document,
            documents.retry_document,
            documents.list_versions,
            documents.get_document_file,
            passages.get_page,
            passages.get_passage,
            passages.search_library,
            passages.search_conversation,
            events.follow_conversation,
            events.follow_lists,
            search.search,
            assistant_models.list_assistant_models,
        ],
        guards=[check_query],
        dependencies=_given(platform),
    )


def _given(platform: Callable[[], Platform]) -> dict[str, Provide]:
    """Return what every route is handed that asks for it."""

    def provide_platform() -> Platform:
        return platform()

    def provide_caller(request: Request[Caller, Any, Any]) -> Caller:
        return request.user

    return {
        "platform": Provide(provide_platform, sync_to_thread=False),
        "caller": Provide(provide_caller, sync_to_thread=False),
    }
