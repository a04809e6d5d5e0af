// Small conveniences. Every page works without them.
"use strict";

// A form is sent once. Sending the same key twice would do nothing more; this spares the wait.
document.addEventListener("submit", (event) => {
  const form = event.target;
  // Not form.method: a field of that name would stand in its place.
  if (form.getAttribute("method") !== "post" || event.submitter?.hasAttribute("data-repeatable")) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  for (const button of form.querySelectorAll("button")) button.setAttribute("aria-disabled", "true");
});

// Back in history shows the page as it was: let its forms be sent again.
window.addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    for (const button of form.querySelectorAll("button")) button.removeAttribute("aria-disabled");
  }
});

// A menu longer than the screen shows the entry one is at. Only the menu moves, never the page.
for (const entry of document.querySelectorAll(".nav [aria-current]")) {
  const menu = entry.closest(".nav");
  const show = () => {
    const [seen, place] = [menu.getBoundingClientRect(), entry.getBoundingClientRect()];
    if (place.bottom > seen.bottom) menu.scrollTop += place.bottom - seen.bottom + 8;
  };
  menu.addEventListener("toggle", show);
  show();
}

// Finding: what is found shows while one types; the arrow keys walk through it, "/" goes to the box.
for (const form of document.querySelectorAll("[data-find]")) {
  const box = form.elements.q;
  const found = form.querySelector(".found");
  let asked = 0;
  let foundFor = "";
  let pause;
  const show = (shown) => (found.hidden = !shown);
  const ask = async () => {
    const turn = ++asked;
    const q = box.value.trim();
    if (!q) return show(false);
    const headers = { "HX-Request": "true" };
    const answer = await fetch(`${form.action}?q=${encodeURIComponent(q)}`, { headers }).catch(() => null);
    if (turn !== asked || answer?.redirected) return;
    const html = answer?.ok ? await answer.text() : "";
    // A late answer must not take the links away from under whoever walks through them.
    if (turn !== asked || found.contains(document.activeElement)) return;
    foundFor = html && q;
    if (html) found.innerHTML = html;
    else found.textContent = found.dataset.silent;
    show(document.activeElement === box);
  };
  box.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(ask, 120);
  });
  const stop = () => {
    asked++;
    clearTimeout(pause);
  };
  form.addEventListener("submit", stop);
  form.addEventListener("keydown", (event) => {
    const links = [...found.querySelectorAll("a")];
    const place = links.indexOf(document.activeElement);
    if (event.key === "Escape" && !found.hidden) {
      box.focus();
      stop();
      show(false);
    } else if (event.key === "ArrowDown" && !found.hidden) links[Math.min(place + 1, links.length - 1)]?.focus();
    else if (event.key === "ArrowUp" && place >= 0) (links[place - 1] ?? box).focus();
    else return;
    event.preventDefault();
  });
  form.addEventListener("focusout", (event) => {
    if (!form.contains(event.relatedTarget)) show(false);
  });
  box.addEventListener("focus", () => {
    if (!found.innerHTML) return;
    if (foundFor === box.value.trim()) show(Boolean(foundFor));
    else ask();
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    box.focus();
    box.select();
  });
}

// Selections: one box for all, and a running total per currency.
for (const all of document.querySelectorAll("[data-select-all]")) {
  const form = all.form;
  const boxes = [...form.querySelectorAll("input[name=selected]")];
  const tally = form.querySelector("[data-tally]");
  const idle = tally.textContent;
  const show = () => {
    const chosen = boxes.filter((box) => box.checked);
    all.checked = chosen.length === boxes.length;
    all.indeterminate = chosen.length > 0 && !all.checked;
    tally.textContent = chosen.length ? `${tally.dataset.tally.replace("{number}", chosen.length)} · ${total(chosen, tally.dataset)}` : idle;
  };
  all.closest("label").hidden = false;
  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
    show();
  });
  form.addEventListener("change", show);
  show();
}

// Only what the chosen one needs: a refund's method, a statement's format.
for (const method of document.querySelectorAll("[data-chooses]")) {
  const show = () => {
    for (const detail of method.form.querySelectorAll("[data-method]"))
      detail.hidden = !detail.dataset.method.split(" ").includes(method.value);
  };
  method.addEventListener("change", show);
  window.addEventListener("pageshow", show); // a browser may fill in what was chosen before
  show();
}

// What is being made beside the server shows once it is there.
if (document.querySelector("[data-waiting]")) {
  const look = async () => {
    const answer = await fetch(location.href).catch(() => null);
    const page = answer?.ok ? await answer.text().catch(() => "data-waiting") : "data-waiting";
    if (page.includes("data-waiting")) setTimeout(look, 2_000);
    else location.reload();
  };
  setTimeout(look, 1_000);
}

// Returns: the server prices the form while one types, with the code that will open it.
for (const form of document.querySelectorAll("[data-price]")) {
  form.querySelector("[data-without-script]").remove();
  let running;
  let pause;
  const ask = async () => {
    running?.abort();
    const mine = (running = new AbortController());
    const sent = { method: "POST", headers: { "HX-Request": "true" }, body: new FormData(form), signal: mine.signal };
    const answer = await fetch(form.dataset.price, sent).catch(() => null);
    if (mine.signal.aborted || answer?.redirected) return;
    const fresh = document.createElement("template");
    fresh.innerHTML = answer?.ok ? await answer.text().catch(() => "") : "";
    if (mine.signal.aborted) return;
    if (!answer?.ok) document.getElementById("worth").textContent = form.dataset.offline;
    for (const part of fresh.content.querySelectorAll("[data-for]"))
      document.getElementById(part.dataset.for).replaceChildren(...part.childNodes);
    if (!answer?.ok) return;
    const said = [...fresh.content.querySelectorAll("[data-field]")].map((part) => [part.dataset.field, part]);
    const parts = new Map(said);
    for (const field of form.querySelectorAll("input.amount")) tell(field, parts.get(field.id));
  };
  form.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(ask, 250);
  });
}

// After a refusal one is where it is put right: at the first wrong field that can be seen, else at what says why.
// Whoever has gone somewhere before the page was whole stays there.
if (document.activeElement === document.body) {
  const fields = document.querySelectorAll("main [aria-invalid=true]");
  const notices = document.querySelectorAll("main [data-refused]");
  [...fields, ...notices].find((place) => {
    place.focus(); // which what is hidden or folded away does not take
    return place === document.activeElement;
  });
}

// What the server says of a field: an error under it, and what it stands for while it is empty; or nothing.
function tell(field, part) {
  const error = part?.firstElementChild;
  document.getElementById(`${field.id}_error`)?.remove();
  if (error) field.parentElement.append(error);
  field.parentElement.classList.toggle("wrong", Boolean(error));
  const help = document.getElementById(`${field.id}_helptext`);
  field.setAttribute("aria-describedby", [help?.id, error?.id].filter(Boolean).join(" "));
  field.setAttribute("aria-invalid", String(Boolean(error)));
  field.placeholder = part?.dataset.share ?? "";
}

// Sums in whole minor units: amounts are never added as fractions.
function total(boxes, separators) {
  const sums = new Map();
  for (const { dataset } of boxes) {
    const amount = read(dataset.amount);
    const sum = sums.get(dataset.currency) ?? { ...amount, minor: 0n };
    sum.minor += amount.minor;
    sums.set(dataset.currency, sum);
  }
  return [...sums].map(([currency, sum]) => `${written(sum, separators)} ${currency}`).join(", ");
}

function read(text) {
  return { minor: BigInt(text.replace(".", "")), digits: text.split(".")[1]?.length ?? 0 };
}

function written({ minor, digits }, { group, decimal }) {
  const text = String(minor).padStart(digits + 1, "0");
  const whole = text.slice(0, text.length - digits).replace(/\B(?=(\d{3})+$)/g, group);
  return digits ? `${whole}${decimal}${text.slice(-digits)}` : whole;
}
