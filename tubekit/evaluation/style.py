"""Look and behaviour of the report's page, written into it."""

STYLE = """
:root { color-scheme: light dark; --back: #fff; --text: #1a1a1a; --soft: #666; --line: #ccc;
  --dot: #0072b2; --mark: #d55e00; --warn: #fdf0e6; }
@media (prefers-color-scheme: dark) { :root { --back: #16181c; --text: #e8e8e8; --soft: #a8a8a8;
  --line: #444; --dot: #56b4e9; --mark: #e69f00; --warn: #3a2a1c; } }
body { margin: 0; background: var(--back); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 72rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.2; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; }
dt { color: var(--soft); } dd { margin: 0; }
.failed { background: var(--warn); border-left: 4px solid var(--mark); padding: .1rem 1rem; }
.wide-table { overflow-x: auto; } .wide-table :is(th, td) { overflow-wrap: normal; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); padding-bottom: .3rem; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid var(--line); text-align: right;
  white-space: nowrap; }
.words td { white-space: normal; text-align: left; min-width: 11rem; }
th:first-child { text-align: left; position: sticky; left: 0; background: var(--back);
  max-width: 16rem; overflow: hidden; text-overflow: ellipsis; }
.words th { text-align: left; }
th button { all: unset; cursor: pointer; font-weight: 600; }
th button:focus-visible { outline: 2px solid var(--dot); }
th[aria-sort=ascending] button::after { content: " \\2191"; }
th[aria-sort=descending] button::after { content: " \\2193"; }
abbr { text-decoration: none; color: var(--soft); }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 17rem), 1fr));
  gap: 1.2rem; }
.grid.wide { grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); }
figure { margin: 0; } figcaption { font-weight: 600; font-size: .9rem; }
figure img { max-width: 100%; height: auto; background: #fff; border-radius: 4px; }
svg { width: 100%; height: auto; } svg text { fill: var(--soft); font-size: 13px; }
circle { fill: var(--dot); fill-opacity: .75; } .axis { stroke: var(--soft); fill: none; }
.median { stroke: var(--mark); stroke-width: 2; } .interval { stroke: var(--mark); stroke-width: 5;
  stroke-opacity: .45; } .mean { fill: var(--mark); }
footer { margin: 2.5rem 0 1rem; color: var(--soft); font-size: .875rem; }
"""

SCRIPT = """
document.querySelectorAll(".sortable table").forEach(function (table) {
  var body = table.tBodies[0], heads = Array.from(table.tHead.rows[0].cells);
  heads.forEach(function (head, column) {
    var button = document.createElement("button");
    button.type = "button";
    button.append(head.firstChild);
    head.append(button);
    button.addEventListener("click", function () {
      var up = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach(function (other) { other.removeAttribute("aria-sort"); });
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      function value(row) {
        var cell = row.cells[column];
        if (!column) return cell.textContent;
        var value = cell.firstChild.value;
        return value === "" ? null : Number(value);
      }
      Array.from(body.rows).sort(function (a, b) {
        var x = value(a), y = value(b);
        if (x === null || y === null) return (x === null) - (y === null);  // undefined last
        return (x < y ? -1 : x > y ? 1 : 0) * (up ? 1 : -1);
      }).forEach(function (row) { body.appendChild(row); });
    });
  });
});
"""
