"""Providers and dialects: who serves models, routes, policies, drills; who served each request."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add what providers, routes, policies and drills need."""
    op.create_table(
        "providers",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("settings", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_key", sa.LargeBinary()),
        sa.Column("by_command", sa.Boolean(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "routes",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("settings", sa.LargeBinary(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "drills",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("without", sa.Text(), nullable=False),
        sa.Column("started_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("ends_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("ended_at_ms", sa.BigInteger()),
        sa.Column("started_by", sa.Text(), nullable=False),
        sa.Column("report", sa.LargeBinary()),
    )
    op.create_table(
        "vectors",
        sa.Column("document_id", sa.Text(), sa.ForeignKey("documents.id"), primary_key=True),
        sa.Column("first", sa.Integer(), primary_key=True),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
    )
    for table in ("projects", "keys"):
        op.add_column(table, sa.Column("policy", sa.LargeBinary()))
    for name in ("provider", "region"):
        op.add_column("usage", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.add_column(
        "usage",
        sa.Column("cache_write_tokens", sa.BigInteger(), nullable=False, server_default="0"),
    )
    op.add_column(
        "usage", sa.Column("is_priced", sa.Boolean(), nullable=False, server_default=sa.true())
    )
