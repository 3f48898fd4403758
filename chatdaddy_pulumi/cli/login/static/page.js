"use strict";
// Asks the server what to show, and shows it. The address of a picture changes with its code.
const EVERY_MS = 1000;
const SAID = {
  waiting: "Waiting for the code …",
  done: "✓ Logged in",
  failed: "This account can't be logged in.",
};
const main = document.getElementById("accounts");
const template = document.getElementById("account");
const trouble = document.getElementById("trouble");

function show(accounts) {
  while (main.children.length < accounts.length) {
    main.append(template.content.cloneNode(true));
  }
  accounts.forEach((account, number) => {
    const section = main.children[number];
    const picture = section.querySelector("img");
    const pin = section.querySelector(".pin");
    const said = section.querySelector(".said");
    section.querySelector("h2").textContent = account.name;
    section.dataset.phase = account.phase;
    picture.hidden = account.picture === null;
    if (account.picture !== null && picture.getAttribute("src") !== account.picture) {
      picture.src = account.picture;
    }
    pin.hidden = account.pin === null;
    pin.textContent = account.pin ?? "";
    said.hidden = !(account.phase in SAID);
    said.textContent = SAID[account.phase] ?? "";
    said.className = `said ${account.phase}`;
  });
}

async function refresh() {
  try {
    const answer = await fetch("state", { cache: "no-store" });
    const state = await answer.json();
    show(state.accounts);
    trouble.hidden = true;
    if (state.finished) {
      return;
    }
  } catch {
    trouble.hidden = false;
  }
  setTimeout(refresh, EVERY_MS);
}

refresh();
