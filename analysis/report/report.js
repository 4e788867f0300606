// Draws the figures that are packed in the page, with Plotly, in the page's colours. Without it the tables say the answer.
// A figure that is made in the browser has its maker in `window.makers`, by its name: (figure, choice, wide) -> {traces,
// layout}, `wide` being pixels across; a layout with a width of its own scrolls.
(async () => {
  const bytes = Uint8Array.from(atob(document.getElementById("figures").textContent), (each) => each.charCodeAt(0));
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const figures = await new Response(unpacked).json();
  const PAPER = 680; // pixels across a sheet of A4 or letter, without its margins
  const place = (figure) => document.getElementById(`plot-${figure.name}`);

  function colours(forPaper) {
    const style = getComputedStyle(document.documentElement);
    const colour = (name, onPaper) => (forPaper ? onPaper : style.getPropertyValue(name).trim());
    return { ink: colour("--ink", "#1b1b1b"), faint: colour("--faint", "#595959"), rule: colour("--rule", "#d5d5d5") };
  }

  // What is chosen in the lists above a figure, by name; null where it has none.
  function chosen(figure) {
    const lists = [...document.querySelectorAll(`select[data-figure="${figure.name}"]`)];
    return lists.length ? Object.fromEntries(lists.map((each) => [each.dataset.choice, each.value])) : null;
  }

  // Traces and layout of a figure as it is chosen: by its own maker, or one of its versions, or the only ones it has.
  function made(figure, wide) {
    const choice = chosen(figure);
    if (window.makers?.[figure.name]) return window.makers[figure.name](figure, choice, wide);
    if (!choice || !figure.versions) return figure;
    const { traces, layout } = figure.versions[Object.values(choice)[0]];
    return { traces, layout: { ...figure.layout, ...layout } };
  }

  // Lines and shapes that have the page's own colours name them.
  const line = (each, page) => (each && page[each.color] ? { ...each, color: page[each.color] } : each);
  const shape = (each, page) => {
    const { fill, ...rest } = each;
    if (fill) return { opacity: 0.22, ...rest, fillcolor: page.faint };
    return each.line === "ink" ? { ...rest, line: { color: page.ink, width: 1.5, dash: "dot" } } : rest;
  };

  // What Plotly draws of a figure, `wide` pixels across, in colours of the screen or of paper.
  function drawing(figure, wide, forPaper) {
    const page = colours(forPaper);
    const narrow = wide < 640;
    const now = made(figure, wide);
    const traces = now.traces.map((trace) => ({ ...trace, line: line(trace.line, page) }));
    const { height = 420, ...given } = now.layout;
    const size = narrow ? 12 : 13;
    const told = traces.filter((trace) => trace.name && trace.showlegend !== false);
    const entry = 50 + 8 * Math.max(0, ...told.map((trace) => trace.name.length)); // pixels of one in the legend
    const rows = Math.ceil(told.length / Math.max(1, Math.floor(wide / entry)));
    const layout = {
      width: wide, ...given, height: height + 20 * rows,
      shapes: (given.shapes || []).map((each) => shape(each, page)),
      margin: { l: 60, r: 12, t: 30, b: 50 + 20 * rows, ...given.margin },
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: "system-ui, sans-serif", size, color: page.ink },
      showlegend: traces.some((trace) => trace.name),
      legend: { orientation: "h", x: 0, xref: "container", y: 0, yref: "container", yanchor: "bottom", traceorder: "normal" },
      hoverlabel: { align: "left", namelength: -1 },
      modebar: { color: page.faint, activecolor: page.ink, bgcolor: "rgba(0,0,0,0)" },
      dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom", // a finger scrolls the page
      uirevision: JSON.stringify(chosen(figure)), // the same choice keeps its zoom and what is hidden
    };
    for (const name of Object.keys(given).filter((each) => /^[xy]axis/.test(each))) {
      const title = given[name].title && { ...given[name].title, font: { size } };
      layout[name] = { gridcolor: page.rule, linecolor: page.faint, zeroline: false, automargin: true, ...given[name], title };
    }
    return { traces, layout };
  }

  async function draw(figure, forPaper) {
    const plot = place(figure);
    const { traces, layout } = drawing(figure, forPaper ? PAPER : plot.clientWidth, forPaper);
    await Plotly.react(plot, traces, layout, {
      displaylogo: false, showTips: false, showSendToCloud: false, plotlyServerURL: "",
      modeBarButtonsToRemove: ["toImage", "select2d", "lasso2d", "autoScale2d"],
    });
    window.keysFor(plot);
  }
  async function drawAll(forPaper) {
    delete document.documentElement.dataset.drawn;
    await Promise.all(figures.map((figure) => draw(figure, forPaper)));
    document.documentElement.dataset.drawn = String(figures.length);
  }

  function save(text, name) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }

  // A file is read on paper: always in its colours, whatever those of the page are.
  function saveDrawing(figure) {
    const { traces, layout } = drawing(figure, PAPER, true);
    const { width, height } = layout;
    Plotly.downloadImage({ data: traces, layout }, { format: "svg", filename: figure.name, width, height });
  }

  await drawAll(false);
  for (const figure of figures) window.afterwards?.[figure.name]?.(figure, place(figure)); // what a figure does beside being drawn
  for (const lists of document.querySelectorAll(".choices")) lists.hidden = false;
  for (const list of document.querySelectorAll("select[data-figure]")) {
    const figure = figures.find((each) => each.name === list.dataset.figure);
    list.addEventListener("change", () => draw(figure, false));
  }
  for (const button of document.querySelectorAll("button[data-figure]")) {
    const figure = figures.find((each) => each.name === button.dataset.figure);
    button.hidden = false;
    button.addEventListener("click", () => {
      if (button.dataset.kind === "CSV") save(figure.csv, `${figure.name}.csv`);
      else saveDrawing(figure);
    });
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawAll(false));
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === width) return; // a phone's address bar comes and goes
    width = innerWidth;
    drawAll(false);
  });
  addEventListener("beforeprint", () => drawAll(true));
  addEventListener("afterprint", () => drawAll(false));
})();
