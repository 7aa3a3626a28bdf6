"""Configuration of the documentation site (`make docs`). The build needs no network."""

from importlib.metadata import version as installed

project = "WAO"
author = "the WAO in Python contributors"
copyright = f"2026, {author}"
release = version = installed("wao-predict")

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["generator", "__pycache__"]
nitpicky = False  # types of numpy and of the standard library would need inventories from the network

myst_enable_extensions = ["attrs_block", "colon_fence", "deflist"]
myst_heading_anchors = 3

autosummary_generate = False
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_default_options = {"members": True}
default_role = "py:obj"
maximum_signature_line_length = 90
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
add_module_names = False

html_theme = "furo"
html_title = f"WAO {release}"
html_static_path = ["_static"]
html_css_files = ["wao.css"]
html_show_sphinx = False
pygments_style = "friendly"
smartquotes = False  # they would turn --flag into a dash
