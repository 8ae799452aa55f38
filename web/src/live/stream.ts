// One event stream to the server: opened again when it breaks, and when other views are wanted.

import type { Listener, Message } from "./message";

const RETRY_MS = 1000;
/** The server speaks every second; a stream that is silent for longer is dead, whatever the browser believes. */
const SILENCE_MS = 5000;

export class Stream {
  private source: EventSource | undefined;
  private views: readonly string[] = [];
  private watchdog: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly tell: Listener) {}

  /** Have the stream carry these views; each is told whole at first. */
  watch(views: readonly string[]): void {
    this.views = views;
    this.open();
  }

  private open(): void {
    this.source?.close();
    this.source = undefined;
    clearTimeout(this.watchdog);
    if (this.views.length === 0) return;
    const query = this.views.map((view) => `view=${encodeURIComponent(view)}`).join("&");
    const source = new EventSource(`/events?${query}`);
    source.onmessage = (event: MessageEvent<string>) => {
      this.await(SILENCE_MS);
      this.tell(JSON.parse(event.data) as Message);
    };
    // After an HTTP error a browser gives up for good, so it isn't left to the browser.
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) this.await(RETRY_MS);
    };
    this.source = source;
    this.await(SILENCE_MS);
  }

  private await(milliseconds: number): void {
    clearTimeout(this.watchdog);
    this.watchdog = setTimeout(() => this.open(), milliseconds);
  }
}
