"""The Sphinx configuration: what Jupyter Book makes of _config.yml, less what needs a network."""

import pprint
from pathlib import Path

from tubekit.bookbuild.layout import Layout

# thebe talks to a Binder server and loads its script from a CDN; comments load scripts from one.
REMOVED_EXTENSIONS = ("sphinx_thebe", "sphinx_comments")


def sphinx_configuration(layout: Layout) -> str:
    """The text of ``conf.py``, generated as `jupyter-book config sphinx` does."""
    from jupyter_book.config import get_final_config

    config, _ = get_final_config(
        user_yaml=Path(layout.book / "_config.yml"),
        sourcedir=layout.book,
        cli_config={"latex_individualpages": False},
        raise_on_invalid=True,
    )
    config["extensions"] = [e for e in config["extensions"] if e not in REMOVED_EXTENSIONS]
    values = "\n".join(f"{name} = {pprint.pformat(config[name])}" for name in sorted(config))
    return f"""\
# Generated from _config.yml; edit that.
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))
{values}
"""
