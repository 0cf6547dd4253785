"""How a store gets its tables: Alembic's scripts, shipped with the package."""
