"""What must be remembered: schema, migrations, one module per kind of record."""
