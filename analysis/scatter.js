// Predicted against measured, drawn by Plotly from the scores in the page. Without it the tables say the same.
(async () => {
  const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442"]; // Okabe and Ito, no black
  const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "cross", "x", "star", "triangle-down", "pentagon"];
  const BAND = 0.2;
  const packed = Uint8Array.from(atob(document.getElementById("scores").textContent), (each) => each.charCodeAt(0));
  const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const scores = await new Response(unpacked).json();
  const plot = document.getElementById("plot");
  const select = Object.fromEntries(["group", "quantity", "setting"].map((name) => [name, document.getElementById(name)]));

  const text = (column, row) => scores[column].names[scores[column].codes[row]];
  // Plotly reads a little HTML in its labels.
  const shown = (words) => words.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const all = [...scores.measured.keys()];
  const count = (column) => {
    const counts = scores[column].names.map(() => 0);
    for (const code of scores[column].codes) counts[code] += 1;
    return counts;
  };
  const rows = count("device");
  const rank = rows.map((_, code) => code).sort((a, b) => rows[b] - rows[a]); // a device looks the same in every choice
  const place = new Map(rank.map((code, at) => [code, at]));

  function offer(name, within) {
    const kept = select[name].value;
    const there = new Set(within.map((row) => scores[name].codes[row]));
    const names = scores[name].names.filter((_, code) => there.has(code));
    select[name].replaceChildren(...names.map((each) => new Option(each, each)));
    if (names.includes(kept)) select[name].value = kept;
    return within.filter((row) => text(name, row) === select[name].value);
  }

  function trace(code, chosen, ink) {
    const at = place.get(code);
    const colour = COLOURS[at % COLOURS.length];
    const symbol = SYMBOLS[Math.floor(at / COLOURS.length) % SYMBOLS.length];
    const mine = chosen.filter((row) => scores.device.codes[row] === code);
    mine.sort((a, b) => !!text("extrapolated", a) - !!text("extrapolated", b)); // the legend shows the first point
    return {
      type: "scatter",
      mode: "markers",
      name: shown(scores.device.names[code]),
      x: mine.map((row) => scores.measured[row]),
      y: mine.map((row) => scores.predicted[row]),
      text: mine.map((row) => {
        const error = (100 * (scores.predicted[row] - scores.measured[row])) / scores.measured[row];
        const sign = error < 0 ? "−" : "+";
        const lines = [
          text("row", row),
          `${text("model", row)} on ${text("device", row)}, ${text("engine", row)}`,
          text("source", row),
          `error ${sign}${Math.abs(error).toFixed(1)} %`,
        ];
        if (text("extrapolated", row)) lines.push(`extrapolated: ${text("extrapolated", row)}`);
        return lines.map(shown).join("<br>");
      }),
      hovertemplate: "%{text}<br>measured %{x:.3s}" + unit() + ", predicted %{y:.3s}" + unit() + "<extra></extra>",
      marker: {
        color: colour,
        symbol: mine.map((row) => (text("extrapolated", row) ? `${symbol}-open` : symbol)),
        size: 8,
        opacity: 0.85,
        line: { width: mine.map((row) => (text("extrapolated", row) ? 1.8 : 0.5)), color: mine.map((row) => (text("extrapolated", row) ? colour : ink)) },
      },
    };
  }

  const unit = () => scores.units[scores.quantity.names.indexOf(select.quantity.value)];

  function line(factor, name, dash, ends, colour) {
    return {
      type: "scatter", mode: "lines", name, x: ends, y: ends.map((end) => end * factor),
      hoverinfo: "skip", showlegend: name !== "", line: { color: colour, width: 1, dash },
    };
  }

  function draw(forPaper) {
    const chosen = ["group", "quantity", "setting"].reduce((within, name) => offer(name, within), all);
    const style = getComputedStyle(document.documentElement);
    const colour = (name, onPaper) => (forPaper ? onPaper : style.getPropertyValue(name).trim());
    const ink = colour("--ink", "#1b1b1b"), rule = colour("--rule", "#d5d5d5"), faint = colour("--faint", "#595959");
    const values = chosen.flatMap((row) => [scores.measured[row], scores.predicted[row]]);
    let low = Infinity, high = 0;
    for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
    const ends = [low / 1.3, high * 1.3];
    const codes = rank.filter((code) => chosen.some((row) => scores.device.codes[row] === code));
    const wide = forPaper ? 680 : plot.clientWidth; // a sheet of A4 or letter, without its margins
    const narrow = wide < 640;
    const side = narrow ? wide : 640;
    const axis = (title) => ({
      type: "log", title: { text: title, standoff: 8 }, ticksuffix: unit(), range: ends.map(Math.log10),
      exponentformat: "SI", dtick: high / low > 30 ? 1 : "D2", gridcolor: rule, linecolor: faint, mirror: true, zeroline: false,
      automargin: true, minexponent: 0,
    });
    const traces = [
      line(1, "predicted = measured", "solid", ends, ink),
      line(1 + BAND, `± ${100 * BAND} %`, "dash", ends, faint),
      line(1 - BAND, "", "dash", ends, faint),
      ...codes.map((code) => trace(code, chosen, ink)),
    ];
    const layout = {
      width: wide, height: narrow ? side + 40 + 22 * (codes.length + 2) : side,
      title: forPaper ? { text: Object.values(select).map((each) => shown(each.value)).join(", "), font: { size: 13 } } : {},
      margin: { l: 60, r: 16, t: 36, b: 50 },
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: "system-ui, sans-serif", size: 13, color: ink },
      xaxis: axis("measured"), yaxis: axis("predicted"),
      legend: narrow
        ? { orientation: "h", x: 0, y: -70 / side, yanchor: "top", entrywidth: 1, entrywidthmode: "fraction" }
        : { x: 1.02, y: 1 },
      hoverlabel: { align: "left", namelength: -1 },
      modebar: { color: faint, activecolor: ink, bgcolor: "rgba(0,0,0,0)" },
      dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom", // a finger scrolls the page
    };
    const options = { displaylogo: false, showTips: false, showSendToCloud: false, plotlyServerURL: "", modeBarButtonsToRemove: ["toImage", "select2d", "lasso2d", "autoScale2d"] };
    Plotly.react(plot, traces, layout, options);
    window.keysFor(plot);
    document.getElementById("shown").textContent = `${chosen.length.toLocaleString("en")} rows`;
  }

  document.querySelector(".choices").hidden = false;
  for (const name of Object.keys(select)) select[name].addEventListener("change", () => draw(false));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw(false));
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === width) return; // a phone's address bar comes and goes
    width = innerWidth;
    draw(false);
  });
  addEventListener("beforeprint", () => draw(true));
  addEventListener("afterprint", () => draw(false));
  draw(false);
  document.documentElement.dataset.drawn = "1";
})();
