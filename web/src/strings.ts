// What the server gave this page: its view, its addresses, and the words that the scripts say by themselves.

interface PageData {
  readonly view: string;
  readonly worker: string;
  /** Tells one build of the pages from another. */
  readonly build: string;
  readonly critical: Readonly<Record<string, string>>;
  readonly texts: Readonly<Record<string, string>>;
  /** Where the numbers of the charts come from, on a page that has charts. */
  readonly history?: string;
}

function read(): PageData {
  const block = document.getElementById("page");
  return JSON.parse(block?.textContent ?? "{}") as PageData;
}

export const page: PageData = read();

/** Return a sentence of the catalogue with its {names} filled in. */
export function say(key: string, values: Readonly<Record<string, string>> = {}): string {
  return (page.texts[key] ?? key).replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? "");
}

/** Return a duration in its largest unit: `34 s`, `2 min`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const units: readonly [number, string][] = [
    [86400, "day"],
    [3600, "hour"],
    [60, "minute"],
  ];
  const found = units.find(([size]) => whole >= size);
  const [size, name] = found ?? [1, "second"];
  const space = document.documentElement.lang === "fr" ? "\u202f" : "\u00a0";
  return `${Math.floor(whole / size)}${space}${say(`unit.${name}`)}`;
}
