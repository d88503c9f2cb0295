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
