// Light, dark, or as the system: changed without a reload, kept in a cookie so that the server knows it too.

const YEAR_SECONDS = 31_536_000;
const MEDIA: Readonly<Record<string, string>> = {
  light: "not all",
  auto: "(prefers-color-scheme: dark)",
  dark: "all",
};

function choices(): HTMLAnchorElement[] {
  return [...document.querySelectorAll<HTMLAnchorElement>("[data-theme-choice]")];
}

function choose(name: string): void {
  const sheet = document.querySelector<HTMLLinkElement>("link[data-dark]");
  if (sheet) sheet.media = MEDIA[name] ?? "not all";
  if (name === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  // biome-ignore lint/suspicious/noDocumentCookie: the server reads it, and no other interface exists without HTTPS.
  document.cookie = `theme=${name}; path=/; max-age=${YEAR_SECONDS}; samesite=lax`;
  for (const link of choices()) {
    if (link.dataset.themeChoice === name) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  document.dispatchEvent(new CustomEvent("themechange"));
}

/** Go to the next theme. */
export function nextTheme(): void {
  const names = choices().map((link) => link.dataset.themeChoice ?? "auto");
  const current = choices().findIndex((link) => link.hasAttribute("aria-current"));
  choose(names[(current + 1) % names.length] ?? "auto");
}

export function startTheme(): void {
  for (const link of choices()) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      choose(link.dataset.themeChoice ?? "auto");
    });
  }
}
