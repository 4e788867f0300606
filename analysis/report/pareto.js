// The Pareto front of a sweep for the axes that are chosen: every point, its intervals, and the line of those unbeaten.
window.makers = window.makers || {};
window.makers.pareto = (figure, choice, wide) => {
  const { points, labels, verdicts, within, metrics } = figure.inside;
  const [x, y, colour] = [metrics[choice.x], metrics[choice.y], metrics[choice.colour]];
  const narrow = wide < 640;
  const round = (value) => value.toLocaleString("en", { maximumSignificantDigits: 4 });
  const there = points.map((_, at) => at).filter((at) => x.mean[at] !== null && y.mean[at] !== null);

  function said(metric, at) {
    if (metric.mean[at] === null) return `${metric.title}: undefined`;
    const interval = metric.low[at] === null ? "" : ` (${round(metric.low[at])} to ${round(metric.high[at])})`;
    return `${metric.title}: ${round(metric.mean[at])}${interval} ${metric.unit}`;
  }
  const told = (at) =>
    [`<b>point ${points[at]}</b>, ${verdicts[at]}${within[at] || verdicts[at] !== "STABLE" ? "" : ", misses a limit"}`, labels[at]]
      .concat([...new Set([x, y, colour])].map((metric) => said(metric, at)))
      .filter((each) => each).join("<br>");
  const bars = (metric, among) => ({
    type: "data", symmetric: false, thickness: 1, width: 0, color: "rgba(138,138,138,.7)",
    array: among.map((at) => (metric.high[at] === null ? 0 : metric.high[at] - metric.mean[at])),
    arrayminus: among.map((at) => (metric.low[at] === null ? 0 : metric.mean[at] - metric.low[at])),
  });

  // Upwards is better: the points that none beats, from the worst to the best on x; of equal ones all.
  const good = (metric, at) => (metric.better === "lower" ? -metric.mean[at] : metric.mean[at]);
  function front(among) {
    const order = [...among].sort((one, other) => good(x, other) - good(x, one) || good(y, other) - good(y, one));
    const kept = [];
    let top = -Infinity, side = null;
    for (const at of order) {
      const equal = good(y, at) === top && good(x, at) === side;
      if (good(y, at) > top || equal) {
        kept.push(at);
        [top, side] = [good(y, at), good(x, at)];
      }
    }
    return kept.reverse();
  }
  const asked = there.filter((at) => choice.front !== "within" || within[at]);
  const best = front(asked);

  const ends = (values) => values.reduce(([low, high], one) => [Math.min(low, one), Math.max(high, one)], [Infinity, -Infinity]);
  const known = asked.map((at) => colour.mean[at]).filter((one) => one !== null);
  const [low, high] = known.length ? ends(known) : [0, 1];
  const name = (metric) => (metric.unit ? `${metric.title} [${metric.unit}]` : metric.title);
  const scale = {
    cmin: low, cmax: high > low ? high : low + 1, colorscale: figure.inside.colours, reversescale: colour.better === "higher",
    colorbar: {
      orientation: "h", x: 0.5, y: 1.02, yanchor: "bottom", thickness: 12, len: narrow ? 1 : 0.6, outlinewidth: 0, nticks: narrow ? 6 : 8,
      title: { text: `colour: ${name(colour)}`, side: "top" },
    },
  };
  const marks = (among) => ({
    type: "scatter", mode: "markers", name: "points", showlegend: false, x: among.map((at) => x.mean[at]), y: among.map((at) => y.mean[at]),
    error_x: bars(x, among), error_y: bars(y, among), customdata: among.map((at) => points[at]),
    text: among.map(told), hovertemplate: "%{text}<extra></extra>",
    marker: {
      ...scale, opacity: 0.95,
      color: among.map((at) => (colour.mean[at] === null ? (low + high) / 2 : colour.mean[at])),
      size: among.map((at) => (points[at] === 0 ? 16 : 10)),
      symbol: among.map((at) => (points[at] === 0 ? "star" : "circle") + (within[at] ? "" : "-open")),
      line: { width: among.map((at) => (within[at] ? 0.5 : 2)) },
    },
  });
  const axis = (metric) => ({
    title: { text: `${name(metric)}, ${metric.better} is better`, standoff: 8 }, autorange: metric.better === "lower" ? "reversed" : true,
  });
  return {
    traces: [
      {
        type: "scatter", mode: "lines", name: "front", x: best.map((at) => x.mean[at]), y: best.map((at) => y.mean[at]),
        customdata: best.map((at) => points[at]), line: { color: "ink", width: 1.5, dash: "dot", shape: "vh" }, hoverinfo: "skip",
      },
      marks(there),
    ],
    layout: {
      height: 560, xaxis: axis(x), yaxis: axis(y), hovermode: "closest",
      annotations: [
        { text: "better ↗", xref: "paper", yref: "paper", x: 1, y: 1, xanchor: "right", yanchor: "top", showarrow: false },
      ],
    },
  };
};
