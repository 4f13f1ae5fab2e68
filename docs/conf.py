"""How the user guide is built: `python -m sphinx -b html docs docs/_build`."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "labctl"
author = "the labctl project"
copyright = author  # noqa: A001 (Sphinx's name for it)
version = release = version_of("labctl")

extensions = ["myst_parser", "reference_tables"]
exclude_patterns = ["_build", "_ext"]
nitpicky = True
source_suffix = {".md": "markdown"}
myst_heading_anchors = 3
# Plain Markdown, which reads the same on a code server: no abbreviations, no substitutions, no quotes made round.
smartquotes = False

html_theme = "furo"
html_title = f"labctl {release}"
html_copy_source = False
html_show_sphinx = False
pygments_style = "friendly"
pygments_dark_style = "monokai"
