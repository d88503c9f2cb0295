"""The Streamlit page: asks the back end for its fields, draws them, sends what is entered.

make frontend                                           the back end and this page
API_URL=http://… API_KEY=… streamlit run appFrontend/app.py     this page alone
"""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path

import streamlit as st

HERE = Path(__file__).resolve().parent
if str(HERE.parent) not in sys.path:  # `streamlit run` looks in this file's own folder only
    sys.path.insert(0, str(HERE.parent))

from appFrontend.api import DEFAULT_URL, Api, BackEndError  # noqa: E402
from appFrontend.charts import colours  # noqa: E402
from appFrontend.fields import label_of  # noqa: E402
from appFrontend.group import show_group  # noqa: E402
from appFrontend.quality import show_quality  # noqa: E402
from appFrontend.student import show_student  # noqa: E402
from appFrontend.trouble import show_trouble  # noqa: E402

# The answer stays in sight while the inputs of a long form move; a phone shows figures two by two.
STYLE = """<style>
.stMainBlockContainer {{ max-width: 80rem; }}
[data-testid="stCaptionContainer"] {{ color: {quiet}; opacity: 1; }}
:has(> .st-key-headline) {{ position: sticky; top: 0; z-index: 10; background: {page}; }}
.st-key-headline {{ padding-block: 0.5rem; border-bottom: 1px solid {soft}; }}
@media (max-width: 640px) {{
  .stMainBlockContainer {{ padding-inline: 1rem; }}
  .st-key-headline [data-testid="stHorizontalBlock"] {{ gap: 0.25rem 1rem; }}
  .st-key-headline [data-testid="stColumn"], [class*="st-key-figures"] [data-testid="stColumn"] {{
    flex: 1 1 calc(50% - 1rem); min-width: calc(50% - 1rem);
  }}
}}
</style>"""


def main() -> None:
    """Draw the page, or what keeps it from being drawn."""
    api = Api((os.environ.get("API_URL") or DEFAULT_URL).rstrip("/"), os.environ.get("API_KEY", ""))
    st.set_page_config("StuPrediction", str(HERE / "favicon.svg"), layout="wide")
    st.html(STYLE.format(**asdict(colours())))
    try:
        schema, model = api.schema(), api.model()
    except BackEndError as error:
        st.title("StuPrediction", anchor=False)
        show_trouble(error, "page")
        return
    st.title(schema["title"] or f"Predict {label_of(schema['target'])}", anchor=False)
    if schema["description"]:
        st.markdown(schema["description"])
    if schema.get("as_of"):
        st.text(f"It predicts from what is known by {schema['as_of']}.")
    one, group, about = st.tabs(["One student", "A class", "The model"])
    with one:
        show_student(api, schema, model)
    with group:
        show_group(api, schema, model)
    with about:
        show_quality(schema, model)
    st.caption(
        "A prediction is an estimate: use it to offer help, never to decide about a person. What "
        "you enter goes to the back end only and is kept nowhere."
    )


main()
