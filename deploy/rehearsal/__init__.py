"""A push and all that follows from it, played on one machine; see ``deploy/README.md``."""
