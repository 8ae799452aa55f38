// Forms that do something: while one is on its way, a second click does nothing.

export function startForms(): void {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || !form.hasAttribute("data-once")) return;
    if (form.ariaBusy === "true") event.preventDefault();
    else form.ariaBusy = "true";
  });
  // Who comes back to the page may send it again.
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-once]")) form.ariaBusy = null;
  });
}
