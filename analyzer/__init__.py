"""Reads Dockerfiles and images into facts. Never judges, prints, or meets an engine."""

from .errors import InputError

__all__ = ["InputError"]
