"""Predict a student's score from a form, an API or a file."""

__version__ = "0.1.0"
