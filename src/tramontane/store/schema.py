"""The tables, as SQLAlchemy knows them.

`migrations/` is how a store gets them; a test holds the two equal. It does not know how a record
is read or written: one module per kind of record does.
"""

from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    text,
)

HEAD = "0005"
"""The revision of `migrations/` that these tables stand for."""

metadata = MetaData()


class Words(TypeDecorator[tuple[str, ...]]):
    """A tuple of words as JSON text; None stays NULL."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> str | None:
        """Return the JSON of `value`."""
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: Any, dialect: Dialect) -> tuple[str, ...] | None:
        """Return the words of the JSON `value`."""
        return None if value is None else msgspec.json.decode(value, type=tuple[str, ...])


def _where(condition: str) -> dict[str, Any]:
    """Return what makes an index of the rows that fulfil it."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


revision = Table(
    "revision",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1", name="one_row"), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

projects = Table(
    "projects",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("requests_per_minute", BigInteger, nullable=False),
    Column("tokens_per_minute", BigInteger, nullable=False),
    Column("allowed_models", Words),
    Column("closed_reason", Text),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("policy", LargeBinary),
)

keys = Table(
    "keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", Text, ForeignKey("projects.id"), nullable=False),
    Column("member_id", Text, ForeignKey("members.id")),  # the key of a membership: no secret
    Column("name", Text, nullable=False),
    Column("prefix", Text, nullable=False, unique=True),
    Column("digest", LargeBinary, nullable=False),
    Column("rights", Words, nullable=False),
    Column("allowed_models", Words),
    Column("requests_per_minute", BigInteger),
    Column("tokens_per_minute", BigInteger),
    Column("expires_at_ms", BigInteger),
    Column("revoked_at_ms", BigInteger),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("policy", LargeBinary),
)
_live = _where("revoked_at_ms IS NULL")
Index("keys_live_name", keys.c.project_id, keys.c.name, unique=True, **_live)

budgets = Table(
    "budgets",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", Text, ForeignKey("projects.id"), nullable=False),
    Column("key_id", Text, ForeignKey("keys.id")),
    Column("window", Text, nullable=False),
    Column("limit_nano", BigInteger, nullable=False),
)
_of_project = _where("key_id IS NULL")
Index("budgets_of_project", budgets.c.project_id, budgets.c.window, unique=True, **_of_project)
_of_key = _where("key_id IS NOT NULL")
Index("budgets_of_key", budgets.c.key_id, budgets.c.window, unique=True, **_of_key)

model_files = Table(
    "model_files",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("architecture", Text, nullable=False),
    Column("parameters", BigInteger),
    Column("quantisation", Text),
    Column("context_tokens", BigInteger),
    Column("has_chat_template", Boolean, nullable=False),
    Column("added_at_ms", BigInteger, nullable=False),
)

deployments = Table(
    "deployments",
    metadata,
    Column("name", Text, primary_key=True),
    Column("model_sha256", Text, ForeignKey("model_files.sha256")),  # none: served elsewhere
    Column("settings", LargeBinary, nullable=False),
    Column("sealed_key", LargeBinary),  # the provider's key, readable with the pepper only
    Column("created_at_ms", BigInteger, nullable=False),
    Column("project_id", Text),  # whose own it is; none: the platform's
    Column("card_id", Text),  # of the catalogue
)

engine_instances = Table(
    "engine_instances",
    metadata,
    Column("deployment", Text, primary_key=True),
    Column("nonce", Text, nullable=False),
    Column("address", Text),
    Column("state", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("pid", BigInteger),
    Column("supports_tools", Boolean, nullable=False),
    Column("cold_start_ms", BigInteger),
    Column("updated_at_ms", BigInteger, nullable=False),
)

# Without foreign keys: a settled bill is kept whatever became of what it names.
usage = Table(
    "usage",
    metadata,
    Column("request_id", Text, primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("project_id", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("deployment", Text, nullable=False),
    Column("started_at_ms", BigInteger, nullable=False),
    Column("settled_at_ms", BigInteger, nullable=False),
    Column("prompt_tokens", BigInteger, nullable=False),
    Column("completion_tokens", BigInteger, nullable=False),
    Column("cached_tokens", BigInteger, nullable=False),
    Column("cost_nano", BigInteger, nullable=False),
    Column("estimated", Boolean, nullable=False),
    Column("status", Text, nullable=False),
    Column("provider", Text, nullable=False, server_default=""),
    Column("region", Text, nullable=False, server_default=""),
    Column("cache_write_tokens", BigInteger, nullable=False, server_default="0"),
    Column("is_priced", Boolean, nullable=False, server_default=text("true")),
    Column("publication_id", Text, nullable=False, server_default=""),
    Column("publisher_id", Text, nullable=False, server_default=""),  # the project that is paid
    Column("serving_cost_nano", BigInteger, nullable=False, server_default="0"),
    Column("publication_version", Integer, nullable=False, server_default="0"),
)
# Covers `usage.spend`, which then never touches the table itself.
Index("usage_spend", usage.c.project_id, usage.c.key_id, usage.c.started_at_ms, usage.c.cost_nano)
Index("usage_started", usage.c.started_at_ms)
Index("usage_publisher", usage.c.publisher_id, usage.c.started_at_ms)

# --- providers ------------------------------------------------------------------------------------

providers = Table(
    "providers",
    metadata,
    Column("name", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("settings", LargeBinary, nullable=False),
    Column("sealed_key", LargeBinary),
    Column("by_command", Boolean, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
)

routes = Table(
    "routes",
    metadata,
    Column("name", Text, primary_key=True),
    Column("settings", LargeBinary, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
)

drills = Table(
    "drills",
    metadata,
    Column("id", Text, primary_key=True),
    Column("without", Text, nullable=False),
    Column("started_at_ms", BigInteger, nullable=False),
    Column("ends_at_ms", BigInteger, nullable=False),
    Column("ended_at_ms", BigInteger),
    Column("started_by", Text, nullable=False),
    Column("report", LargeBinary),
)


# --- catalogue ------------------------------------------------------------------------------------

cards = Table(
    "cards",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", Text, ForeignKey("projects.id")),  # none: everybody's
    Column("data", LargeBinary, nullable=False),  # JSON of a `catalog.cards.Card`
    Column("created_at_ms", BigInteger, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
)

pulls = Table(
    "pulls",
    metadata,
    Column("id", Text, primary_key=True),
    Column("source", Text, nullable=False),  # hf:ORG/REPO:FILE, as it was asked for
    Column("resolved", Text),  # what that turned out to be
    Column("name", Text, nullable=False),  # of the model file, once it is here
    Column("wanted", LargeBinary),  # JSON: as what it is then deployed; none: it is not
    Column("deployment", Text),  # what it has become
    Column("status", Text, nullable=False),
    Column("bytes_done", BigInteger, nullable=False),
    Column("bytes_total", BigInteger),
    Column("bytes_per_s", BigInteger),
    Column("attempts", Integer, nullable=False),
    Column("revision", Text),  # the hub's commit
    Column("sha256", Text),
    Column("problem", LargeBinary),  # JSON
    Column("started_by", Text, nullable=False),
    Column("lease_until_ms", BigInteger),  # of the worker that fetches it; queued: not before
    Column("created_at_ms", BigInteger, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
)

publications = Table(
    "publications",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),  # by which it is asked for
    Column("project_id", Text, ForeignKey("projects.id"), nullable=False),  # who is paid
    Column("deployment", Text, nullable=False),
    Column("is_shared", Boolean, nullable=False),  # it was everybody's, not that project's own
    Column("withdrawn_at_ms", BigInteger),
    Column("created_at_ms", BigInteger, nullable=False),
)

publication_versions = Table(
    "publication_versions",
    metadata,
    Column("publication_id", Text, ForeignKey("publications.id"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("card", LargeBinary, nullable=False),  # JSON
    Column("terms", Text, nullable=False),
    Column("price", LargeBinary, nullable=False),  # JSON of a `records.PublishedPrice`
    Column("audience", Words),  # ids of projects; none: everybody
    Column("created_by", Text, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("publication_id", Text, ForeignKey("publications.id"), primary_key=True),
    Column("project_id", Text, ForeignKey("projects.id"), primary_key=True),
    Column("accepted_at_ms", BigInteger, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("accepted_by", Text, nullable=False),
    Column("ended_at_ms", BigInteger),
)

_live_subscription = _where("ended_at_ms IS NULL")
Index(
    "subscriptions_live",
    subscriptions.c.publication_id,
    subscriptions.c.project_id,
    unique=True,
    **_live_subscription,
)

prepayments = Table(
    "prepayments",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", Text, ForeignKey("projects.id"), nullable=False),
    Column("amount_nano", BigInteger, nullable=False),
    Column("reference", Text),  # of an invoice, say: counted once
    Column("recorded_by", Text, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
)
Index(
    "prepayments_reference",
    prepayments.c.project_id,
    prepayments.c.reference,
    unique=True,
    **_where("reference IS NOT NULL"),
)

votes = Table(
    "votes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("member_id", Text, ForeignKey("members.id"), nullable=False),
    Column("project_id", Text, ForeignKey("projects.id"), nullable=False),
    Column("models", Words, nullable=False),
    Column("winner", Text),  # none: no difference
    Column("is_blind", Boolean, nullable=False),
    Column("detail", LargeBinary, nullable=False),  # JSON
    Column("created_at_ms", BigInteger, nullable=False),
)

# --- people ---------------------------------------------------------------------------------------

members = Table(
    "members",
    metadata,
    Column("id", Text, primary_key=True),
    Column("email", Text, nullable=False, unique=True),  # case folded
    Column("name", Text, nullable=False),
    Column("password_hash", Text),  # none: signs in some other way
    Column("is_admin", Boolean, nullable=False),
    Column("language", Text, nullable=False),
    Column("preferences", LargeBinary, nullable=False),  # JSON
    Column("disabled_at_ms", BigInteger),
    Column("created_at_ms", BigInteger, nullable=False),
)

memberships = Table(
    "memberships",
    metadata,
    Column("member_id", Text, ForeignKey("members.id"), primary_key=True),
    Column("project_id", Text, ForeignKey("projects.id"), primary_key=True),
    Column("role", Text, nullable=False),
    Column("key_id", Text, ForeignKey("keys.id"), nullable=False, unique=True),
    Column("created_at_ms", BigInteger, nullable=False),
)

links = Table(
    "links",
    metadata,
    Column("id", Text, primary_key=True),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("purpose", Text, nullable=False),
    Column("email", Text),
    Column("is_admin", Boolean, nullable=False),
    Column("project_id", Text, ForeignKey("projects.id")),
    Column("role", Text),
    Column("member_id", Text, ForeignKey("members.id")),  # whose password it resets
    Column("created_by", Text),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    Column("used_at_ms", BigInteger),
    Column("revoked_at_ms", BigInteger),
    Column("new_project", Text),  # which using it creates
    Column("prepaid_nano", BigInteger),  # all that it may ever spend
    Column("allowed_models", Words),  # all that it may use; none: every model
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("member_id", Text, ForeignKey("members.id"), nullable=False),
    Column("user_agent", Text, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("seen_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
)
Index("sessions_member", sessions.c.member_id)

# --- the assistant --------------------------------------------------------------------------------

conversations = Table(
    "conversations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("member_id", Text, ForeignKey("members.id"), nullable=False),
    Column("project_id", Text, ForeignKey("projects.id"), nullable=False),
    Column("title", Text, nullable=False),
    Column("title_source", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("assistant_id", Text),
    Column("instructions", Text),
    Column("parameters", LargeBinary, nullable=False),  # JSON
    Column("is_temporary", Boolean, nullable=False),
    Column("shown_message_id", Text),  # the end of the branch that is shown
    Column("pinned_at_ms", BigInteger),
    Column("archived_at_ms", BigInteger),
    Column("shared_at_ms", BigInteger),  # with the project
    Column("imported_from", Text),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
    Column("library_ids", Words),  # of its project, beside the library of its own
)
Index("conversations_member", conversations.c.member_id, conversations.c.updated_at_ms)
Index("conversations_project", conversations.c.project_id, conversations.c.shared_at_ms)

messages = Table(
    "messages",
    metadata,
    Column("row", Integer, primary_key=True),  # what the index of words refers to
    Column("id", Text, nullable=False, unique=True),
    Column("conversation_id", Text, ForeignKey("conversations.id"), nullable=False),
    Column("parent_id", Text),
    Column("role", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),  # JSON: the parts
    Column("text", Text, nullable=False),  # what is searched
    Column("model", Text),
    Column("receipt", LargeBinary),  # JSON
    Column("error", LargeBinary),  # JSON
    Column("client_id", Text),  # so that sending twice sends once
    Column("rating", Text),
    Column("rating_reason", Text),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
)
Index("messages_conversation", messages.c.conversation_id, messages.c.row)
Index("messages_running", messages.c.status, **_where("status IN ('queued', 'running')"))
_sent = _where("client_id IS NOT NULL")
Index("messages_client_id", messages.c.conversation_id, messages.c.client_id, unique=True, **_sent)

shares = Table(
    "shares",
    metadata,
    Column("id", Text, primary_key=True),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("conversation_id", Text, ForeignKey("conversations.id"), nullable=False),
    Column("message_id", Text, nullable=False),  # the end of the branch as it was shared
    Column("created_at_ms", BigInteger, nullable=False),
    Column("revoked_at_ms", BigInteger),
)

prompts = Table(
    "prompts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("member_id", Text, ForeignKey("members.id"), nullable=False),
    Column("project_id", Text, ForeignKey("projects.id")),  # none: the member's own
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
)

assistants = Table(
    "assistants",
    metadata,
    Column("id", Text, primary_key=True),
    Column("member_id", Text, ForeignKey("members.id"), nullable=False),
    Column("project_id", Text, ForeignKey("projects.id")),  # none: the member's own
    Column("settings", LargeBinary, nullable=False),  # JSON
    Column("version", Integer, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
)

embeds = Table(
    "embeds",
    metadata,
    Column("id", Text, primary_key=True),
    Column("member_id", Text, ForeignKey("members.id"), nullable=False),
    Column("project_id", Text, ForeignKey("projects.id"), nullable=False),
    Column("assistant_id", Text, nullable=False),
    Column("key_id", Text, ForeignKey("keys.id"), nullable=False),
    Column("title", Text, nullable=False),
    Column("allowed_origins", Words, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("revoked_at_ms", BigInteger),
)

# --- documents and tables -------------------------------------------------------------------------

libraries = Table(
    "libraries",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", Text, ForeignKey("projects.id"), nullable=False),
    Column("member_id", Text, ForeignKey("members.id")),  # none: made with a key of the project
    Column("conversation_id", Text, ForeignKey("conversations.id"), unique=True),  # its own files
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
)
Index("libraries_project", libraries.c.project_id, libraries.c.updated_at_ms)

documents = Table(
    "documents",
    metadata,
    Column("id", Text, primary_key=True),
    Column("library_id", Text, ForeignKey("libraries.id"), nullable=False),
    Column("member_id", Text, ForeignKey("members.id")),
    Column("name", Text, nullable=False),  # with folders, where a folder was dropped
    Column("sha256", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("kind", Text),  # what it is, found from its bytes: pdf, docx, csv, …
    Column("title", Text),
    Column("language", Text),
    Column("status", Text, nullable=False),
    Column("pages", Integer),
    Column("pages_done", Integer, nullable=False),
    Column("problem", LargeBinary),  # JSON
    Column("notes", LargeBinary, nullable=False),  # JSON
    Column("version", Integer, nullable=False),
    Column("superseded_at_ms", BigInteger),  # by a later version under the same name
    Column("lease_until_ms", BigInteger),  # of the worker that reads it
    Column("attempts", Integer, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
)
Index("documents_library", documents.c.library_id, documents.c.name, documents.c.version)
Index("documents_sha256", documents.c.sha256)
_unfinished = _where("status IN ('queued', 'reading')")
Index("documents_unfinished", documents.c.status, documents.c.created_at_ms, **_unfinished)

passages = Table(
    "passages",
    metadata,
    Column("row", Integer, primary_key=True),  # what the index of stems refers to
    Column("document_id", Text, ForeignKey("documents.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("page", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("heading", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("language", Text),
    Column("boxes", LargeBinary, nullable=False),  # where its words stand on the page
    Column("stems", Text, nullable=False),  # what is searched
    Column(
        "owner", Text, nullable=False
    ),  # the library, as the index spells it; "" when superseded
)
Index("passages_document", passages.c.document_id, passages.c.number, unique=True)

vectors = Table(
    "vectors",
    metadata,
    Column("document_id", Text, ForeignKey("documents.id"), primary_key=True),
    Column("first", Integer, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("model", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

connections = Table(
    "connections",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", Text, ForeignKey("projects.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("sealed_url", LargeBinary, nullable=False),  # readable with the pepper only
    Column("created_at_ms", BigInteger, nullable=False),
)

tables = Table(
    "tables",
    metadata,
    Column("id", Text, primary_key=True),
    Column("library_id", Text, ForeignKey("libraries.id")),
    Column("document_id", Text, ForeignKey("documents.id")),
    Column("connection_id", Text, ForeignKey("connections.id")),
    Column("name", Text, nullable=False),  # in SQL
    Column("title", Text, nullable=False),
    Column("row_count", BigInteger),
    Column("columns", LargeBinary, nullable=False),  # JSON: their profile
    Column("notes", LargeBinary, nullable=False),  # JSON
    Column("created_at_ms", BigInteger, nullable=False),
)
Index("tables_library", tables.c.library_id)
Index("tables_document", tables.c.document_id)
Index("tables_connection", tables.c.connection_id)
