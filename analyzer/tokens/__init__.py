"""Credentials of well-known services in bytes: whole files, block by block, whatever they hold.

Stricter than `credentials`, which masks whatever could be one: what is found here has the length and
the characters that the service gives out, and is no example of its documentation.
"""

from .examples import is_example_path
from .finder import MOST_TOKENS, Token, TokenFinder, find_tokens
from .shapes import ENCRYPTED_KEY, FILE_CREDENTIALS, PRIVATE_KEY, SHAPES

__all__ = [
    "ENCRYPTED_KEY",
    "FILE_CREDENTIALS",
    "MOST_TOKENS",
    "PRIVATE_KEY",
    "SHAPES",
    "Token",
    "TokenFinder",
    "find_tokens",
    "is_example_path",
]
