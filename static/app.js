// Comfort only: the pages work without it.
"use strict";

const bounds = ({ minimum, maximum }) => [
  minimum ? Number(minimum) : -Infinity,
  maximum ? Number(maximum) : Infinity,
];

// The up and down keys change a number by its step, as they do in an input of type number.
document.addEventListener("keydown", (event) => {
  const step = event.target.dataset?.step;
  const direction = { ArrowUp: 1, ArrowDown: -1 }[event.key];
  const number = Number(event.target.value);
  if (!step || !direction || Number.isNaN(number)) return;
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const [low, high] = bounds(event.target.dataset);
  event.target.value = String(Math.min(high, Math.max(low, number + direction * Number(step))));
  tell(event.target);
});

// While a number is typed, say where it leaves its range; the server says so too.
document.addEventListener("input", (event) => tell(event.target));

function tell(input) {
  const { minimum, maximum } = input.dataset;
  if (!minimum && !maximum) return;
  const [low, high] = bounds(input.dataset);
  const number = input.value.trim() ? Number(input.value) : NaN;
  let note = input.nextElementSibling;
  if (!note) {
    note = Object.assign(document.createElement("p"), { className: "error" });
    note.setAttribute("role", "status");
    input.after(note);
  }
  note.textContent =
    number < low ? `Not below ${minimum}.` : number > high ? `Not above ${maximum}.` : "";
}

// A button that copies the link to the answers; it is there only where it works.
const link = document.getElementById("link");
if (link && navigator.clipboard) {
  const button = Object.assign(document.createElement("button"), {
    type: "button",
    className: "quiet",
    textContent: "Copy the link",
  });
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(link.href);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Copying was not allowed";
    }
  });
  link.parentElement.append(button);
}
