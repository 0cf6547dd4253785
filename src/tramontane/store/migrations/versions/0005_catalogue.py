"""Catalogue: own cards, files fetched from a hub, models offered to other projects, votes, and how
long engines took to start.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add what cards, pulls, publications and votes need."""
    op.create_table(
        "cards",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("project_id", sa.Text(), sa.ForeignKey("projects.id")),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("updated_at_ms", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "pulls",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("resolved", sa.Text()),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("wanted", sa.LargeBinary()),
        sa.Column("deployment", sa.Text()),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("bytes_done", sa.BigInteger(), nullable=False),
        sa.Column("bytes_total", sa.BigInteger()),
        sa.Column("bytes_per_s", sa.BigInteger()),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Text()),
        sa.Column("sha256", sa.Text()),
        sa.Column("problem", sa.LargeBinary()),
        sa.Column("started_by", sa.Text(), nullable=False),
        sa.Column("lease_until_ms", sa.BigInteger()),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("updated_at_ms", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "publications",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False, unique=True),
        sa.Column("project_id", sa.Text(), sa.ForeignKey("projects.id"), nullable=False),
        sa.Column("deployment", sa.Text(), nullable=False),
        sa.Column("is_shared", sa.Boolean(), nullable=False),
        sa.Column("withdrawn_at_ms", sa.BigInteger()),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "publication_versions",
        sa.Column("publication_id", sa.Text(), sa.ForeignKey("publications.id"), primary_key=True),
        sa.Column("version", sa.Integer(), primary_key=True),
        sa.Column("card", sa.LargeBinary(), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("price", sa.LargeBinary(), nullable=False),
        sa.Column("audience", sa.Text()),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "subscriptions",
        sa.Column("publication_id", sa.Text(), sa.ForeignKey("publications.id"), primary_key=True),
        sa.Column("project_id", sa.Text(), sa.ForeignKey("projects.id"), primary_key=True),
        sa.Column("accepted_at_ms", sa.BigInteger(), primary_key=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("accepted_by", sa.Text(), nullable=False),
        sa.Column("ended_at_ms", sa.BigInteger()),
    )
    live = sa.text("ended_at_ms IS NULL")
    op.create_index(
        "subscriptions_live",
        "subscriptions",
        ["publication_id", "project_id"],
        unique=True,
        sqlite_where=live,
        postgresql_where=live,
    )
    op.create_table(
        "prepayments",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("project_id", sa.Text(), sa.ForeignKey("projects.id"), nullable=False),
        sa.Column("amount_nano", sa.BigInteger(), nullable=False),
        sa.Column("reference", sa.Text()),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
    )
    referred = sa.text("reference IS NOT NULL")
    op.create_index(
        "prepayments_reference",
        "prepayments",
        ["project_id", "reference"],
        unique=True,
        sqlite_where=referred,
        postgresql_where=referred,
    )
    op.create_table(
        "votes",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("member_id", sa.Text(), sa.ForeignKey("members.id"), nullable=False),
        sa.Column("project_id", sa.Text(), sa.ForeignKey("projects.id"), nullable=False),
        sa.Column("models", sa.Text(), nullable=False),
        sa.Column("winner", sa.Text()),
        sa.Column("is_blind", sa.Boolean(), nullable=False),
        sa.Column("detail", sa.LargeBinary(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
    )
    op.add_column("engine_instances", sa.Column("cold_start_ms", sa.BigInteger()))
    op.add_column("deployments", sa.Column("project_id", sa.Text()))
    op.add_column("deployments", sa.Column("card_id", sa.Text()))
    op.add_column("links", sa.Column("new_project", sa.Text()))
    op.add_column("links", sa.Column("prepaid_nano", sa.BigInteger()))
    op.add_column("links", sa.Column("allowed_models", sa.Text()))
    for name in ("publication_id", "publisher_id"):
        op.add_column("usage", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.add_column(
        "usage",
        sa.Column("serving_cost_nano", sa.BigInteger(), nullable=False, server_default="0"),
    )
    op.add_column(
        "usage",
        sa.Column("publication_version", sa.Integer(), nullable=False, server_default="0"),
    )
    op.create_index("usage_publisher", "usage", ["publisher_id", "started_at_ms"])
