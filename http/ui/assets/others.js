// The pages of the pipeline and of the quarantine.

const every = 3000; // ms

export function startPipeline() {
  if (!document.getElementById("pipeline")) return;
  const fresh = document.getElementById("fresh");

  async function refresh() {
    if (document.hidden) return;
    try {
      const answer = await fetch("/ui/figures");
      const figures = await answer.json();
      if (!answer.ok) throw new Error(figures.said?.join(" "));
      for (const element of document.querySelectorAll("[data-figure]")) {
        const figure = figures[element.dataset.figure];
        if (!figure) continue;
        element.querySelector(".value").textContent = figure.value;
        if (!element.classList.contains("figure")) continue;
        element.className = `figure ${figure.grade}`;
        element.querySelector(".note").textContent = figure.note;
        const part = element.querySelector("svg .part");
        if (part && figure.share >= 0) {
          part.setAttribute("width", figure.share);
          part.closest("svg").setAttribute("aria-label", `${element.querySelector("dt").textContent}: ${figure.share} percent`);
        }
      }
      if (fresh.dataset.lost) fresh.textContent = "As it is now.";
      delete fresh.dataset.lost;
    } catch {
      fresh.dataset.lost = "yes";
      fresh.textContent = "The gateway does not answer; what you see is what was.";
    }
  }
  setInterval(refresh, every);
}

// An item on its way through the pipeline is looked at again until it is there,
// or back.
const again = 1500; // ms

export function startQuarantine() {
  if (document.querySelector(".lead .badge.replaying")) {
    const look = () => (document.hidden ? setTimeout(look, again) : location.reload());
    setTimeout(look, again);
  }
  for (const button of document.querySelectorAll("button[data-confirm]")) {
    button.addEventListener("click", (event) => { if (!confirm(button.dataset.confirm)) event.preventDefault(); });
  }
  const form = document.getElementById("items");
  if (!form) return;
  const boxes = [...form.querySelectorAll("input[name=id]")];
  const all = document.getElementById("all");
  all.closest("label").hidden = false;
  const tell = () => {
    const chosen = boxes.filter((b) => b.checked).length;
    document.getElementById("count").textContent = chosen ? `${chosen} chosen` : "";
    all.checked = chosen === boxes.length;
    all.indeterminate = chosen > 0 && chosen < boxes.length;
  };
  all.addEventListener("change", () => { for (const box of boxes) box.checked = all.checked; tell(); });
  form.addEventListener("change", tell);
  tell();
}
