"""Run by Alembic inside the transaction, and under the lock, that `migrate.upgrade` holds."""

from __future__ import annotations

from alembic import context

from callflows.store.schema import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,  # Alembic's default for SQLite is False, but SQLite can: half a schema must not stay
)
with context.begin_transaction():
    context.run_migrations()
