// How old what is shown is: from the server's time and the browser's monotonic clock, never its clock on the wall.

import { duration, say } from "../strings";
import type { Message } from "./message";

/** The server speaks every second: after this silence the connection counts as lost. */
const LOST_SECONDS = 4;
const OLD_SECONDS = 3;

export class Freshness {
  private heardAt = performance.now();
  private serverNow: number | undefined;
  private offset = 0;
  private measured: number | null = null;

  hear(message: Message): void {
    this.heardAt = performance.now();
    this.serverNow = message.now;
    this.offset = message.offset;
    this.measured = message.measured;
    this.show();
    const pulse = document.querySelector("[data-pulse]");
    pulse?.classList.remove("beat");
    void (pulse as HTMLElement | null)?.offsetWidth;
    pulse?.classList.add("beat");
  }

  /** Start to look at the clock. */
  start(): void {
    setInterval(() => this.show(), 500);
  }

  private get silence(): number {
    return (performance.now() - this.heardAt) / 1000;
  }

  private show(): void {
    const lost = this.silence > LOST_SECONDS;
    document.documentElement.classList.toggle("is-lost", lost);
    this.showLost(lost);
    if (this.serverNow === undefined) return;
    const now = this.serverNow + this.silence;
    this.showAge(now);
    this.showClock(now);
  }

  private showLost(lost: boolean): void {
    const box = document.querySelector<HTMLElement>("[data-lost]");
    if (!box) return;
    const said = document.querySelector("[data-lost-said]");
    const isNew = lost && box.hidden;
    box.hidden = !lost;
    if (!lost && said) said.textContent = "";
    if (!lost) return;
    const text = box.querySelector("[data-lost-text]");
    const at = this.serverNow === undefined ? "" : this.clock(this.serverNow);
    const sentence = say("pulse.lost", { at, age: duration(this.silence) });
    if (text && text.textContent !== sentence) text.textContent = sentence;
    // Those who listen hear it once, not with every second that it lasts.
    if (said && isNew) said.textContent = sentence;
  }

  private showAge(now: number): void {
    const age = this.measured === null ? undefined : now - this.measured;
    const text = age === undefined ? say("pulse.waiting") : say("pulse.age", { age: duration(Math.max(1, age)) });
    for (const place of document.querySelectorAll("[data-age]")) {
      if (place.textContent !== text) place.textContent = text;
    }
    document.querySelector("[data-pulse]")?.classList.toggle("old", age === undefined || age > OLD_SECONDS);
  }

  private showClock(now: number): void {
    const text = this.clock(now);
    for (const place of document.querySelectorAll("[data-clock]")) {
      if (place.textContent !== text) place.textContent = text;
    }
  }

  /** Return the time of day where the server is. */
  private clock(at: number): string {
    return new Date((at + this.offset) * 1000).toISOString().slice(11, 19);
  }
}
