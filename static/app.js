// Comfort only: the pages work without it.
"use strict";

// The up and down keys change a number by its step, as they do in an input of type number.
document.addEventListener("keydown", (event) => {
  const { step, minimum, maximum } = event.target.dataset ?? {};
  const direction = { ArrowUp: 1, ArrowDown: -1 }[event.key];
  const number = Number(event.target.value);
  if (!step || !direction || Number.isNaN(number)) return;
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const next = number + direction * Number(step);
  const low = minimum ? Number(minimum) : -Infinity;
  const high = maximum ? Number(maximum) : Infinity;
  event.target.value = String(Math.min(high, Math.max(low, next)));
});
