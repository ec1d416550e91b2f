// What htmx brings is shown by htmx; this says it to those who listen, and only when it is something new.
"use strict";

document.addEventListener("htmx:afterSettle", () => {
  const spoken = document.getElementById("spoken");
  const summary = document.querySelector("[data-spoken]");
  if (spoken && summary && spoken.textContent !== summary.dataset.spoken) {
    spoken.textContent = summary.dataset.spoken;
  }
});
