"""Everything that knows Qdrant: its client, and its embedded engine."""
