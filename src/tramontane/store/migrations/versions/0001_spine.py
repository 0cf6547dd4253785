"""Projects, keys, budgets, models, deployments, engines and usage."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create every table of the first release."""
    _configuration()
    _models()
    _usage()


def _configuration() -> None:
    table = op.create_table(
        "revision",
        sa.Column(
            "id", sa.Integer(), sa.CheckConstraint("id = 1", name="one_row"), primary_key=True
        ),
        sa.Column("value", sa.BigInteger(), nullable=False),
    )
    op.bulk_insert(table, [{"id": 1, "value": 1}])
    op.create_table(
        "projects",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False, unique=True),
        sa.Column("requests_per_minute", sa.BigInteger(), nullable=False),
        sa.Column("tokens_per_minute", sa.BigInteger(), nullable=False),
        sa.Column("allowed_models", sa.Text()),
        sa.Column("closed_reason", sa.Text()),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "keys",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("project_id", sa.Text(), sa.ForeignKey("projects.id"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False, unique=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("rights", sa.Text(), nullable=False),
        sa.Column("allowed_models", sa.Text()),
        sa.Column("requests_per_minute", sa.BigInteger()),
        sa.Column("tokens_per_minute", sa.BigInteger()),
        sa.Column("expires_at_ms", sa.BigInteger()),
        sa.Column("revoked_at_ms", sa.BigInteger()),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
    )
    _unique_where("keys_live_name", "keys", ["project_id", "name"], "revoked_at_ms IS NULL")
    op.create_table(
        "budgets",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("project_id", sa.Text(), sa.ForeignKey("projects.id"), nullable=False),
        sa.Column("key_id", sa.Text(), sa.ForeignKey("keys.id")),
        sa.Column("window", sa.Text(), nullable=False),
        sa.Column("limit_nano", sa.BigInteger(), nullable=False),
    )
    _unique_where("budgets_of_project", "budgets", ["project_id", "window"], "key_id IS NULL")
    _unique_where("budgets_of_key", "budgets", ["key_id", "window"], "key_id IS NOT NULL")


def _unique_where(name: str, table: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, unique=True, sqlite_where=where, postgresql_where=where)


def _models() -> None:
    op.create_table(
        "model_files",
        sa.Column("sha256", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False, unique=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("architecture", sa.Text(), nullable=False),
        sa.Column("parameters", sa.BigInteger()),
        sa.Column("quantisation", sa.Text()),
        sa.Column("context_tokens", sa.BigInteger()),
        sa.Column("has_chat_template", sa.Boolean(), nullable=False),
        sa.Column("added_at_ms", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "deployments",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("model_sha256", sa.Text(), sa.ForeignKey("model_files.sha256"), nullable=False),
        sa.Column("settings", sa.LargeBinary(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "engine_instances",
        sa.Column("deployment", sa.Text(), primary_key=True),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("address", sa.Text()),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("pid", sa.BigInteger()),
        sa.Column("supports_tools", sa.Boolean(), nullable=False),
        sa.Column("updated_at_ms", sa.BigInteger(), nullable=False),
    )


def _usage() -> None:
    op.create_table(
        "usage",
        sa.Column("request_id", sa.Text(), primary_key=True),
        sa.Column("attempt", sa.Integer(), primary_key=True),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("deployment", sa.Text(), nullable=False),
        sa.Column("started_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("settled_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("prompt_tokens", sa.BigInteger(), nullable=False),
        sa.Column("completion_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cached_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost_nano", sa.BigInteger(), nullable=False),
        sa.Column("estimated", sa.Boolean(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
    )
    op.create_index("usage_spend", "usage", ["project_id", "key_id", "started_at_ms", "cost_nano"])
    op.create_index("usage_started", "usage", ["started_at_ms"])
