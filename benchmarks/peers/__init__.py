"""The other ways to train, each a script of its own: whole processes are compared."""
