// What script adds to the pages: they work without it, but for live logs.
import { startCopying, startMore } from "./rows.js";
import { startHistogram } from "./histogram.js";
import { startKeys } from "./keys.js";
import { startLive } from "./live.js";
import { startPipeline, startQuarantine } from "./others.js";

const busy = document.getElementById("busy");

// A page that takes a while says so. Downloads do not leave the page.
let download = false;
addEventListener("click", (event) => { download = Boolean(event.target.closest?.("a[download]")); }, true);
addEventListener("beforeunload", () => { if (busy && !download) busy.hidden = false; });
addEventListener("pageshow", () => { if (busy) busy.hidden = true; });

// One pop-up at a time; it closes when one clicks elsewhere.
addEventListener("click", (event) => {
  for (const pop of document.querySelectorAll("details.pop[open]")) {
    if (!pop.contains(event.target)) pop.open = false;
  }
});

for (const facets of document.querySelectorAll("details.facets")) {
  if (matchMedia("(max-width: 800px)").matches) facets.open = false;
}

startCopying(document);
startMore();
startHistogram();
startLive();
startKeys();
startPipeline();
startQuarantine();
