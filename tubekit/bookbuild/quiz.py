"""Quizzes: one YAML form, read by the page directive and by the export for course platforms."""

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from tubekit._extras import extra

with extra("book", __name__):
    import yaml


class Choice(BaseModel):
    """One answer; ``feedback`` says why it is right or wrong."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)
    text: str
    feedback: str
    correct: bool = False


class Question(BaseModel):
    """A single-choice question."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)
    question: str
    choices: list[Choice]

    @model_validator(mode="after")
    def _one_answer(self) -> "Question":
        if len(self.choices) < 2:
            raise ValueError(f"expected at least 2 choices, got {len(self.choices)}; add one")
        right = sum(choice.correct for choice in self.choices)
        if right != 1:
            raise ValueError(
                f"expected exactly 1 choice with `correct: true`, got {right}; mark one"
            )
        return self


def parse(text: str) -> list[Question]:
    """Read the YAML list of questions.

    Raises:
        ValueError: not YAML, not a list, a field is missing or misspelt, or a question does not
            have exactly one correct choice.
    """
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"the quiz is not valid YAML: {error}") from error
    if not isinstance(data, list) or not data:
        raise ValueError(
            f"a quiz is a YAML list of questions, got {type(data).__name__}; "
            "start each question with `- question:`"
        )
    return [_question(number, entry) for number, entry in enumerate(data, 1)]


def _question(number: int, entry: Any) -> Question:
    try:
        return Question.model_validate(entry)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ValueError(
            f"quiz question {number}{', ' + where if where else ''}: {first['msg']}"
        ) from error


def as_gift(name: str, questions: list[Question]) -> str:
    """The questions in Moodle's GIFT form."""
    blocks = []
    for number, question in enumerate(questions, 1):
        answers = "\n".join(
            f"\t{'=' if c.correct else '~'}{_escaped(c.text)}#{_escaped(c.feedback)}"
            for c in question.choices
        )
        blocks.append(
            f"::{name}-{number}::[markdown]{_escaped(question.question)}{{\n{answers}\n}}"
        )
    return "\n\n".join(blocks) + "\n"


def as_markdown(questions: list[Question], *, answers: bool) -> str:
    """The questions as a plain list, for a notebook that is read without this book's pages."""
    lines = []
    for number, question in enumerate(questions, 1):
        lines.append(f"**Question {number}.** {question.question.strip()}\n")
        for choice in question.choices:
            lines.append(f"- {choice.text.strip()}")
            if answers:
                lines[-1] += f" *{'Right' if choice.correct else 'Wrong'}: {choice.feedback}*"
        lines.append("")
    return "\n".join(lines).rstrip()


def _escaped(text: str) -> str:
    for character in "\\~=#{}:":
        text = text.replace(character, "\\" + character)
    return " ".join(text.split())
