"""The directive ``{diagram}``: boxes, arrows and grid in YAML become a drawing with a caption.

The names of code in it are looked up, so a page that names what is gone does not build.
"""

from typing import ClassVar

import yaml
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from tubekit.plots.diagram import diagram


class Diagram(SphinxDirective):
    """``{diagram} Caption`` with the arguments of ``tubekit.plots.diagram`` as a YAML body."""

    has_content = True
    required_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar = {"name": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        try:
            arguments = yaml.safe_load("\n".join(self.content))
            drawing = diagram(**arguments, name=self.options["name"])
        except (KeyError, TypeError, ValueError, yaml.YAMLError) as problem:
            raise self.error(f"diagram: {problem}") from problem
        figure = nodes.figure("", nodes.raw("", drawing.text, format="html"))
        text, messages = self.state.inline_text(self.arguments[0], self.lineno)
        figure += nodes.caption("", "", *text)
        self.set_source_info(figure)
        self.add_name(figure)
        return [figure, *messages]


def setup(app: Sphinx) -> dict[str, bool | str]:
    app.add_directive("diagram", Diagram)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
