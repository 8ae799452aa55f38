// Speaks of new critical alerts, and of nothing else, to those who listen rather than look.

const known = new Set<string>();

/** Take these as told already: the page was opened with them. */
export function knowCritical(alerts: Readonly<Record<string, string>>): void {
  for (const id of Object.keys(alerts)) known.add(id);
}

/** Announce those that are new. */
export function announce(alerts: Readonly<Record<string, string>>): void {
  const fresh = Object.entries(alerts).filter(([id]) => !known.has(id));
  knowCritical(alerts);
  const place = document.querySelector("[data-announce]");
  if (fresh.length > 0 && place) place.textContent = fresh.map(([, text]) => text).join(". ");
}
