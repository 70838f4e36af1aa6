"""Where something stands in a text: lines and columns from 1, the end exclusive."""

from typing import NamedTuple


class Span(NamedTuple):
    """A stretch of a Dockerfile. Columns count characters, as editors do."""

    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.line}:{self.column}"
