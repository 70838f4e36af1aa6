"""Lints the Dockerfile, measures the image, proves the container."""

from __future__ import annotations

__version__ = "0.1.0"
