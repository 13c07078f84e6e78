// Filters of the ledger. Without this script every row is there and the groups open by hand.
document.addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector("form.ledger-filter");
  if (!form) return;
  const chapters = [...document.querySelectorAll("details.ledger-chapter")];
  const all = document.querySelectorAll(".ledger-table tbody tr").length;

  function apply() {
    const wanted = Object.fromEntries(new FormData(form));
    const active = Object.values(wanted).some(Boolean);
    let shown = 0;
    for (const chapter of chapters) {
      const here = !wanted.chapter || wanted.chapter === chapter.dataset.page;
      let found = 0;
      for (const group of chapter.querySelectorAll("details.ledger-table")) {
        const named = here && (!wanted.table || wanted.table === group.dataset.name);
        let rows = 0;
        for (const row of group.querySelectorAll("tbody tr")) {
          const word = row.querySelector(".verdict").lastChild.textContent.trim();
          row.hidden = !named || (wanted.verdict && wanted.verdict !== word);
          rows += !row.hidden;
        }
        group.hidden = !rows;
        group.open = active && rows > 0;
        found += rows;
      }
      chapter.closest("section").hidden = !found;
      shown += found;
    }
    form.querySelector("[role=status]").textContent = `${shown} of ${all} rows`;
  }

  // The address of a row opens what it lies in.
  function reveal() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let up = target; up; up = up.parentElement) if (up.tagName === "DETAILS") up.open = true;
    target?.scrollIntoView();
  }

  form.hidden = false;
  form.addEventListener("change", apply);
  form.addEventListener("reset", () => setTimeout(apply));
  window.addEventListener("hashchange", reveal);
  apply();
  if (location.hash) reveal();
});
