"""What the page shows when the back end cannot answer."""

from __future__ import annotations

import streamlit as st

from appFrontend.api import BackEndError, RefusedError

AGAIN = "Try again"


def show_trouble(error: BackEndError, key: str) -> None:
    """Say what is wrong and what to do, above a button that runs this part of the page again."""
    with st.container(border=True, key=f"trouble-{key}"):
        st.error(f"**{error.title}**")
        st.markdown(error.advice)
        st.button(AGAIN, key=f"again-{key}", type="primary")


def show_refusal(error: RefusedError) -> None:
    """List what the back end refuses, in its words."""
    for message in error.messages:
        st.error(plain(message))


def plain(text: str) -> str:
    """Return a text in which nothing is taken for Markdown."""
    return "".join(f"\\{c}" if c in r"\`*_{}[]<>()#+-.!|~$:" else c for c in text)
