"""Documents and tables: libraries, their documents with passages, tables and connections."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add what documents and tables need; a conversation may have libraries."""
    op.execute("ALTER TABLE conversations ADD COLUMN library_ids TEXT")
    _documents()
    _tables()
    _words()


def _documents() -> None:
    op.create_table(
        "libraries",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("project_id", sa.Text(), sa.ForeignKey("projects.id"), nullable=False),
        sa.Column("member_id", sa.Text(), sa.ForeignKey("members.id")),
        sa.Column("conversation_id", sa.Text(), sa.ForeignKey("conversations.id"), unique=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("updated_at_ms", sa.BigInteger(), nullable=False),
    )
    op.create_index("libraries_project", "libraries", ["project_id", "updated_at_ms"])
    op.create_table(
        "documents",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("library_id", sa.Text(), sa.ForeignKey("libraries.id"), nullable=False),
        sa.Column("member_id", sa.Text(), sa.ForeignKey("members.id")),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text()),
        sa.Column("title", sa.Text()),
        sa.Column("language", sa.Text()),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("pages", sa.Integer()),
        sa.Column("pages_done", sa.Integer(), nullable=False),
        sa.Column("problem", sa.LargeBinary()),
        sa.Column("notes", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("superseded_at_ms", sa.BigInteger()),
        sa.Column("lease_until_ms", sa.BigInteger()),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("updated_at_ms", sa.BigInteger(), nullable=False),
    )
    op.create_index("documents_library", "documents", ["library_id", "name", "version"])
    op.create_index("documents_sha256", "documents", ["sha256"])
    unfinished = sa.text("status IN ('queued', 'reading')")
    op.create_index(
        "documents_unfinished", "documents", ["status", "created_at_ms"],
        sqlite_where=unfinished, postgresql_where=unfinished,
    )  # fmt: skip
    op.create_table(
        "passages",
        sa.Column("row", sa.Integer(), primary_key=True),
        sa.Column("document_id", sa.Text(), sa.ForeignKey("documents.id"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("heading", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("language", sa.Text()),
        sa.Column("boxes", sa.LargeBinary(), nullable=False),
        sa.Column("stems", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
    )
    op.create_index("passages_document", "passages", ["document_id", "number"], unique=True)


def _tables() -> None:
    op.create_table(
        "connections",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("project_id", sa.Text(), sa.ForeignKey("projects.id"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("sealed_url", sa.LargeBinary(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "tables",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("library_id", sa.Text(), sa.ForeignKey("libraries.id")),
        sa.Column("document_id", sa.Text(), sa.ForeignKey("documents.id")),
        sa.Column("connection_id", sa.Text(), sa.ForeignKey("connections.id")),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("row_count", sa.BigInteger()),
        sa.Column("columns", sa.LargeBinary(), nullable=False),
        sa.Column("notes", sa.LargeBinary(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
    )
    op.create_index("tables_library", "tables", ["library_id"])
    op.create_index("tables_document", "tables", ["document_id"])
    op.create_index("tables_connection", "tables", ["connection_id"])


def _words() -> None:
    """What is searched: stems of passages, with the library that each is in."""
    if op.get_bind().dialect.name != "sqlite":
        op.execute(
            "CREATE INDEX passages_words ON passages USING gin (to_tsvector('simple', stems))"
        )
        return
    # Each stem stands behind its library, so that a library's lists are its own, and so are their
    # lengths: what others keep changes neither what is found nor how long it takes.
    op.execute(
        "CREATE VIRTUAL TABLE passages_words USING fts5(stems, content='',"
        " tokenize='unicode61 remove_diacritics 0')"
    )
    op.execute("CREATE VIRTUAL TABLE passages_words_terms USING fts5vocab('passages_words', 'row')")
    spelt = "replace(' ' || {0}.stems, ' ', ' ' || {0}.owner)"
    add = (
        "INSERT INTO passages_words(rowid, stems)"
        f" SELECT new.row, {spelt.format('new')} WHERE new.owner <> '';"
    )
    drop = (
        "INSERT INTO passages_words(passages_words, rowid, stems)"
        f" SELECT 'delete', old.row, {spelt.format('old')} WHERE old.owner <> '';"
    )
    for name, when, what in (
        ("added", "INSERT", add),
        ("removed", "DELETE", drop),
        ("changed", "UPDATE OF stems, owner", drop + add),
    ):
        op.execute(
            f"CREATE TRIGGER passages_words_{name} AFTER {when} ON passages BEGIN {what} END"
        )
