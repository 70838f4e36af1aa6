"""Tells: finished results in; text and JSON out."""

from .failure import Failure
from .report import Problem, Report, Withdrawn

__all__ = ["Failure", "Problem", "Report", "Withdrawn"]
