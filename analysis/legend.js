// A legend that keys reach: each name in it is a button that hides what it names and shows it again, as a click does.
window.keysFor = (plot) => {
  const named = (toggle) => {
    const { trace } = toggle.parentNode.__data__[0];
    return plot._fullData.filter((each) => each === trace || (trace.legendgroup && each.legendgroup === trace.legendgroup));
  };
  const dress = () => {
    for (const toggle of plot.querySelectorAll(".legendtoggle")) {
      const traces = named(toggle);
      toggle.setAttribute("tabindex", "0");
      toggle.setAttribute("role", "button");
      toggle.setAttribute("aria-label", toggle.parentNode.textContent);
      toggle.setAttribute("aria-pressed", String(traces.some((each) => each.visible === true)));
    }
  };
  dress();
  if (plot.dataset.keys) return;
  plot.dataset.keys = "there";
  plot.on("plotly_afterplot", dress);
  plot.addEventListener("keydown", (event) => {
    if (!event.target.matches(".legendtoggle") || ![" ", "Enter"].includes(event.key)) return;
    event.preventDefault(); // the space bar would scroll
    const traces = named(event.target);
    const visible = traces.some((each) => each.visible === true) ? "legendonly" : true;
    Plotly.restyle(plot, { visible }, traces.map((each) => each.index));
  });
};
