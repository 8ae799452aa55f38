// Numbers and times of the charts, as the language of the page writes them.

const code = document.documentElement.lang;
const language = code === "en" ? "en-GB" : code;
const space = code === "fr" ? "\u202f" : "\u00a0";

export type Unit = "celsius" | "ratio" | "bits" | "bytes";

const plain = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
const fine = new Intl.NumberFormat(language, { maximumSignificantDigits: 3 });
const percent = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 1 });
const BITS: readonly [number, string][] = [
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
];

/** Return a value with its unit. */
export function format(value: number | null | undefined, unit: Unit): string {
  if (value === null || value === undefined) return "–";
  if (unit === "celsius") return `${plain.format(value)}${space}°C`;
  if (unit === "ratio") return percent.format(value);
  const [size, letter] = scaleOf(value);
  return `${fine.format(value / size)}${space}${letter}${unit === "bytes" ? "B" : "bit"}/s`;
}

/** Return a value as an axis writes it: short, the whole unit stands in the legend. */
export function formatTick(value: number, unit: Unit): string {
  if (unit === "celsius") return `${plain.format(value)}°`;
  if (unit === "ratio") return format(value, unit);
  const [size, letter] = scaleOf(value);
  return `${fine.format(value / size)}${letter}`;
}

function scaleOf(bits: number): readonly [number, string] {
  return BITS.find(([least]) => bits >= least) ?? [1, ""];
}

const zone = "UTC";
const clock = new Intl.DateTimeFormat(language, {
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
  timeZone: zone,
});
const day = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", timeZone: zone });
const both = new Intl.DateTimeFormat(language, {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
  timeZone: zone,
});

/** Return a moment of the server's day; `at` is moved by its time zone already. */
export function formatMoment(at: number): string {
  return both.format(at * 1000);
}

/** Return a moment as an axis writes it, `step` seconds from the next. */
export function formatTimeTick(at: number, step: number): string {
  return (step >= 86_400 || at % 86_400 === 0 ? day : clock).format(at * 1000);
}
