// Draws each panel with uPlot, and asks for newer numbers now and then.

import uPlot from "uplot";
import { page, say } from "../strings";
import { format, formatMoment, formatTick, formatTimeTick, type Unit } from "./format";

interface Curve {
  readonly name: string;
  readonly values: readonly (number | null)[];
}

interface Panel {
  readonly name: string;
  readonly unit: Unit;
  readonly limit: number | null;
  readonly curves: readonly Curve[];
}

interface Past {
  readonly offset: number;
  readonly keep: number;
  readonly moments: readonly number[];
  readonly panels: readonly Panel[];
}

const HEIGHT = 250;
const TONES = ["accent", "text-2"];
const DASHES: readonly (readonly number[])[] = [[], [6, 3], [2, 2], [8, 3, 2, 3]];
const plots = new Map<string, uPlot>();

/** Return a colour role of the style sheets as it is now, light or dark. */
function role(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function yRange(panel: Panel): uPlot.Scale.Range {
  if (panel.unit === "ratio") return [0, 1];
  return (_, low, high) => {
    if (panel.unit === "bits") return [0, Math.max(high * 1.1, 1000)];
    return [Math.min(30, Math.floor(low / 10) * 10), Math.max(high, panel.limit ?? high) + 5];
  };
}

/** Return a paint that is calm below the limit and critical above it. */
function heat(plot: uPlot, limit: number): CanvasGradient | string {
  const { top, height } = plot.bbox;
  if (!Number.isFinite(top) || height <= 0) return role("accent");
  const edge = Math.min(1, Math.max(0, (plot.valToPos(limit, "y", true) - top) / height));
  const paint = plot.ctx.createLinearGradient(0, top, 0, top + height);
  for (const [at, tone] of [
    [0, "critical"],
    [edge, "critical"],
    [edge, "accent"],
    [1, "accent"],
  ] as const) {
    paint.addColorStop(at, role(tone));
  }
  return paint;
}

/** Show the latest values while nothing is pointed at. */
function rest(plot: uPlot): void {
  if (plot.legend.idx === null || plot.legend.idx === undefined) plot.setLegend({ idx: latest(plot) }, false);
}

function latest(plot: uPlot): number {
  const [moments, ...curves] = plot.data;
  for (let at = moments.length - 1; at > 0; at--) {
    if (curves.some((curve) => curve[at] !== null && curve[at] !== undefined)) return at;
  }
  return 0;
}

function series(panel: Panel): uPlot.Series[] {
  const hours: uPlot.Series = { value: (_, at) => (at === null ? "–" : formatMoment(at)), label: say("chart.time") };
  const curves = panel.curves.map<uPlot.Series>((curve, place) => ({
    label: curve.name,
    stroke: (plot) => (panel.limit === null ? role(TONES[place % TONES.length] ?? "accent") : heat(plot, panel.limit)),
    width: 1.5,
    dash: [...(DASHES[Math.floor(place / 2) % DASHES.length] ?? [])],
    spanGaps: false,
    points: { show: false },
    value: (_, value) => format(value, panel.unit),
  }));
  return [hours, ...curves];
}

/** Draw the threshold where the values are drawn. */
function drawLimit(plot: uPlot, limit: number): void {
  const { ctx, bbox } = plot;
  const y = Math.round(plot.valToPos(limit, "y", true));
  if (y < bbox.top) return;
  ctx.save();
  ctx.strokeStyle = role("text-1");
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.fillStyle = role("text-2");
  ctx.font = `${12 * devicePixelRatio}px system-ui, sans-serif`;
  // At the left: at the right stands what was measured last.
  ctx.textAlign = "left";
  ctx.textBaseline = "bottom";
  ctx.fillText(format(limit, "celsius"), bbox.left + 4 * devicePixelRatio, y - 3 * devicePixelRatio);
  ctx.restore();
}

function options(panel: Panel, width: number): uPlot.Options {
  const axis = {
    stroke: () => role("text-3"),
    grid: { stroke: () => role("line"), width: 1 },
    ticks: { show: false },
    font: "12px system-ui, sans-serif",
  };
  const { limit } = panel;
  return {
    width,
    height: HEIGHT,
    // Moments come moved by the server's time zone, to be read as UTC.
    tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
    scales: { x: { time: true }, y: { range: yRange(panel) } },
    series: series(panel),
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 28,
        space: 70,
        values: (_, at, __, ___, step) => at.map((each) => formatTimeTick(each, step)),
      },
      { ...axis, size: 56, values: (_, values) => values.map((value) => formatTick(value, panel.unit)) },
    ],
    cursor: { sync: { key: "history" }, y: false, points: { size: 7 } },
    legend: { live: true },
    hooks: {
      ready: [rest],
      setLegend: [rest],
      draw: limit === null ? [] : [(plot: uPlot) => drawLimit(plot, limit)],
    },
  };
}

function show(past: Past): void {
  const moments = past.moments.map((at) => at + past.offset);
  for (const panel of past.panels) {
    const box = document.querySelector<HTMLElement>(`[data-chart="${panel.name}"] [data-chart-box]`);
    if (!box || panel.curves.length === 0) continue;
    const data = [moments, ...panel.curves.map((curve) => curve.values)] as uPlot.AlignedData;
    const known = plots.get(panel.name);
    if (known && known.series.length === data.length) {
      known.setData(data);
      continue;
    }
    known?.destroy();
    box.replaceChildren();
    plots.set(panel.name, new uPlot(options(panel, box.clientWidth), data, box));
  }
}

async function refresh(url: string): Promise<void> {
  let keep = 15;
  try {
    const response = await fetch(url);
    if (response.ok) {
      const past = (await response.json()) as Past;
      keep = past.keep;
      show(past);
    }
  } catch {
    // The header tells that the server is silent; what is drawn stays.
  }
  setTimeout(() => void refresh(url), keep * 1000);
}

function resize(): void {
  for (const [name, plot] of plots) {
    const box = document.querySelector<HTMLElement>(`[data-chart="${name}"] [data-chart-box]`);
    if (box && box.clientWidth !== plot.width) plot.setSize({ width: box.clientWidth, height: HEIGHT });
  }
}

/** Replace the drawings of the page by charts. */
export function startCharts(): void {
  if (!page.history) return;
  const range = new URLSearchParams(location.search).get("range") ?? "1h";
  void refresh(`${page.history}?range=${encodeURIComponent(range)}`);
  addEventListener("resize", resize);
  const redraw = () => {
    for (const plot of plots.values()) plot.redraw(false, true);
  };
  document.addEventListener("themechange", redraw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
}
