// The pages of the pipeline and of the quarantine.

const every = 3000; // ms

// keepFresh shows anew and anew what an address answers. It says in the page's
// line #fresh that it does, or what show returns instead.
function keepFresh(address, show) {
  const fresh = document.getElementById("fresh");
  let said = fresh.textContent;

  function say(words) {
    const text = words.map((word) => word.textContent ?? word).join("");
    // A reader of screens says what changes, and that once; a link that somebody is at stays.
    if (text === said || fresh.contains(document.activeElement)) return;
    said = text;
    fresh.replaceChildren(...words);
  }

  async function refresh() {
    if (document.hidden) return;
    try {
      const answer = await fetch(address);
      const figures = await answer.json();
      if (answer.ok) say(show(figures) ?? ["As it is now."]);
      else if (answer.status === 401) say(["What you see is what was: this needs a key now. ", link(toLogin(), "Show your key")]);
      else say([`What you see is what was. ${figures.said?.join(" ") ?? ""}`]);
    } catch {
      say(["The gateway does not answer; what you see is what was."]);
    }
  }
  setInterval(refresh, every);
}

function link(address, text) {
  const element = document.createElement("a");
  element.href = address;
  element.textContent = text;
  return element;
}

// toLogin is the page that asks for a key, and leads back here.
function toLogin() {
  return `/login?${new URLSearchParams({ next: location.pathname + location.search })}`;
}

export function startPipeline() {
  if (document.getElementById("pipeline")) keepFresh("/ui/figures", showFigures);
}

function showFigures(figures) {
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
}

// showItems changes what is told of the items in the list, which stay where they
// are and chosen, and tells of others.
function showItems(items) {
  let more = Object.keys(items).length;
  for (const element of document.querySelectorAll("[data-item]")) {
    const item = items[element.dataset.item];
    const badge = element.querySelector(".badge");
    badge.textContent = item ? item.state : "not in this list now";
    badge.className = `badge ${item?.state ?? ""}`;
    if (!item) continue;
    more--;
    element.querySelector(".tries").textContent = item.tries;
    element.querySelector(".last").textContent = item.last;
  }
  if (more === 0) return undefined;
  const list = link(document.getElementById("fresh").dataset.list, "Show it as it is");
  return [`${more} more ${more === 1 ? "item is" : "items are"} in this list now. `, list];
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
  const address = document.getElementById("fresh")?.dataset.items;
  if (address) keepFresh(address, showItems);
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
