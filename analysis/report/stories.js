// The sample of queries: filters of its table, the waterfall of the one that is picked, and its tables below.
(() => {
  const list = document.querySelector('select[data-figure="stories"]');
  const sample = document.getElementById("stories-table");
  const rows = [...sample.querySelectorAll("tbody tr")];
  const numberOf = (row) => row.cells[0].textContent;
  let stories = null; // by number, once the page has been unpacked

  function element(name, text, more = {}) {
    const made = Object.assign(document.createElement(name), more);
    if (text) made.textContent = text;
    return made;
  }

  function table({ title, note, heads, rows }, words) {
    const line = (cells, name) => {
      const made = element("tr");
      cells.forEach((cell, at) => {
        const long = cell.length > 24 ? " long" : "";
        made.append(element(name, cell, { className: (words.includes(heads[at]) ? "words" : "number") + long }));
      });
      return made;
    };
    const all = element("table");
    const head = line(heads, "th");
    for (const cell of head.cells) cell.scope = "col";
    all.append(element("thead"), element("tbody"));
    all.tHead.append(head);
    all.tBodies[0].append(...rows.map((cells) => line(cells, "td")));
    const box = element("div", "", { className: "wide", tabIndex: 0 });
    box.append(all);
    return [element("h3", title), ...(note ? [element("p", note, { className: "note" })] : []), box];
  }

  function tell(words) {
    const story = stories.get(list.value);
    const place = document.getElementById("stories-told");
    place.replaceChildren(...story.tables.flatMap((each) => table(each, words)));
    for (const row of rows) {
      if (numberOf(row) === list.value) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
    }
  }

  function filter() {
    const value = (name) => document.getElementById(`stories-${name}`)?.value ?? "";
    const text = value("text").trim().toLowerCase();
    let shown = 0;
    for (const row of rows) {
      const story = stories.get(numberOf(row));
      const fits = ["class", "kind", "escalated", "pool"].every((name) => {
        const wanted = value(name);
        return !wanted || (name === "pool" ? story.pool.includes(wanted) : story[name] === wanted);
      });
      row.hidden = !(fits && row.textContent.toLowerCase().includes(text));
      shown += !row.hidden;
    }
    document.getElementById("stories-count").textContent = `${shown} of ${rows.length} queries`;
  }

  function pick(row) {
    list.value = numberOf(row);
    list.dispatchEvent(new Event("change"));
  }

  // Once: rows become buttons, filters filter.
  function begin({ stories: told, words }) {
    stories = new Map(told.map((each) => [each.query, each]));
    sample.querySelector("details").open = true;
    sample.classList.add("picked");
    for (const row of rows) {
      const cell = row.cells[0];
      const button = element("button", cell.textContent, { type: "button" });
      cell.replaceChildren(button);
      row.addEventListener("click", () => pick(row));
    }
    for (const each of document.querySelectorAll('[id^="stories-"]:is(select, input)')) {
      each.addEventListener("input", filter);
    }
    list.addEventListener("change", () => tell(words));
    filter();
    tell(words);
  }

  window.makers = window.makers || {};
  window.makers.stories = (figure, choice) => {
    if (!stories) begin(figure.inside);
    const { stages, policy } = figure.inside;
    const story = stories.get(choice.query);
    const bars = stages.map(([name, color], at) => ({
      type: "bar", orientation: "h", name, marker: { color }, ...story.bars[at],
      hovertemplate: `%{x:.4g} s ${name}, from %{base:.4g} s on<extra>%{y}</extra>`,
    }));
    const [decided, lost, given] = story.marks.map((each) => ({
      type: "scatter", mode: "markers", cliponaxis: false, hovertemplate: "%{x:.4g} s: %{text}<extra></extra>", ...each,
    }));
    const marks = [
      { ...decided, name: "decision", marker: { symbol: "diamond", size: 12, color: "#0072B2" } },
      { ...lost, name: "no answer", marker: { symbol: "x", size: 11, color: "#D55E00" } },
      { ...given, name: "last token", marker: { symbol: "star", size: 14, color: "#009E73" } },
    ];
    return {
      traces: [...bars, ...marks].filter((each) => each.x.length),
      layout: {
        height: 230 + 34 * story.labels.length, barmode: "overlay", bargap: 0.35,
        xaxis: { ticksuffix: " s", rangemode: "tozero" }, // a title would lie under the legend of so low a figure
        yaxis: { type: "category", categoryorder: "array", categoryarray: [policy, ...story.labels], autorange: "reversed" },
      },
    };
  };
})();
