// Comfort only: the pages work without it.
"use strict";

// Numbers are typed as the page's language writes them: 72.5 or 72,5.
const point = (1.5).toLocaleString(document.documentElement.lang)[1];
const read = (text) => (text.trim() ? Number(text.trim().replace(point, ".")) : NaN);
const bounds = ({ minimum, maximum }) => [
  minimum ? Number(minimum) : -Infinity,
  maximum ? Number(maximum) : Infinity,
];

// The up and down keys change a number by its step, as they do in an input of type number.
document.addEventListener("keydown", (event) => {
  const step = event.target.dataset?.step;
  const direction = { ArrowUp: 1, ArrowDown: -1 }[event.key];
  if (!step || !direction) return;
  const number = read(event.target.value || "0");
  if (Number.isNaN(number)) return;
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const [low, high] = bounds(event.target.dataset);
  const next = Math.min(high, Math.max(low, number + direction * Number(step)));
  event.target.value = String(next).replace(".", point);
  tell(event.target);
});

// While a number is typed, say where it leaves its range; the server says so too.
document.addEventListener("input", (event) => tell(event.target));

function tell(input) {
  const { minimum, maximum } = input.dataset;
  if (!minimum && !maximum) return;
  const [low, high] = bounds(input.dataset);
  const number = read(input.value);
  const said = (message, bound) => message.replace("{n}", bound.replace(".", point));
  let note = input.nextElementSibling;
  if (!note) {
    note = Object.assign(document.createElement("p"), { className: "error" });
    note.setAttribute("role", "status");
    input.after(note);
  }
  const { below, above } = input.form.dataset;
  note.textContent =
    number < low ? said(below, minimum) : number > high ? said(above, maximum) : "";
}

// A button that copies the link to the answers; it is there only where it works.
const link = document.getElementById("link");
if (link && navigator.clipboard) {
  const button = Object.assign(document.createElement("button"), {
    type: "button",
    className: "quiet",
    textContent: link.dataset.copy,
  });
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(link.href);
      button.textContent = link.dataset.copied;
    } catch {
      button.textContent = link.dataset.refused;
    }
  });
  link.parentElement.append(button);
}
