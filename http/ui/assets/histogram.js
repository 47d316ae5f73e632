// The histogram chooses a time: by dragging, by touch, or by keys.

export function startHistogram() {
  const plot = document.getElementById("histogram");
  if (!plot) return;
  const svg = plot.querySelector("svg");
  const bars = [...svg.querySelectorAll("g.bar")];
  const chosen = document.getElementById("chosen");
  const said = document.getElementById("plotted");
  let anchor = -1; // the bar where a choice began; -1: nowhere
  let at = -1;

  const slot = (i) => bars[i].querySelector(".slot");
  const range = () => [Math.min(anchor, at), Math.max(anchor, at)];

  function paint() {
    bars.forEach((bar, i) => bar.classList.toggle("at", i === at));
    if (at < 0) {
      chosen.setAttribute("width", "0");
      said.textContent = "";
      plot.setAttribute("aria-valuetext", "nothing chosen");
      return;
    }
    const [first, last] = anchor < 0 ? [at, at] : range();
    const x = Number(slot(first).getAttribute("x"));
    const end = Number(slot(last).getAttribute("x")) + Number(slot(last).getAttribute("width"));
    chosen.setAttribute("x", x);
    chosen.setAttribute("width", anchor < 0 ? 0 : end - x);
    let count = 0;
    for (let i = first; i <= last; i++) count += Number(bars[i].dataset.count);
    const until = bars[last + 1]?.dataset.label ?? bars[last].dataset.to.slice(11, 19);
    const text = `${bars[first].dataset.label} – ${until}: ${count} logs`;
    said.textContent = text;
    plot.setAttribute("aria-valuenow", at);
    plot.setAttribute("aria-valuetext", text);
  }

  function show() {
    const [first, last] = anchor < 0 ? [at, at] : range();
    const address = new URL(location.href);
    address.searchParams.delete("cursor");
    address.searchParams.delete("live");
    address.searchParams.set("from", bars[first].dataset.from);
    address.searchParams.set("to", bars[last].dataset.to);
    location.assign(address);
  }

  function barAt(event) {
    const box = svg.getBoundingClientRect();
    const i = Math.floor((event.clientX - box.left) / box.width * bars.length);
    return Math.max(0, Math.min(bars.length - 1, i));
  }

  plot.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    plot.setPointerCapture(event.pointerId);
    plot.focus({ preventScroll: true });
    anchor = at = barAt(event);
    paint();
  });
  plot.addEventListener("pointermove", (event) => {
    if (anchor < 0 && document.activeElement === plot) return;
    at = barAt(event);
    paint();
  });
  plot.addEventListener("pointerup", (event) => {
    if (anchor < 0 || !plot.hasPointerCapture(event.pointerId)) return;
    at = barAt(event);
    show();
  });
  plot.addEventListener("pointercancel", clear);
  plot.addEventListener("pointerleave", () => { if (anchor < 0 && document.activeElement !== plot) clear(); });

  function clear() {
    anchor = at = -1;
    paint();
  }

  // A slider to those who do not see it: it says the bar it is at.
  plot.tabIndex = 0;
  plot.setAttribute("role", "slider");
  plot.setAttribute("aria-label", "Time of the logs");
  plot.setAttribute("aria-valuemin", "0");
  plot.setAttribute("aria-valuemax", String(bars.length - 1));
  plot.setAttribute("aria-valuenow", "0");
  paint();

  plot.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -bars.length, End: bars.length };
    const step = steps[event.key];
    if (step) {
      event.preventDefault();
      if (event.shiftKey && anchor < 0) anchor = Math.max(at, 0);
      if (!event.shiftKey) anchor = -1;
      at = Math.max(0, Math.min(bars.length - 1, (at < 0 ? bars.length : at) + step));
      paint();
    } else if (event.key === "Enter" && at >= 0) {
      event.preventDefault();
      show();
    } else if (event.key === "Escape" && at >= 0) {
      event.stopPropagation();
      clear();
    }
  });
}
