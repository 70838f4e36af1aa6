"""Exit codes, by their short name. Which of them a run ends with follows from its report's failures."""

from .reports.exits import Exit, worst

__all__ = ["Exit", "worst"]
