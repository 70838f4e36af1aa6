"""Compose files: what their services are started with, in which order, and what imglint can't do of it."""
