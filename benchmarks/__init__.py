"""Measurements of ours beside others', in the same run. See README.md."""
