// A metric over two keys of a sweep: cells where the points make a grid, else dots. Numbers in cells where they are few.
(window.makers ||= {}).heat = (figure, choice) => {
  const { keys, metrics, holds, limits } = figure.inside;
  const metric = metrics[choice.metric];
  const key = (name, otherwise) => keys.find((each) => each.name === name) || otherwise;
  const across = key(choice.across, keys[0]);
  const up = key(choice.up, keys[1]);
  const isStrip = across === up; // one key only
  const FEW = 60;
  const SCALE = [[0, "#00224e"], [0.25, "#434e6c"], [0.5, "#7d7c78"], [0.75, "#bcae6c"], [1, "#fee838"]]; // Cividis
  const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const round = (value) => Number(value.toPrecision(3)).toLocaleString("en", { maximumSignificantDigits: 3 });

  // Black or white, whichever stands out more on the colour at `share` of the scale.
  function onto(share) {
    const after = SCALE.findIndex(([end]) => share <= end) || 1;
    const [[from, low], [to, high]] = [SCALE[after - 1], SCALE[after]];
    const light = [1, 3, 5].map((at) => {
      const [one, other] = [low, high].map((colour) => parseInt(colour.slice(at, at + 2), 16));
      const part = (one + ((other - one) * (share - from)) / (to - from)) / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2] > 0.179 ? "#000" : "#fff"; // WCAG's luminance
  }

  const cells = new Map();
  metric.mean.forEach((value, point) => {
    const at = `${across.at[point]} ${isStrip ? 0 : up.at[point]}`;
    if (!cells.has(at)) cells.set(at, []);
    cells.get(at).push(point);
  });

  function hover(points, known) {
    const place = `${escaped(across.name)} ${across.values[across.at[points[0]]]}`;
    const lines = [isStrip ? place : `${place}<br>${escaped(up.name)} ${up.values[up.at[points[0]]]}`];
    const values = known.map((point) => metric.mean[point]);
    const mean = values.reduce((sum, each) => sum + each, 0) / values.length;
    const said = (value) => `${Number(value.toPrecision(4))}${metric.unit && ` ${metric.unit}`}`;
    lines.push(known.length ? `<b>${said(mean)}</b>` : "undefined");
    const [one] = known;
    if (points.length === 1 && known.length && metric.low[one] !== null && metric.high[one] !== null) {
      lines.push(`95 %: ${said(metric.low[one])} to ${said(metric.high[one])}`);
    }
    if (points.length > 1) {
      const ends = known.length ? `, ${said(Math.min(...values))} to ${said(Math.max(...values))}` : "";
      const lost = points.length - known.length;
      lines.push(`mean of ${known.length} points${ends}${lost ? `; undefined in ${lost}` : ""}`);
    }
    const held = points.filter((point) => holds[point]).length;
    if (limits) lines.push(points.length === 1 ? (held ? "holds all limits" : "misses a limit") : `${held} of ${points.length} points hold all limits`);
    return { mean: known.length ? mean : null, said: lines.join("<br>"), missed: limits && held < points.length };
  }
  const heard = (points) => hover(points, points.filter((point) => metric.mean[point] !== null));

  const bar = { title: { text: metric.title, side: "right" }, thickness: 14 };
  const layout = (x, y) => ({ height: 480, hovermode: "closest", xaxis: x, yaxis: y });
  const named = (each) => ({ title: { text: escaped(each.name) } });

  const size = across.values.length * (isStrip ? 1 : up.values.length);
  if (!isStrip && across.numbers && up.numbers && cells.size * 3 <= size) {
    const each = metric.mean.map((_, point) => ({ point, ...heard([point]) })).filter(({ mean }) => mean !== null);
    const trace = {
      type: "scatter", mode: "markers", showlegend: false,
      x: each.map(({ point }) => across.numbers[point]), y: each.map(({ point }) => up.numbers[point]),
      marker: {
        color: each.map(({ mean }) => mean), colorscale: SCALE, showscale: true, colorbar: bar, size: 13,
        symbol: each.map(({ missed }) => (missed ? "x" : "circle")), line: { width: 1, color: "#8A8A8A" },
      },
      text: each.map(({ said }) => said), hovertemplate: "%{text}<extra></extra>",
    };
    return { traces: [trace], layout: layout(named(across), named(up)) };
  }

  const rows = isStrip ? [""] : up.values;
  const grid = rows.map((_, y) => across.values.map((_, x) => (cells.has(`${x} ${y}`) ? heard(cells.get(`${x} ${y}`)) : null)));
  const few = size <= FEW;
  const written = (cell) => [few && cell.mean !== null ? round(cell.mean) : "", cell.missed ? "✕" : ""].filter(Boolean).join(few ? "<br>" : "");
  const trace = {
    type: "heatmap", colorscale: SCALE, colorbar: bar, xgap: 2, ygap: 2, hoverongaps: false,
    x: across.values.map((_, x) => x), y: rows.map((_, y) => y),
    z: grid.map((row) => row.map((cell) => cell && cell.mean)),
    customdata: grid.map((row) => row.map((cell) => (cell ? cell.said : ""))), hovertemplate: "%{customdata}<extra></extra>",
  };
  const means = trace.z.flat().filter((mean) => mean !== null);
  const [low, high] = [Math.min(...means), Math.max(...means)];
  const colour = ({ mean }) => mean !== null && onto(high > low ? (mean - low) / (high - low) : 0.5); // else the page's ink
  const told = grid.flatMap((row, y) => row.map((cell, x) => ({ x, y, cell }))).filter(({ cell }) => cell && written(cell));
  const texts = [...new Set(told.map(({ cell }) => colour(cell)))].map((ink) => {
    const those = told.filter(({ cell }) => colour(cell) === ink);
    return {
      type: "scatter", mode: "text", hoverinfo: "skip", showlegend: false, ...(ink && { textfont: { color: ink } }),
      x: those.map(({ x }) => x), y: those.map(({ y }) => y), text: those.map(({ cell }) => written(cell)),
    };
  });
  const ticks = (values) => ({ tickmode: "array", tickvals: values.map((_, at) => at), ticktext: values, showgrid: false });
  return {
    traces: [trace, ...texts],
    layout: layout({ ...named(across), ...ticks(across.values) }, { ...(isStrip ? {} : named(up)), ...ticks(rows) }),
  };
};
