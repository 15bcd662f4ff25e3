"""The HTTP inference service."""
