// Heads of the tables of class `sortable` become buttons that sort: numbers as numbers, what says nothing last.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];

  const value = (row, at) => {
    const cell = row.cells[at];
    return cell.dataset.value === undefined ? cell.textContent : Number(cell.dataset.value);
  };
  const rank = (one) => (one === "–" || one === "" ? 2 : typeof one === "number" ? 0 : 1);
  const compare = (one, other) =>
    typeof one === "number" && typeof other === "number" ? one - other : String(one).localeCompare(String(other), "en", { numeric: true });

  function sort(at) {
    const falling = heads[at].getAttribute("aria-sort") === "ascending";
    const rows = [...body.rows].map((row) => [row, value(row, at)]);
    rows.sort(([, one], [, other]) => rank(one) - rank(other) || compare(one, other) * (falling ? -1 : 1));
    body.append(...rows.map(([row]) => row));
    for (const head of heads) head.removeAttribute("aria-sort");
    heads[at].setAttribute("aria-sort", falling ? "descending" : "ascending");
  }

  heads.forEach((head, at) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(at));
    head.append(button);
  });
}
