"""A shim for tools that look for setup.py; everything it would say is in pyproject.toml."""

from setuptools import setup

setup()
