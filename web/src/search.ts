// Search: machines, alerts and pages in one list, by keyboard.

import { page, say } from "./strings";

interface Entry {
  readonly text: string;
  readonly hint: string;
  readonly url: string;
}

const SHOWN = 8;
/** What can be found is asked for again when it is older than this. */
const KEPT_MS = 5000;

let entries: readonly Entry[] = [];
let askedAt = Number.NEGATIVE_INFINITY;
/** Whether an answer has come yet, and whether Enter was pressed before it. */
let known = false;
let hurried = false;
let found: readonly Entry[] = [];
let chosen = 0;

const box = () => document.querySelector<HTMLElement>("[data-search]");
const input = () => document.querySelector<HTMLInputElement>("#search");
const list = () => document.querySelector<HTMLElement>("#found");

async function ask(): Promise<void> {
  if (performance.now() - askedAt < KEPT_MS) return;
  askedAt = performance.now();
  const language = page.view.split(":").at(-1) ?? "en";
  const response = await fetch(`/api/search?lang=${language}`);
  if (response.ok) entries = (await response.json()) as readonly Entry[];
  known = true;
  show();
  if (hurried) go();
}

function go(): void {
  const entry = found[chosen];
  hurried = !known;
  if (entry) location.assign(entry.url);
}

function plain(text: string): string {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}

/** Return how well an entry fits: lower is better, undefined is not at all. */
function rank(entry: Entry, words: readonly string[]): number | undefined {
  const text = plain(`${entry.text} ${entry.hint}`);
  if (!words.every((word) => text.includes(word))) return undefined;
  const first = words[0] ?? "";
  return plain(entry.text).startsWith(first) ? 0 : plain(entry.text).includes(first) ? 1 : 2;
}

function search(query: string): readonly Entry[] {
  const words = plain(query).split(/\s+/).filter(Boolean);
  return entries
    .map((entry) => ({ entry, place: rank(entry, words) }))
    .filter((each): each is { entry: Entry; place: number } => each.place !== undefined)
    .sort((one, other) => one.place - other.place)
    .slice(0, SHOWN)
    .map(({ entry }) => entry);
}

function item(entry: Entry, index: number): HTMLElement {
  const row = document.createElement("li");
  row.id = `found-${index}`;
  row.role = "option";
  row.ariaSelected = String(index === chosen);
  const text = document.createElement("span");
  text.textContent = entry.text;
  const hint = document.createElement("span");
  hint.className = "found-hint";
  hint.textContent = entry.hint;
  row.append(text, hint);
  // Before the field loses its focus and the list with it.
  row.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    location.assign(entry.url);
  });
  return row;
}

function show(): void {
  const field = input();
  const place = list();
  if (!field || !place) return;
  const open = document.activeElement === field;
  found = open ? search(field.value) : [];
  chosen = Math.min(chosen, Math.max(0, found.length - 1));
  place.hidden = !open || !known;
  field.setAttribute("aria-expanded", String(!place.hidden));
  if (!open) return;
  place.replaceChildren(...found.map(item));
  if (found.length > 0) field.setAttribute("aria-activedescendant", `found-${chosen}`);
  else {
    field.removeAttribute("aria-activedescendant");
    const none = document.createElement("li");
    none.className = "found-hint";
    none.textContent = say("search.none");
    place.append(none);
  }
}

function press(event: KeyboardEvent): void {
  if (event.key === "ArrowDown") chosen = (chosen + 1) % Math.max(1, found.length);
  else if (event.key === "ArrowUp") chosen = (chosen - 1 + found.length) % Math.max(1, found.length);
  else if (event.key === "Enter") go();
  else if (event.key === "Escape") {
    const field = input();
    if (field) field.value = "";
    field?.blur();
  } else return;
  event.preventDefault();
  show();
}

/** Put the cursor into the search field. */
export function focusSearch(): void {
  input()?.focus();
}

export function startSearch(): void {
  const place = box();
  const field = input();
  if (!place || !field) return;
  place.hidden = false;
  field.addEventListener("focus", () => {
    show();
    void ask();
  });
  field.addEventListener("blur", show);
  field.addEventListener("input", () => {
    chosen = 0;
    hurried = false;
    show();
  });
  field.addEventListener("keydown", press);
}
