"""Tables as HTML: accessible, self-contained."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from tubekit import plots


def test_table_is_accessible():
    frame = pd.DataFrame(
        {"Dice": ["0.81", None], "verdict": ["reproduced", "trend <only>"]},
        index=pd.Index(["CE & Dice", "+ clDice"], name="Loss"),
    )
    text = plots.table_html(frame, caption="Retina", verdict="verdict")._repr_html_()
    root = ET.fromstring(text)
    assert root.get("tabindex") == "0"
    assert root.get("aria-label") == root.find(".//caption").text == "Retina"
    assert [th.text for th in root.findall(".//th[@scope='col']")] == ["Loss", "Dice", "verdict"]
    assert [th.text for th in root.findall(".//th[@scope='row']")] == ["CE & Dice", "+ clDice"]
    cells = [td for td in root.iter("td")]
    assert cells[2].text == "–"
    assert "".join(cells[1].itertext()) == "✓ reproduced"
    assert cells[1].find(".//span[@aria-hidden]").text == "✓"
    assert "".join(cells[3].itertext()) == "trend <only>"  # unknown words are shown as they are
    assert [cell.get("data-label") for cell in cells] == ["Dice", "verdict"] * 2


def test_a_corner_without_words_is_no_heading_and_a_note_follows():
    text = plots.table_html(pd.DataFrame({"a": [1]}), caption="c", key="here", note="n <b>").text
    assert "<thead><tr><td></td><th" in text
    assert text.startswith('<div class="wide-table" id="here" ')
    assert text.endswith('<p class="table-note">n &lt;b&gt;</p>')


def test_table_keeps_whole_numbers_whole():
    frame = pd.DataFrame({"n": [3, 4], "x": [0.5, np.nan]})
    cells = re.findall("<td data.*?>(.*?)</td>", plots.table_html(frame, caption="c").text)
    assert cells == ["3", "0.500", "4", "–"]


def test_tables_refuse_missing_captions_and_columns():
    frame = pd.DataFrame({"a": [1]})
    with pytest.raises(ValueError, match="caption"):
        plots.table_html(frame, caption="")
    with pytest.raises(ValueError, match="verdict must name a column"):
        plots.table_html(frame, caption="x", verdict="b")
