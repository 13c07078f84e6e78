"""The directive: a drawing with caption and name, or the page, the line and the fault."""

from pathlib import Path

from bs4 import BeautifulSoup

from .conftest import render_page

GOOD = """\
```{diagram} A net and *its* loss
:name: fig-net
alt: A network leads to a loss.
grid: [net, loss]
boxes:
  net: network tubekit.networks.UNet
  loss: loss tubekit.losses.DiceCELoss
arrows: [net -> loss logits]
```

See [the drawing](#fig-net).
"""


def test_the_drawing_stands_in_a_figure_with_caption_and_name(tmp_path: Path) -> None:
    done = render_page(tmp_path, "diagram", GOOD)
    assert done.returncode == 0, done.stderr
    page = BeautifulSoup((tmp_path / "o" / "index.html").read_text(), "lxml")
    figure = page.find(id="fig-net")
    assert figure.name == "figure"
    assert figure.find("svg")["role"] == "img"
    assert figure.find("svg").title.text == "A network leads to a loss."
    assert figure.figcaption.em.text == "its"
    assert page.find("a", href="#fig-net", class_="reference")


def test_a_name_that_is_gone_stops_the_build(tmp_path: Path) -> None:
    done = render_page(tmp_path, "diagram", GOOD.replace("DiceCELoss", "DiceLoss"))
    assert done.returncode != 0
    assert "index.md:3" in done.stderr
    assert "tubekit.losses.DiceLoss is no public name" in done.stderr


def test_other_faults_stop_the_build_too(tmp_path: Path) -> None:
    for old, new, says in (
        (":name: fig-net\n", "", "name"),
        ("grid:", "grd:", "grd"),
        ("boxes:", "boxes: [", "boxes"),
    ):
        done = render_page(tmp_path, "diagram", GOOD.replace(old, new))
        assert done.returncode != 0, new
        assert "index.md:3" in done.stderr, new
        assert says in done.stderr, new
