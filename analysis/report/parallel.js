// Parallel coordinates of a sweep. What is brushed also chooses the rows of the table of points.
window.makers = window.makers || {};
window.makers.parallel = (figure, choice) => {
  const { dimensions } = figure.inside;
  const plot = document.getElementById("plot-parallel");
  const width = Math.max(plot.parentElement.clientWidth, 120 * dimensions.length); // a narrow page scrolls it
  const colour = dimensions.find((each) => each.key === choice.colour);
  // Names break at dots, so that neighbours do not run into each other.
  const label = (text) => text.replace(/(.{8,}?[. ])/g, "$1<br>");
  return {
    traces: [
      {
        type: "parcoords", labelside: "top", labelfont: { size: 11 }, tickfont: { size: 10 },
        line: {
          color: colour.values, colorscale: "Cividis", showscale: true,
          colorbar: { thickness: 12, outlinewidth: 0, title: { text: colour.label, side: "right" } },
        },
        dimensions: dimensions.map(({ label: text, values, ticks, whole }) => ({
          label: label(text), values,
          ...(ticks ? { tickvals: ticks.map((_, at) => at), ticktext: ticks } : whole ? { tickformat: "d" } : {}),
        })),
      },
    ],
    layout: { height: 480, width: Math.min(width, 4000), uirevision: "brushed" },
  };
};

window.afterwards = window.afterwards || {};
window.afterwards.parallel = (figure, plot) => {
  const rows = [...document.querySelectorAll("#table-of-points tbody tr")];
  const note = document.createElement("p");
  note.className = "note";
  note.setAttribute("aria-live", "polite");
  plot.after(note);
  plot.on("plotly_restyle", () => {
    const ranges = plot.data[0].dimensions.map((each) => each.constraintrange);
    const crosses = (range, value) => (Array.isArray(range[0]) ? range : [range]).some(([low, high]) => low <= value && value <= high);
    const kept = new Set(
      figure.inside.points.filter((_, at) =>
        ranges.every((range, axis) => !range?.length || crosses(range, figure.inside.dimensions[axis].values[at])),
      ),
    );
    for (const row of rows) row.hidden = !kept.has(Number(row.dataset.row));
    note.textContent = kept.size === rows.length ? "" : `${kept.size} of ${rows.length} points are brushed; the table of points shows these.`;
  });
};
