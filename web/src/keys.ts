// Keys: `/` searches, `g` and a letter goes, `t` changes the theme, `?` lists them.

import { focusSearch } from "./search";
import { nextTheme } from "./theme";

const PLACES: Readonly<Record<string, string>> = {
  o: "/",
  a: "/alerts",
  h: "/alerts/history",
  m: "/maintenance",
  w: "/wall",
};
const SECOND_KEY_MS = 1500;

let goingUntil = 0;

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches("input, textarea, select"));
}

function press(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  const now = performance.now();
  const place = now < goingUntil ? PLACES[event.key] : undefined;
  goingUntil = 0;
  if (place) location.assign(place);
  else if (event.key === "g") goingUntil = now + SECOND_KEY_MS;
  else if (event.key === "/") focusSearch();
  else if (event.key === "t") nextTheme();
  else if (event.key === "?") document.querySelector<HTMLDialogElement>("[data-keys]")?.showModal();
  else return;
  event.preventDefault();
}

export function startKeys(): void {
  addEventListener("keydown", press);
}
