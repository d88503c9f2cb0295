"""What the page shows when the back end cannot answer."""

from __future__ import annotations

import streamlit as st

from appFrontend.api import BackEndError, RefusedError
from appFrontend.language import gettext as _


def show_trouble(error: BackEndError, key: str) -> None:
    """List what is refused, or say what else is wrong above a button that asks again."""
    if isinstance(error, RefusedError):
        for message in error.messages:
            st.error(plain(message))
        return
    with st.container(border=True, key=f"trouble-{key}"):
        st.error(f"**{error.title}**")
        st.markdown(error.advice)
        st.button(_("Try again"), key=f"again-{key}", type="primary")


def plain(text: str) -> str:
    """Return a text in which nothing is taken for Markdown."""
    return "".join(f"\\{c}" if c in r"\`*_{}[]<>()#+-.!|~$:" else c for c in text)
