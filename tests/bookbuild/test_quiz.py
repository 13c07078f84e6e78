"""Quizzes: good YAML becomes a form and exports, bad YAML one clear error."""

import html
import re
import subprocess
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from tubekit.bookbuild.quiz import as_gift, as_markdown, parse

from .conftest import render_page

GOOD = """\
- question: What does $\\beta_0$ count?
  choices:
    - text: Components
      correct: true
      feedback: Yes, of the foreground.
    - text: "Loops {or} 50 % = more"
      feedback: Those are *loops*.
"""


def test_parse_reads_numbers_as_text() -> None:
    question = parse(
        "- question: 1 + 1?\n  choices:\n    - {text: 2, correct: true, feedback: a}\n"
        "    - {text: 3, feedback: b}"
    )[0]
    assert [choice.text for choice in question.choices] == ["2", "3"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- question: [", "not valid YAML"),
        ("question: a", "a YAML list of questions, got dict"),
        ("", "got NoneType"),
        ("- question: a", "question 1, choices: Field required"),
        (GOOD.replace("feedback: Yes", "feedbak: Yes"), "question 1, choices.0.feedback"),
        (GOOD.replace("      correct: true\n", ""), "exactly 1 choice with `correct: true`, got 0"),
        (
            GOOD + GOOD.replace("feedback: Those", "correct: true\n      feedback: Those"),
            "question 2",
        ),
    ],
)
def test_bad_quizzes_are_named(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        parse(text)


def test_gift_marks_and_escapes() -> None:
    gift = as_gift("topology", parse(GOOD))
    assert gift.startswith("::topology-1::[markdown]What does $\\\\beta_0$ count?{")
    assert "\t=Components#Yes, of the foreground." in gift
    assert "\t~Loops \\{or\\} 50 % \\= more#Those are *loops*." in gift


def test_markdown_hides_or_shows_the_answers() -> None:
    questions = parse(GOOD)
    assert "foreground" not in as_markdown(questions, answers=False)
    assert "*Right: Yes, of the foreground.*" in as_markdown(questions, answers=True)


def render(folder: Path, body: str) -> subprocess.CompletedProcess[str]:
    return render_page(folder, "quiz", f"```{{quiz}} Check & see\n{body}\n```\n")


def test_the_directive_renders_an_accessible_form(tmp_path: Path) -> None:
    done = render(tmp_path, GOOD)
    assert done.returncode == 0, done.stderr
    form = BeautifulSoup((tmp_path / "o" / "index.html").read_text(), "lxml").form
    assert form["aria-label"] == "Check & see"
    assert form.legend.find(class_="math")
    buttons = form.find_all("input", type="radio")
    assert len(buttons) == 2
    assert len({button["name"] for button in buttons}) == 1
    assert all(button.find_parent("label").span for button in buttons)
    assert form.find(id=buttons[0]["aria-describedby"])["role"] == "status"
    feedback = form.find_all(class_="quiz-feedback")
    assert [f["data-state"] for f in feedback] == ["right", "wrong"]
    assert all(f.has_attr("hidden") for f in feedback)
    assert feedback[1].em.text == "loops"


def test_the_directive_reports_page_line_and_fault(tmp_path: Path) -> None:
    done = render(tmp_path, "- question: a")
    assert done.returncode != 0
    assert "index.md:3" in done.stderr
    assert "question 1, choices: Field required" in html.unescape(done.stderr)
