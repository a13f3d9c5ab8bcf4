"""Alembic's entry: it works on the connection that the caller hands over, and knows nothing of the application."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=None, transactional_ddl=True, render_as_batch=False)
context.run_migrations()
