"""The catalogues of messages, one file a language, and what keeps them complete."""
