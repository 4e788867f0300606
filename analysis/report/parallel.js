// Parallel coordinates of a sweep. What is brushed also chooses the rows of the table of points.
window.makers = window.makers || {};
window.makers.parallel = (figure, choice, wide) => {
  const { dimensions } = figure.inside;
  if (!document.createElement("canvas").getContext("webgl")) {
    const text = "This figure needs WebGL, which is not there;<br>its data are in the CSV.";
    return { traces: [], layout: { annotations: [{ text, showarrow: false }], xaxis: { visible: false }, yaxis: { visible: false } } };
  }
  const plot = document.getElementById("plot-parallel");
  const width = Math.min(Math.max(wide, 180 + 80 * dimensions.length), 4000); // a narrow page scrolls it
  // What a reader has moved and brushed stays when the colour changes.
  const before = plot.data?.[0]?.dimensions || [];
  const rank = ({ key }) => before.findIndex((each) => each.name === key);
  const ordered = [...dimensions].sort((one, other) => rank(one) - rank(other));
  const colour = dimensions.find((each) => each.key === choice.colour);
  return {
    traces: [
      {
        type: "parcoords", labelside: "top", labelangle: -18, labelfont: { size: 11 }, tickfont: { size: 10 },
        line: {
          color: colour.values, colorscale: figure.inside.colours, reversescale: colour.reversed, showscale: true,
          colorbar: { thickness: 12, outlinewidth: 0, title: { text: colour.label, side: "right" } },
        },
        dimensions: ordered.map(({ key, label, values, ticks }) => ({
          name: key, label, values, constraintrange: before.find((each) => each.name === key)?.constraintrange,
          ...(ticks && { tickvals: ticks.places, ticktext: ticks.texts }),
        })),
      },
    ],
    layout: { height: 480, margin: { l: 80, t: 110, b: 30 }, width },
  };
};

window.afterwards = window.afterwards || {};
window.afterwards.parallel = (figure, plot) => {
  const rows = [...document.querySelectorAll("#table-of-points tbody tr")];
  plot.tabIndex = 0; // it scrolls where the page is narrow
  const note = Object.assign(document.createElement("p"), { className: "note" });
  note.setAttribute("aria-live", "polite");
  const all = Object.assign(document.createElement("button"), { type: "button", textContent: "show all points", hidden: true });
  all.addEventListener("click", () => {
    const none = plot.data[0].dimensions.map((_, at) => [`dimensions[${at}].constraintrange`, null]);
    Plotly.restyle(plot, Object.fromEntries(none));
  });
  plot.after(note, all);
  plot.on("plotly_restyle", () => {
    const axes = plot.data[0].dimensions;
    const crosses = (range, value) => (Array.isArray(range[0]) ? range : [range]).some(([low, high]) => low <= value && value <= high);
    const kept = new Set(
      figure.inside.points.filter((_, at) =>
        axes.every(({ constraintrange: range, values }) => !range?.length || crosses(range, values[at])),
      ),
    );
    for (const row of rows) row.hidden = !kept.has(Number(row.dataset.row));
    all.hidden = kept.size === rows.length;
    note.textContent = kept.size === rows.length ? "" : `${kept.size} of ${rows.length} points are brushed; the table of points shows these.`;
  });
};
