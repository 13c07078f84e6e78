"""Where the boxes of a diagram lie and which way its arrows take."""

from collections.abc import Iterable, Mapping, Sequence

WIDTH = 320.0
ROW_GAP, COLUMN_GAP, LANE, EDGE = 30.0, 18.0, 12.0, 2.0

Point = tuple[float, float]
Box = tuple[float, float, float, float]  # left, top, right, bottom
Link = tuple[str, str]


class Layout:
    """Rows of boxes, 320 units wide, with lanes for arrows in the margins.

    Args:
        grid: rows of box keys with blanks between them; a key that is repeated within a row spans
            these columns, a dot is a free cell.
        links: pairs of keys that arrows join.
    Raises:
        ValueError: rows of different length, or a box in two rows or in two parts of one.
    """

    def __init__(self, grid: Sequence[str], links: Iterable[Link]) -> None:
        self.cells = [row.split() for row in grid]
        self.columns = len(self.cells[0]) if self.cells else 0
        if not self.columns or any(len(row) != self.columns for row in self.cells):
            raise ValueError(f"grid needs rows of one length, got {list(grid)}; fill up with dots")
        self.at: dict[str, tuple[int, range]] = {}
        for i, row in enumerate(self.cells):
            for key in dict.fromkeys(row):
                span = range(row.index(key), self.columns - row[::-1].index(key))
                if key != "." and (key in self.at or row.count(key) != len(span)):
                    raise ValueError(f"box {key!r} must lie in one piece in one row; rename a part")
                self.at[key] = i, span
        self.at.pop(".", None)
        self.lanes = self._lanes([link for link in links if self._sides(*link)])
        used = set(self.lanes.values())
        self.left = EDGE + LANE * sum(side == "left" for side, _ in used)
        self.right = WIDTH - EDGE - LANE * sum(side == "right" for side, _ in used)
        self.column = (self.right - self.left - COLUMN_GAP * (self.columns - 1)) / self.columns
        self.tops: list[float] = []
        self.bottoms: list[float] = []

    def width(self, key: str) -> float:
        n = len(self.at[key][1])
        return n * self.column + (n - 1) * COLUMN_GAP

    def stack(self, heights: Mapping[str, float]) -> float:
        """Give each row the height of its tallest box; the height of all rows."""
        y = EDGE
        for row in self.cells:
            self.tops.append(y)
            self.bottoms.append(y + max((heights[key] for key in row if key != "."), default=0.0))
            y = self.bottoms[-1] + ROW_GAP
        return self.bottoms[-1] + EDGE

    def box(self, key: str) -> Box:
        row, span = self.at[key]
        x = self.left + span[0] * (self.column + COLUMN_GAP)
        return x, self.tops[row], x + self.width(key), self.bottoms[row]

    def path(self, start: str, end: str) -> tuple[list[Point], Point]:
        """Corners of the arrow, and the middle of the left edge of its label.

        Raises:
            ValueError: no free way between the two boxes.
        """
        (row, _), (to_row, _) = self.at[start], self.at[end]
        a, b = self.box(start), self.box(end)
        if row == to_row:
            return self._sideways(start, end)
        step = 1 if to_row > row else -1
        out, into = (a[3], b[1]) if step > 0 else (a[1], b[3])
        x, to_x, beside = (a[0] + a[2]) / 2, (b[0] + b[2]) / 2, out + step * 0.3 * ROW_GAP
        if free := self._free(start, end):
            middle = (free[0] + free[-1]) / 2
            x = self.left + middle * (self.column + COLUMN_GAP) + self.column / 2
            return [(x, out), (x, into)], (x + 6, beside)
        if abs(to_row - row) == 1:
            # The near part of the target, beside an arrow that may come straight down.
            to_x += (b[2] - b[0]) / 4 * (1 if x > to_x else -1)
            turn = out + step * 0.65 * ROW_GAP
            return [(x, out), (x, turn), (to_x, turn), (to_x, into)], (x + 6, beside)
        if (start, end) not in self.lanes:
            raise ValueError(
                f"no way from {start!r} to {end!r}; put them into neighbouring rows, leave the "
                "cells between them free, or let both touch the same margin"
            )
        side, number = self.lanes[start, end]
        left = side == "left"
        x = self.left - LANE * (number + 0.7) if left else self.right + LANE * (number + 0.7)
        y, to_y = (a[1] + a[3]) / 2 + 6, (b[1] + b[3]) / 2 - 6
        edge, to_edge = (a[0], b[0]) if left else (a[2], b[2])
        at = self.left + 2 if left else self.right - self.column / 2
        return [(edge, y), (x, y), (x, to_y), (to_edge, to_y)], (at, beside)

    def _sideways(self, start: str, end: str) -> tuple[list[Point], Point]:
        (row, span), (_, to_span) = self.at[start], self.at[end]
        between = range(min(span[-1], to_span[-1]) + 1, max(span[0], to_span[0]))
        if any(self.cells[row][j] != "." for j in between):
            raise ValueError(f"a box lies between {start!r} and {end!r}; move one of them")
        a, b = self.box(start), self.box(end)
        ends = (a[2], b[0]) if span[0] < to_span[0] else (a[0], b[2])
        y = (a[1] + a[3]) / 2
        return [(x, y) for x in ends], (min(ends) + 2, y - 9)

    def _free(self, start: str, end: str) -> list[int]:
        """The first run of common columns without a box between the two."""
        (row, span), (to_row, to_span) = self.at[start], self.at[end]
        between = self.cells[min(row, to_row) + 1 : max(row, to_row)]
        free = [j for j in span if j in to_span and all(cells[j] == "." for cells in between)]
        return [j for i, j in enumerate(free) if j == free[0] + i]

    def _sides(self, start: str, end: str) -> list[str]:
        """The margins an arrow can take; none where a shorter way exists."""
        (row, span), (to_row, to_span) = self.at[start], self.at[end]
        if abs(row - to_row) < 2 or self._free(start, end):
            return []
        touches = {"left": 0 in span and 0 in to_span}
        touches["right"] = self.columns - 1 in span and self.columns - 1 in to_span
        return [side for side, both in touches.items() if both]

    def _lanes(self, links: Sequence[Link]) -> dict[Link, tuple[str, int]]:
        """Side and lane of each link: those of one source share it, else those of one target."""
        sources = [start for start, _ in links]
        shared: dict[tuple[str, ...], list[Link]] = {}
        for start, end in links:
            key = ("from", start) if sources.count(start) > 1 else ("to", end)
            shared.setdefault((*key, *self._sides(start, end)), []).append((start, end))
        count = {"left": 0, "right": 0}
        found: dict[Link, tuple[str, int]] = {}
        for (_, _, *sides), members in shared.items():
            side = min(sides, key=count.__getitem__)
            found |= {link: (side, count[side]) for link in members}
            count[side] += 1
        return found
