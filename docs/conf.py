"""How Sphinx builds the documentation: `make docs`.

The source folder is the repository's root, so that a link from one Markdown file to another is the
same here and on GitHub. Nothing is fetched while building or reading.
"""

import re
import shutil
from pathlib import Path

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

project = "StuPrediction"
author = "the StuPrediction developers"
language = "en-GB"
html_title = project
root_doc = "docs/index"

include_patterns = [
    "docs/**/*.md",
    "docs/*.md",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "benchmarks/README.md",
    "deploy/README.md",
    "deploy/iam/README.md",
    "notebooks/README.md",
    "notebooks/data/README.md",
]
# Folders that Sphinx need not walk through.
exclude_patterns = [
    ".*", "artifacts", "build", "docs/_build", "node_modules", "src", "static", "templates",
    "tests",
]  # fmt: skip

extensions = ["myst_parser"]
myst_enable_extensions = ["html_image"]  # a picture with a width, as GitHub has them
myst_heading_anchors = 3  # the same anchors as GitHub's
nitpicky = True
smartquotes = False  # `--keep` is an option, not a dash

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["guide.css"]
html_show_copyright = False
html_show_sphinx = False
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}


def lead_to_the_index(app: Sphinx, error: Exception | None) -> None:
    """Write an index.html on top that leads to the first page."""
    if error is None and app.builder.format == "html":
        shutil.copy(
            Path(__file__).parent / "_static" / "to_docs.html", Path(app.outdir, "index.html")
        )


def unlink_folders(app: Sphinx, docname: str, source: list[str]) -> None:
    """Keep the words of a link to a folder, which GitHub can show and a site cannot."""
    here = Path(app.srcdir, docname).parent

    def words(link: re.Match[str]) -> str:
        return link[1] if (here / link[2]).is_dir() else link[0]

    source[0] = re.sub(r"\[([^\]]+)\]\(([^)#:]+)\)", words, source[0])


def setup(app: Sphinx) -> None:
    """Tell Sphinx what to do before it reads a page, and at the end."""
    app.add_lexer("mermaid", TextLexer)  # a drawing on the code host, its text here
    app.connect("source-read", unlink_folders)
    app.connect("build-finished", lead_to_the_index)
