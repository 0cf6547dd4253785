"""People, and the assistant: members, sessions, conversations, prompts, assistants, embeds."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add what people need; keys may belong to a membership, deployments may be elsewhere."""
    _people()
    # Not in a batch: SQLite would drop the table, which budgets refer to.
    op.execute("ALTER TABLE keys ADD COLUMN member_id TEXT REFERENCES members (id)")
    with op.batch_alter_table("deployments") as batch:
        batch.alter_column("model_sha256", existing_type=sa.Text(), nullable=True)
        batch.add_column(sa.Column("sealed_key", sa.LargeBinary()))
    _conversations()
    _tools()
    _words()


def _people() -> None:
    op.create_table(
        "members",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("email", sa.Text(), nullable=False, unique=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text()),
        sa.Column("is_admin", sa.Boolean(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("preferences", sa.LargeBinary(), nullable=False),
        sa.Column("disabled_at_ms", sa.BigInteger()),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "memberships",
        sa.Column("member_id", sa.Text(), sa.ForeignKey("members.id"), primary_key=True),
        sa.Column("project_id", sa.Text(), sa.ForeignKey("projects.id"), primary_key=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), sa.ForeignKey("keys.id"), nullable=False, unique=True),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "links",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False, unique=True),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("email", sa.Text()),
        sa.Column("is_admin", sa.Boolean(), nullable=False),
        sa.Column("project_id", sa.Text(), sa.ForeignKey("projects.id")),
        sa.Column("role", sa.Text()),
        sa.Column("member_id", sa.Text(), sa.ForeignKey("members.id")),
        sa.Column("created_by", sa.Text()),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("used_at_ms", sa.BigInteger()),
        sa.Column("revoked_at_ms", sa.BigInteger()),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False, unique=True),
        sa.Column("member_id", sa.Text(), sa.ForeignKey("members.id"), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("seen_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=False),
    )
    op.create_index("sessions_member", "sessions", ["member_id"])


def _conversations() -> None:
    op.create_table(
        "conversations",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("member_id", sa.Text(), sa.ForeignKey("members.id"), nullable=False),
        sa.Column("project_id", sa.Text(), sa.ForeignKey("projects.id"), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("title_source", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("assistant_id", sa.Text()),
        sa.Column("instructions", sa.Text()),
        sa.Column("parameters", sa.LargeBinary(), nullable=False),
        sa.Column("is_temporary", sa.Boolean(), nullable=False),
        sa.Column("shown_message_id", sa.Text()),
        sa.Column("pinned_at_ms", sa.BigInteger()),
        sa.Column("archived_at_ms", sa.BigInteger()),
        sa.Column("shared_at_ms", sa.BigInteger()),
        sa.Column("imported_from", sa.Text()),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("updated_at_ms", sa.BigInteger(), nullable=False),
    )
    op.create_index("conversations_member", "conversations", ["member_id", "updated_at_ms"])
    op.create_index("conversations_project", "conversations", ["project_id", "shared_at_ms"])
    op.create_table(
        "messages",
        sa.Column("row", sa.Integer(), primary_key=True),
        sa.Column("id", sa.Text(), nullable=False, unique=True),
        sa.Column("conversation_id", sa.Text(), sa.ForeignKey("conversations.id"), nullable=False),
        sa.Column("parent_id", sa.Text()),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("model", sa.Text()),
        sa.Column("receipt", sa.LargeBinary()),
        sa.Column("error", sa.LargeBinary()),
        sa.Column("client_id", sa.Text()),
        sa.Column("rating", sa.Text()),
        sa.Column("rating_reason", sa.Text()),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("updated_at_ms", sa.BigInteger(), nullable=False),
    )
    op.create_index("messages_conversation", "messages", ["conversation_id", "row"])
    running = sa.text("status IN ('queued', 'running')")
    op.create_index(
        "messages_running", "messages", ["status"], sqlite_where=running, postgresql_where=running
    )
    where = sa.text("client_id IS NOT NULL")
    op.create_index(
        "messages_client_id",
        "messages",
        ["conversation_id", "client_id"],
        unique=True,
        sqlite_where=where,
        postgresql_where=where,
    )


def _tools() -> None:
    op.create_table(
        "shares",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False, unique=True),
        sa.Column("conversation_id", sa.Text(), sa.ForeignKey("conversations.id"), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at_ms", sa.BigInteger()),
    )
    op.create_table(
        "prompts",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("member_id", sa.Text(), sa.ForeignKey("members.id"), nullable=False),
        sa.Column("project_id", sa.Text(), sa.ForeignKey("projects.id")),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("updated_at_ms", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "assistants",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("member_id", sa.Text(), sa.ForeignKey("members.id"), nullable=False),
        sa.Column("project_id", sa.Text(), sa.ForeignKey("projects.id")),
        sa.Column("settings", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("updated_at_ms", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "embeds",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("member_id", sa.Text(), sa.ForeignKey("members.id"), nullable=False),
        sa.Column("project_id", sa.Text(), sa.ForeignKey("projects.id"), nullable=False),
        sa.Column("assistant_id", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), sa.ForeignKey("keys.id"), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("allowed_origins", sa.Text(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at_ms", sa.BigInteger()),
    )


def _words() -> None:
    """What is searched: written when a message's `text` is, so not while an answer streams.

    The index also knows whose each message is, so that a search never looks at what others wrote.
    """
    if op.get_bind().dialect.name != "sqlite":
        folded = (
            "translate(lower(text), 'àáâãäåāăąçćčèéêëēėęìíîïīñńòóôõöøōùúûüūýÿžźżšśł',"
            " 'aaaaaaaaaccceeeeeeeiiiiinnooooooouuuuuyyzzzssl')"
        )
        op.execute(
            f"CREATE INDEX messages_words ON messages USING gin (to_tsvector('simple', {folded}))"
        )
        return
    of = (
        "(SELECT replace(member_id || ' ' || id, '_', '') FROM conversations"
        " WHERE id = {}.conversation_id)"
    )
    op.execute(
        "CREATE VIEW messages_searched AS"
        f" SELECT row, text, {of.format('messages')} AS owners FROM messages"
    )
    op.execute(
        "CREATE VIRTUAL TABLE messages_words USING fts5(text, owners, content='messages_searched',"
        " content_rowid='row', tokenize='unicode61 remove_diacritics 2', prefix='2 3')"
    )
    add = (
        "INSERT INTO messages_words(rowid, text, owners)"
        f" VALUES (new.row, new.text, {of.format('new')});"
    )
    drop = (
        "INSERT INTO messages_words(messages_words, rowid, text, owners)"
        f" VALUES ('delete', old.row, old.text, {of.format('old')});"
    )
    for name, when, what in (
        ("added", "INSERT", add),
        ("removed", "DELETE", drop),
        ("changed", "UPDATE OF text", drop + add),
    ):
        op.execute(
            f"CREATE TRIGGER messages_words_{name} AFTER {when} ON messages BEGIN {what} END"
        )
