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
from appFrontend.language import draw_switch  # noqa: E402
from appFrontend.language import gettext as _  # noqa: E402
from appFrontend.quality import show_quality  # noqa: E402
from appFrontend.student import show_student  # noqa: E402
from appFrontend.trouble import show_trouble  # noqa: E402

# The answer stays in sight while the inputs of a long form move; a phone shows figures two by two.
STYLE = """<style>
.stMainBlockContainer {{ max-width: 80rem; }}
[data-testid="stCaptionContainer"] {{ color: {quiet}; opacity: 1; }}
:has(> .st-key-headline) {{ position: sticky; top: 0; z-index: 10; background: {page}; }}
.st-key-headline {{ padding-block: 0.5rem; border-bottom: 1px solid {soft}; }}
.students {{ width: 100%; border-collapse: collapse; }}
.students th, .students td {{ text-align: start; vertical-align: top; padding: 0.4rem 0.6rem;
  border-bottom: 1px solid {soft}; }}
.students thead th, .students td.line {{ color: {quiet}; font-weight: 400; }}
.students tr.helped {{ border-inline-start: 3px solid {accent}; }}
.students .tag {{ white-space: nowrap; border: 1px solid {quiet}; border-radius: 1rem;
  padding: 0 0.5rem; font-size: 0.85em; }}
.students .tag.at_risk {{ background: {less}; border-color: {less}; color: {page}; }}
.students .tag.borderline {{ border-color: {less}; color: {less}; }}
.students .tag.help {{ background: {accent}; border-color: {accent}; color: {page}; }}
@media (max-width: 640px) {{
  .stMainBlockContainer {{ padding-inline: 1rem; }}
  .students thead {{ display: none; }}
  .students, .students tbody, .students tr {{ display: block; }}
  .students tr {{ border: 1px solid {soft}; border-radius: 0.5rem; margin-block: 0.5rem;
    padding: 0.5rem 0.75rem; }}
  .students td, .students tbody th {{ display: block; border: 0; padding: 0.1rem 0; }}
  .students td:empty, .students td.line {{ display: none; }}
  .students td[data-label]::before {{ content: attr(data-label) ": "; color: {quiet}; }}
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
    title, switch = st.columns([5, 1], vertical_alignment="center")
    predict = _("Predict %(target)s", target=label_of(schema["target"]))
    title.title(schema["title"] or predict, anchor=False)
    with switch:
        draw_switch()
    if schema["description"]:
        st.markdown(schema["description"])
    if schema.get("as_of"):
        st.text(_("It predicts from what is known by %(day)s.", day=schema["as_of"]))
    one, group, about = st.tabs([_("One student"), _("A class"), _("The model")])
    with one:
        show_student(api, schema, model)
    with group:
        show_group(api, schema, model)
    with about:
        show_quality(schema, model)
    st.caption(
        _(
            "A prediction is an estimate: use it to offer help, never to decide about a person. "
            "What you enter goes to the back end only and is kept nowhere."
        )
    )


main()
