// Logs as they come. What comes faster than a page can show, or while it pauses,
// is held to a limit, and what goes beyond it is told. They go on from the page
// as it was made: their stream begins where the store was before that, and what
// is on the page already does not come again.
import { row, shownNames } from "./rows.js";

const maxShown = 500; // logs on the page
const maxHeld = 500; // logs that wait to be shown
const perFrame = 40;

function note(text) {
  const element = document.createElement("li");
  element.className = "gap-note";
  element.textContent = text;
  return element;
}

export function startLive() {
  const button = document.getElementById("live");
  const pause = document.getElementById("pause");
  const logs = document.getElementById("logs");
  const news = document.getElementById("news");
  if (!button || !logs) return;
  const before = [...news.childNodes];
  let source, held = [], missed = 0, gone = 0, paused = false, frame = 0, shown = 0;

  button.hidden = false;
  button.addEventListener("click", () => (source ? stop() : begin()));
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    pause.textContent = paused ? "Go on" : "Pause";
    if (paused) say();
    else schedule();
  });

  // begin asks for the page as it is now, with the place where its stream begins.
  function begin() {
    location.assign(button.dataset.begin);
  }

  function start() {
    const there = shownNames();
    button.setAttribute("aria-pressed", "true");
    pause.hidden = false;
    document.getElementById("empty")?.remove();
    say("Connecting…");
    source = new EventSource(button.dataset.stream);
    source.addEventListener("open", () => say());
    source.addEventListener("log", (event) => {
      const log = JSON.parse(event.data);
      if (there.delete(log.live)) return;
      held.push(log);
      if (held.length > maxHeld) missed += held.splice(0, held.length - maxHeld).length;
      schedule();
    });
    source.addEventListener("missed", (event) => {
      const { logs = 0, batches = 0 } = JSON.parse(event.data);
      missed += logs;
      gone += batches;
      schedule();
    });
    source.addEventListener("refused", (event) => {
      stop();
      news.textContent = JSON.parse(event.data);
    });
    source.addEventListener("error", () => {
      if (source?.readyState === EventSource.CLOSED) {
        stop();
        news.textContent = "Live logs cannot be had now.";
      } else say("The connection is lost; trying again…");
    });
  }

  function stop() {
    source?.close();
    source = undefined;
    held = [];
    missed = gone = 0;
    paused = false;
    const address = new URL(location.href);
    address.searchParams.delete("live");
    history.replaceState(null, "", address);
    button.setAttribute("aria-pressed", "false");
    pause.setAttribute("aria-pressed", "false");
    pause.textContent = "Pause";
    pause.hidden = true;
    news.replaceChildren(...before);
  }

  function say(text) {
    if (!source) return;
    if (text) news.textContent = text;
    else if (paused) news.textContent = `Paused; ${held.length === 1 ? "1 log waits" : `${held.length} logs wait`}${missed ? `, ${missed} passed over` : ""}`;
    else news.textContent = `Live; ${shown === 1 ? "1 log" : `${shown} logs`} came`;
  }

  function schedule() {
    if (!frame) frame = requestAnimationFrame(draw);
  }

  function draw() {
    frame = 0;
    if (!source) return;
    if (paused) return say();
    const there = shownNames(); // "More logs" may have brought some
    const now = held.splice(0, perFrame).filter((log) => !there.has(log.live));
    const fresh = now.map(row).reverse();
    if (missed) fresh.push(note(`${missed} logs were passed over: more came than could be shown. Search finds them.`));
    if (gone) fresh.push(note(`${gone} batches were passed over: Kafka does not have them any more. Search finds those that are stored.`));
    missed = gone = 0;
    // Whoever reads further down does not lose the place.
    const top = logs.getBoundingClientRect().top;
    const height = document.documentElement.scrollHeight;
    logs.prepend(...fresh);
    if (top < 0) scrollBy(0, document.documentElement.scrollHeight - height);
    while (logs.children.length > maxShown) logs.lastElementChild.remove();
    shown += now.length;
    say();
    if (held.length) schedule();
  }

  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => { if (event.persisted && source) location.reload(); });
  if (button.dataset.stream) start();
}
