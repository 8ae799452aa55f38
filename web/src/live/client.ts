// A tab's end of the stream: through the shared worker, or on its own where there is none.

import type { Listener, Message, Wish } from "./message";
import { Stream } from "./stream";

const STILL_HERE_MS = 20_000;

/** Tell `listener` what the server says about a view, from now on. */
export function watch(view: string, workerUrl: string, listener: Listener): void {
  if ("SharedWorker" in globalThis) watchShared(view, workerUrl, listener);
  else watchAlone(view, listener);
}

function watchShared(view: string, workerUrl: string, listener: Listener): void {
  const worker = new SharedWorker(workerUrl, "hune");
  const { port } = worker;
  const wish = (content: Wish) => port.postMessage(content);
  port.onmessage = (event: MessageEvent<Message>) => listener(event.data);
  worker.onerror = () => watchAlone(view, listener);
  wish({ kind: "watch", view });
  setInterval(() => wish({ kind: "watch", view }), STILL_HERE_MS);
  addEventListener("pagehide", () => wish({ kind: "leave" }));
  addEventListener("pageshow", (event) => {
    if (event.persisted) wish({ kind: "watch", view });
  });
}

function watchAlone(view: string, listener: Listener): void {
  const stream = new Stream(listener);
  stream.watch([view]);
  addEventListener("pagehide", () => stream.watch([]));
  addEventListener("pageshow", (event) => {
    if (event.persisted) stream.watch([view]);
  });
}
