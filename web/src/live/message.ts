// What the server tells once a second.

export interface RegionChange {
  /** Keys of all parts, in order. */
  readonly keys: readonly string[];
  /** HTML of the parts that changed. */
  readonly html: Readonly<Record<string, string>>;
}

export interface ViewChange {
  readonly title: string;
  readonly state: string;
  readonly critical: Readonly<Record<string, string>>;
  readonly regions: Readonly<Record<string, RegionChange>>;
}

export interface Message {
  /** The build of the pages that the server has. */
  readonly build: string;
  /** Server time, in seconds since the epoch. */
  readonly now: number;
  /** Seconds that the server's time zone is ahead of UTC. */
  readonly offset: number;
  /** When the live values were measured; null if never. */
  readonly measured: number | null;
  readonly views: Readonly<Record<string, ViewChange>>;
}

/** From a tab to the shared worker. */
export type Wish = { readonly kind: "watch"; readonly view: string } | { readonly kind: "leave" };

export type Listener = (message: Message) => void;
