// The keyboard: letters are shortcuts unless one types, or has turned them off.

const summaries = () => [...document.querySelectorAll("#logs > .log > details > summary")];

// rove makes one log the one that Tab comes to.
function rove(to) {
  for (const summary of summaries()) summary.tabIndex = summary === to ? 0 : -1;
}

function move(step) {
  const all = summaries();
  if (all.length === 0) return;
  const now = all.findIndex((s) => s.closest(".log").contains(document.activeElement));
  const next = all[Math.max(0, Math.min(all.length - 1, now < 0 ? 0 : now + step))];
  rove(next);
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

function press(selector) {
  const element = document.querySelector(selector);
  if (element && !element.hidden) element.click();
}

const typing = (target) => target.matches?.("input:not([type=checkbox]), textarea, select") ?? false;

export function startKeys() {
  const logs = document.getElementById("logs");
  const help = document.getElementById("help");
  const find = document.getElementById("find");
  const letters = document.getElementById("letters");
  const button = document.getElementById("keys");

  if (logs) {
    rove(summaries()[0]);
    logs.addEventListener("focusin", (event) => { if (event.target.matches("summary")) rove(event.target); });
    new MutationObserver(() => {
      const all = summaries();
      if (!all.some((s) => s.tabIndex === 0)) rove(all[0]);
      else rove(all.find((s) => s.tabIndex === 0));
    }).observe(logs, { childList: true });
  }
  if (letters) {
    letters.checked = localStorage.getItem("letters") !== "off";
    letters.addEventListener("change", () => localStorage.setItem("letters", letters.checked ? "on" : "off"));
  }
  if (button && help) {
    button.hidden = false;
    button.addEventListener("click", () => help.showModal());
  }

  const actions = {
    "/": () => { find?.focus(); find?.select(); },
    "?": () => help?.showModal(),
    j: () => move(1),
    k: () => move(-1),
    c: () => {
      const log = document.activeElement.closest?.(".log");
      log?.querySelector(".acts a.around")?.click();
    },
    m: () => press("#more"),
    l: () => press("#live"),
    p: () => press("#pause"),
    t: () => {
      const range = document.querySelector("details.range");
      if (!range) return;
      range.open = true;
      range.querySelector("summary").focus();
    },
    h: () => document.getElementById("histogram")?.focus(),
  };

  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || help?.open) return;
    const { target, key } = event;
    if (key === "Escape") {
      for (const pop of document.querySelectorAll("details.pop[open]")) {
        pop.open = false;
        pop.querySelector("summary").focus();
      }
      if (typing(target)) target.blur();
      return;
    }
    if (target === find && key === "Backspace" && find.value === "") {
      const drops = document.querySelectorAll(".chips .drop");
      drops[drops.length - 1]?.click();
      return;
    }
    if (typing(target)) return;
    if (target.matches?.("#logs summary") && (key === "ArrowDown" || key === "ArrowUp")) {
      event.preventDefault();
      move(key === "ArrowDown" ? 1 : -1);
      return;
    }
    if ((letters?.checked ?? true) && actions[key]) {
      event.preventDefault();
      actions[key]();
    }
  });
}
