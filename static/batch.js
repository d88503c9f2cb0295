// Comfort only: the pages work without it.
"use strict";

const input = document.querySelector("input[type=file]");
if (input) {
  // A file may be dropped anywhere on the form, not only on the input.
  const form = input.form;
  const withFile = (event) => event.dataTransfer?.types.includes("Files");
  for (const name of ["dragover", "dragleave", "drop"]) {
    form.addEventListener(name, (event) => {
      if (!withFile(event)) return;
      event.preventDefault();
      form.classList.toggle("over", name === "dragover");
      if (name === "drop") input.files = event.dataTransfer.files;
    });
  }
}

const working = document.querySelector("[data-progress]");
if (working) {
  // Whoever sends the form leaves this page; a reload would call that off.
  let leaving = false;
  working.addEventListener("submit", () => { leaving = true; });
  const look = async () => {
    try {
      const answer = await fetch(working.dataset.progress);
      const { done, rows } = answer.ok ? await answer.json() : { done: true };
      if (leaving) return;
      if (done) return location.reload();
      working.querySelector("[data-rows]").textContent = rows.toLocaleString(document.documentElement.lang);
    } catch { /* the server is away for a moment */ }
    setTimeout(look, 1000);
  };
  setTimeout(look, 1000);
}

// Reasons that are still worked out come one after the other, without a reload.
const hurry = async () => {
  const list = document.querySelector("[data-waiting]");
  if (!list) return;
  try {
    const answer = await fetch(location.href);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector(".students tbody");
    if (!answer.ok || !fresh) return;
    list.querySelectorAll(".because").forEach((cell, n) => {
      cell.replaceWith(document.importNode(fresh.querySelectorAll(".because")[n], true));
    });
    if (page.querySelector("[data-waiting]")) return setTimeout(hurry, 1000);
    list.removeAttribute("data-waiting");
    document.getElementById("waiting")?.remove();
  } catch { setTimeout(hurry, 5000); /* the server is away for a moment */ }
};
setTimeout(hurry, 500);
