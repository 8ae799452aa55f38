// A shared worker: all tabs of the browser watch through one stream, for a browser opens only six connections to a
// server.

import type { Message, Wish } from "./live/message";
import { Stream } from "./live/stream";

/** A tab that is hidden may speak only once a minute; one that is silent for longer is gone. */
const GONE_MS = 150_000;
/** A stream carries no more; of more tabs those opened last are live, and the others know that they aren't. */
const MOST_VIEWS = 64;

interface Tab {
  readonly port: MessagePort;
  view: string;
  heard: number;
}

const tabs = new Set<Tab>();

let watched: readonly string[] = [];

const stream = new Stream((message) => {
  forget();
  for (const tab of tabs) {
    if (!watched.includes(tab.view)) continue;
    const view = message.views[tab.view];
    tab.port.postMessage({ ...message, views: view ? { [tab.view]: view } : {} } satisfies Message);
  }
});

function forget(): void {
  const limit = performance.now() - GONE_MS;
  for (const tab of tabs) if (tab.heard < limit) tabs.delete(tab);
  if (tabs.size === 0) stream.watch([]);
}

function hear(tab: Tab, wish: Wish): void {
  tab.heard = performance.now();
  if (wish.kind === "leave") {
    tabs.delete(tab);
    if (tabs.size === 0) stream.watch([]);
    return;
  }
  const isNew = !tabs.has(tab) || tab.view !== wish.view;
  tab.view = wish.view;
  tabs.add(tab);
  // A new tab needs its view whole, and the server tells whole views only at the start of a stream.
  if (!isNew) return;
  watched = [...new Set([...tabs].map((each) => each.view))].slice(-MOST_VIEWS);
  stream.watch(watched);
}

addEventListener("connect", (event) => {
  const port = (event as MessageEvent).ports[0];
  if (!port) return;
  const tab: Tab = { port, view: "", heard: performance.now() };
  port.onmessage = (message: MessageEvent<Wish>) => hear(tab, message.data);
});
