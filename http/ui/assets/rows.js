// Logs as they are shown, made from what /ui/rows and /ui/tail tell. All text of
// logs becomes text nodes.

export function show(element, spans) {
  element.replaceChildren(...(spans ?? []).map(({ t, c }) => {
    if (!c) return document.createTextNode(t);
    const span = document.createElement("span");
    span.className = c;
    span.textContent = t;
    return span;
  }));
}

const plain = (spans) => (spans ?? []).map(({ t }) => t).join("");

// link makes an anchor lead to an address of ours, or takes it away.
function link(anchor, address, label) {
  if (!address || !address.startsWith("/") || address.startsWith("//")) {
    anchor.remove();
    return;
  }
  anchor.setAttribute("href", address);
  if (label) anchor.setAttribute("aria-label", label);
}

function field(one) {
  const element = document.getElementById("field-template").content.firstElementChild.cloneNode(true);
  const name = plain(one.name);
  show(element.querySelector("dt"), one.name);
  show(element.querySelector(".value"), one.value);
  const cut = element.querySelector("dd > .faint");
  if (one.cut) cut.textContent = ` … ${one.cut} bytes more`;
  else cut.remove();
  link(element.querySelector(".in"), one.in, `Only logs with this ${name}`);
  link(element.querySelector(".out"), one.out, `No logs with this ${name}`);
  link(element.querySelector(".link"), one.link, `Show the page of this ${name}`);
  const copy = element.querySelector(".copy");
  if (one.raw) {
    copy.dataset.copy = one.raw;
    copy.setAttribute("aria-label", `Copy this ${name}`);
  } else copy.remove();
  return element;
}

export function row(log) {
  const element = document.getElementById("row-template").content.firstElementChild.cloneNode(true);
  element.className = `log ${log.grade}`;
  element.dataset.id = log.id;
  if (log.live) element.dataset.live = log.live;
  const time = element.querySelector("time");
  time.dateTime = time.title = log.time;
  time.querySelector(".day").textContent = `${log.day} `;
  time.append(log.clock);
  element.querySelector(".level").textContent = log.level;
  show(element.querySelector(".service"), log.service);
  show(element.querySelector(".message"), log.message);
  const cut = element.querySelector(".cut");
  cut.hidden = !log.cut;
  cut.querySelector(".bytes").textContent = log.cut ?? 0;
  for (const anchor of element.querySelectorAll("a.around")) link(anchor, log.around);
  element.querySelector("dl").replaceChildren(...log.fields.map(field));
  if (!log.id) element.querySelector(".copy-log").remove();
  const more = element.querySelector(".body > .faint");
  if (log.more) more.textContent = `And ${log.more} more fields, which an export has.`;
  else more.remove();
  startCopying(element);
  return element;
}

// shownNames returns the names that the logs of the page came with.
export function shownNames() {
  return new Set([...document.querySelectorAll("#logs > .log")].map((log) => log.dataset.live));
}

export function toast(text) {
  document.querySelector(".toast")?.remove();
  const element = document.createElement("p");
  element.className = "toast";
  element.setAttribute("role", "status");
  element.textContent = text;
  document.body.append(element);
  setTimeout(() => element.remove(), 2500);
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast("Copied");
  } catch {
    toast("The browser does not let a page copy here");
  }
}

export function startCopying(within) {
  for (const button of within.querySelectorAll("button.copy")) {
    button.hidden = false;
    button.addEventListener("click", () => copy(button.dataset.copy));
  }
  for (const button of within.querySelectorAll("button.copy-log")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const answer = await fetch(`/api/logs/${encodeURIComponent(button.closest(".log").dataset.id)}`);
      if (answer.ok) copy(await answer.text());
      else toast(answer.status === 404 ? "It is not stored yet" : "The log cannot be had now");
    });
  }
  const share = within.querySelector("#share");
  if (share) {
    share.hidden = false;
    share.addEventListener("click", () => copy(location.href));
  }
}

// startMore lets the next page come below this one.
export function startMore() {
  const more = document.getElementById("more");
  if (!more) return;
  more.addEventListener("click", async (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if (more.getAttribute("aria-busy") === "true") return;
    more.setAttribute("aria-busy", "true");
    more.textContent = "Loading…";
    try {
      const answer = await fetch(more.dataset.more);
      const page = await answer.json();
      if (!answer.ok) throw new Error(page.said?.join(" ") ?? "It did not work.");
      const there = shownNames(); // some may have come live
      const rows = page.rows.filter((log) => !log.live || !there.has(log.live)).map(row);
      document.getElementById("logs").append(...rows);
      rows[0]?.querySelector("summary").focus();
      if (!page.more) {
        const end = document.createElement("p");
        end.className = "faint";
        end.textContent = "These are all.";
        more.replaceWith(end);
        return;
      }
      more.dataset.more = page.more;
      more.href = page.next;
      more.textContent = "More logs";
    } catch (error) {
      more.textContent = `${error.message} Try again`;
    } finally {
      more.removeAttribute("aria-busy");
    }
  });
}
