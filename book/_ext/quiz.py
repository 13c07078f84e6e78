"""The directive ``{quiz}``: a YAML list of questions becomes a form that answers in the page.

The form is plain HTML (radio buttons, keyboard, a live region for screen readers); the one
script that shows the feedback is ``_static/quiz.js``.
"""

from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from tubekit.bookbuild.quiz import Question, parse


class html_element(nodes.General, nodes.Element):
    """An HTML element around docutils nodes; other output formats show only the content."""


def _element(tag: str, *children: nodes.Node, **attributes: str) -> html_element:
    element = html_element("", *children, html_tag=tag)
    element["html_attributes"] = {k.strip("_").replace("_", "-"): v for k, v in attributes.items()}
    return element


class Quiz(SphinxDirective):
    """``{quiz} Optional title`` with a YAML list of questions as body."""

    has_content = True
    optional_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar = {"name": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        try:
            questions = parse("\n".join(self.content))
        except ValueError as problem:
            raise self.error(str(problem)) from problem
        title = self.arguments[0] if self.arguments else "Check yourself"
        form = _element("form", class_="quiz", autocomplete="off", aria_label=title)
        form += _element("p", nodes.Text(title), class_="quiz-title")
        serial = self.env.new_serialno("quiz")
        for number, question in enumerate(questions):
            form += self._fieldset(question, f"quiz-{serial}-{number}")
        self.add_name(form)
        return [form]

    def _fieldset(self, question: Question, name: str) -> html_element:
        fieldset = _element("fieldset", _element("legend", *self._inline(question.question)))
        for number, choice in enumerate(question.choices):
            state = "right" if choice.correct else "wrong"
            word = "Right. " if choice.correct else "Not quite. "
            button = _element(
                "input", type="radio", name=name, value=str(number), aria_describedby=f"{name}-say"
            )
            text = _element("span", *self._inline(choice.text))
            fieldset += _element("label", button, text)
            say = [_element("strong", nodes.Text(word)), *self._inline(choice.feedback)]
            fieldset += _element(
                "p",
                *say,
                class_="quiz-feedback",
                data_value=str(number),
                data_state=state,
                hidden="",
            )
        fieldset += _element("p", class_="quiz-say", id=f"{name}-say", role="status")
        return fieldset

    def _inline(self, text: str) -> list[nodes.Node]:
        parsed, messages = self.state.inline_text(text.strip(), self.lineno)
        return [*parsed, *messages]


def _visit(translator: nodes.NodeVisitor, node: html_element) -> None:
    attributes = dict(node["html_attributes"])
    if node["ids"]:
        attributes["id"] = node["ids"][0]
    escaped = (f'{k}="{translator.attval(v)}"' for k, v in attributes.items())
    translator.body.append(f"<{' '.join([node['html_tag'], *escaped])}>")


def _depart(translator: nodes.NodeVisitor, node: html_element) -> None:
    if node["html_tag"] != "input":
        translator.body.append(f"</{node['html_tag']}>")


def _pass(translator: nodes.NodeVisitor, node: html_element) -> None:
    """Formats other than HTML keep only the content."""


def setup(app: Sphinx) -> dict[str, bool | str]:
    app.add_node(html_element, html=(_visit, _depart), latex=(_pass, _pass), text=(_pass, _pass))
    app.add_directive("quiz", Quiz)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
