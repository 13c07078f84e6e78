"""A piece of HTML that a notebook shows."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Html:
    """HTML text; as the last value of a cell it is shown as a page fragment."""

    text: str

    def _repr_html_(self) -> str:
        return self.text
