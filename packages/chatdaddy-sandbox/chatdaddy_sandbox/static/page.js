"use strict";
const main = document.querySelector("main");
const search = document.querySelector("#search");
const live = document.querySelector("#live");
let shown = main.innerHTML;

async function refresh() {
  const query = new URLSearchParams({ q: search.value });
  try {
    const answer = await fetch("/_sandbox/page?" + query, { cache: "no-store" });
    if (!answer.ok) throw new Error(answer.status);
    const fresh = await answer.text();
    if (fresh !== shown) main.innerHTML = shown = fresh;
    live.className = "";
    live.title = "live";
  } catch {
    live.className = "lost";
    live.title = "the sandbox does not answer";
  }
}

async function act(path, body) {
  await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  await refresh();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const { scan, advance } = button.dataset;
  if (scan) act(`/_sandbox/accounts/${encodeURIComponent(scan)}/scan`, {});
  if (advance) act("/_sandbox/clock", { advance_s: Number(advance) });
});
search.addEventListener("input", refresh);

async function loop() {
  if (!document.hidden) await refresh();
  setTimeout(loop, 1000);
}
setTimeout(loop, 1000);
