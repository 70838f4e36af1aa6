"""Judges: facts and observations in, findings out."""
