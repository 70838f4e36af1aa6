"""Tells: finished results in; text and JSON out."""

from .report import Problem, Report, Withdrawn

__all__ = ["Problem", "Report", "Withdrawn"]
