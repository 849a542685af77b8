"""Sphinx's configuration: `python -m sphinx -W -c demos/docs . out/docs`, from the root, builds the documentation."""

import re
from typing import Any

project = "autograd_mini"
copyright = "the authors of autograd_mini"
root_doc = "demos/docs/index"
include_patterns = ["README.md", "demos/*.md", "demos/docs/**", "autograd_mini/README.md", "autograd_mini/**/README.md"]
include_patterns += ["tests/README.md", "tests/benchmarks/README.md"]
exclude_patterns = ["**/*.py"]
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
html_theme = "furo"
html_title = "autograd_mini"
html_copy_source = html_show_sourcelink = html_show_sphinx = False
pygments_style = "friendly"
myst_heading_anchors = 3
suppress_warnings = ["myst.header"]  # README opens with a picture under its first heading
autodoc_default_options = {"members": True}
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings give meaning, shapes and units
add_module_names = False
default_role = "code"
napoleon_use_ivar = True
autodoc_mock_imports = ["jax", "sklearn", "torch"]  # the pages on `neighbours` do not need them


def as_restructured_text(app: Any, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Escape, in docstrings, all that reStructuredText would read as markup; they are plain text with `names`."""
    for i, line in enumerate(lines):
        if line.endswith(":") and "".join(lines[i + 1 : i + 2]) == "" and "".join(lines[i + 2 : i + 3])[:1] == " ":
            line = lines[i] = line + ":"  # code follows
        if not line.lstrip().startswith((">>>", "...")):
            between = re.split("(`[^`]*`)", line)
            escaped = [re.sub(r"([*|]|(?<=\w)_(?!\w))", r"\\\1", part) for part in between[::2]]
            ends = [rf"\ {part}" if part[:1].isalnum() else part for part in escaped[1:]]
            lines[i] = "".join(a + b for a, b in zip([escaped[0], *ends], [*between[1::2], ""]))


def setup(app: Any) -> None:
    app.connect("autodoc-process-docstring", as_restructured_text, priority=100)  # before napoleon
