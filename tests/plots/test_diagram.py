"""Diagrams: the arrows arrive, names of code exist, text stays inside, words stand beside."""

import itertools
import re
import xml.etree.ElementTree as ET

import pytest

from tubekit.plots import diagram
from tubekit.plots.diagram import ARROW
from tubekit.plots.diagram_layout import WIDTH, Layout

SVG = "{http://www.w3.org/2000/svg}"
# A loop, an adversarial pair, and a teacher beside a student.
EXAMPLES = {
    "loop": (
        ["image image", "coarse .", "crop crop", "fine fine"],
        {
            "image": "image",
            "coarse": "coarse tubekit.networks.UNet",
            "crop": "cut out",
            "fine": "fine tubekit.networks.HRNet",
        },
        [
            "image -> coarse",
            "image -> crop",
            "coarse -> crop",
            "crop -> fine",
            "fine -> image again",
        ],
    ),
    "pair": (
        ["image truth", "maker judge", "loss loss"],
        {
            "image": "image",
            "truth": "label",
            "maker": "segmenter tubekit.networks.UNet",
            "judge": "judge",
            "loss": "sum tubekit.losses.WeightedSum",
        },
        ["image -> maker", "truth -> judge", "maker <-> judge", "maker -> loss", "judge -> loss"],
    ),
    "teacher": (
        ["image image image", "student . teacher", "loss loss loss"],
        {"image": "image", "student": "student", "teacher": "teacher", "loss": "one & the < other"},
        [
            "image -> student",
            "image -> teacher",
            "student ..> teacher mean",
            "teacher ..> loss",
            "student -> loss",
            "image -> loss",
        ],
    ),
}
EXAMPLES["around"] = (
    ["a a a", ". b .", "c c c"],
    {"a": "above", "b": "between", "c": "below"},
    ["a -> c", "a -> b", "b -> c"],
)
each = pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)


def drawn(example, **changes):
    grid, boxes, arrows = example
    arguments = {"grid": grid, "boxes": boxes, "arrows": arrows, "name": "fig-a", "alt": "A & b."}
    return ET.fromstring(diagram(**arguments | changes)._repr_html_())


def rectangles(root):
    """(left, top, right, bottom) of every box, in the order of ``boxes``."""
    found = []
    for r in root.iter(f"{SVG}rect"):
        x, y, w, h = (float(r.get(k)) for k in ("x", "y", "width", "height"))
        found.append((x, y, x + w, y + h))
    return found


def on_edge(point, box):
    (x, y), (left, top, right, bottom) = point, box
    level = left <= x <= right and min(abs(y - top), abs(y - bottom)) < 0.2
    return level or (top <= y <= bottom and min(abs(x - left), abs(x - right)) < 0.2)


@each
def test_every_arrow_joins_its_two_boxes_and_crosses_no_other(example):
    _, boxes, arrows = example
    root = drawn(example)
    place = dict(zip(boxes, rectangles(root), strict=True))
    lines = [p for p in root.iter(f"{SVG}path") if p.get("marker-end")]
    assert len(lines) == len(arrows)
    for line, arrow in zip(lines, arrows, strict=True):
        start, _, end, _ = ARROW.fullmatch(arrow).groups()
        corners = [tuple(map(float, c.split())) for c in line.get("d")[1:].split("L")]
        assert on_edge(corners[0], place[start]), arrow
        assert on_edge(corners[-1], place[end]), arrow
        for (x, y), (to_x, to_y) in itertools.pairwise(corners):
            assert x == to_x or y == to_y, arrow
            for share in (0.1, 0.3, 0.5, 0.7, 0.9):
                at_x, at_y = x + share * (to_x - x), y + share * (to_y - y)
                inside = [k for k, (a, b, c, d) in place.items() if a < at_x < c and b < at_y < d]
                assert inside == [], arrow


@each
def test_everything_lies_inside_and_nothing_overlaps(example):
    root = drawn(example)
    *_, width, height = map(float, root.get("viewBox").split())
    assert width == WIDTH
    boxes = rectangles(root)
    for i, (left, top, right, bottom) in enumerate(boxes):
        assert 0 < left < right < width
        assert 0 < top < bottom < height
        for a, b, c, d in boxes[:i]:
            assert right < a or c < left or bottom < b or d < top
    for line in (p for p in root.iter(f"{SVG}path") if p.get("marker-end")):
        assert all(0 < float(x) < width for x in re.findall(r"([\d.]+) [\d.]+", line.get("d")))


def test_words_stand_beside_the_drawing():
    root = drawn(EXAMPLES["pair"])
    assert root.get("role") == "img"
    assert root.find(f"{SVG}title").text == "A & b."
    assert root.get("aria-labelledby") == root.find(f"{SVG}title").get("id")
    assert root.get("aria-describedby") == root.find(f"{SVG}desc").get("id")
    said = root.find(f"{SVG}desc").text
    assert "segmenter tubekit.networks.UNet exchanges with judge" in said
    assert "image leads to segmenter" in said


def test_code_is_written_out_and_kinds_of_arrow_differ():
    root = drawn(EXAMPLES["pair"])
    words = "".join(text.text for text in root.iter(f"{SVG}text"))
    assert "segmentertubekit.networks.UNet" in words
    heads = [p.get("marker-start") for p in root.iter(f"{SVG}path") if p.get("marker-end")]
    assert [bool(head) for head in heads] == [False, False, True, False, False]
    dotted = drawn(EXAMPLES["teacher"]).iter(f"{SVG}path")
    marks = [bool(p.get("stroke-dasharray")) for p in dotted if p.get("marker-end")]
    assert marks == [False, False, True, True, False, False]


def test_type_is_large_enough_for_a_phone():
    sizes = re.findall(
        r"font-size:([\d.]+)px",
        diagram(["a"], {"a": "tubekit.losses.soft_dice"}, [], name="b", alt="c").text,
    )
    assert len(sizes) >= 2
    assert min(map(float, sizes)) >= 11


def test_lines_of_one_source_share_a_lane():
    grid = ["a", "b", "c", "d"]
    apart = Layout(grid, [("a", "c"), ("b", "d")])
    shared = Layout(grid, [("a", "c"), ("a", "d")])
    assert len(set(apart.lanes.values())) == 2
    assert len(set(shared.lanes.values())) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"boxes": {"a": "tubekit.losses.NoLoss", "b": "x"}}, "NoLoss is no public name"),
        ({"boxes": {"a": "tubekit.nothing.soft_dice", "b": "x"}}, "no public name"),
        ({"boxes": {"a": "tubekit.losses.recall.REDUCTIONS", "b": "x"}}, "no public name"),
        ({"boxes": {"a": "x"}}, "hold the boxes"),
        ({"boxes": {"a": "x", "b": "y", "c": "z"}}, "hold the boxes"),
        ({"boxes": {"a": "x", "b": "w" * 60}}, "does not fit into box 'b'"),
        ({"arrows": ["a => b"]}, "an arrow reads"),
        ({"arrows": ["a -> c"]}, "an arrow reads"),
        ({"arrows": ["a -> a"]}, "an arrow reads"),
        ({"arrows": ["a -> b " + "long " * 10]}, "no room for the label"),
        ({"grid": ["a b"], "arrows": ["a -> b logits"]}, "no room for the label 'logits'"),
        ({"grid": ["a b", "b"]}, "rows of one length"),
        ({"grid": []}, "rows of one length"),
        ({"grid": ["a b a"]}, "one piece"),
        ({"grid": ["a b", "a b"]}, "one piece"),
        ({"grid": ["a" + " ." * 30, "b" + " ." * 30]}, "does not fit into box 'a'"),
        ({"alt": " "}, "alt needs"),
    ],
)
def test_bad_input_is_refused(change, message):
    arguments = {"grid": ["a", "b"], "boxes": {"a": "x", "b": "y"}, "arrows": ["a -> b"]}
    if "arrows" not in change and "grid" not in change:
        arguments["arrows"] = []
    with pytest.raises(ValueError, match=re.escape(message)):
        diagram(**arguments | {"name": "n", "alt": "A."} | change)


@pytest.mark.parametrize(
    ("grid", "arrow", "message"),
    [
        (["a . .", ". b .", ". . c"], "a -> c", "no way from 'a' to 'c'"),
        (["a b c"], "c -> a", "a box lies between 'c' and 'a'"),
    ],
)
def test_arrows_without_a_way_are_refused(grid, arrow, message):
    with pytest.raises(ValueError, match=message):
        diagram(grid, {k: k for k in "abc"}, [arrow], name="n", alt="A.")
