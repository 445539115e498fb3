/** What a device has seen of a repository, so that nobody can lead it back to an older state. */

import { StoreError } from "../errors.js";

/** The app's root and the newest one that it led to, as texts, and the newest versions that were verified. */
export interface TrustedState {
  readonly shipped: string;
  readonly root: string;
  readonly timestamp: number;
  readonly snapshot: number;
  readonly targets: number;
  /** Version of the newest bundle, −1 before the first. */
  readonly model: number;
}

/** Keeps the state between starts. A write is finished when it is durable. */
export interface TrustedStore {
  read(): Promise<TrustedState | undefined>;
  write(state: TrustedState): Promise<void>;
}

/** Keeps the state in the browser's localStorage, where all tabs of the app share it. */
export class LocalTrustedStore implements TrustedStore {
  /** @param name - Name of the entry. */
  constructor(private readonly name = "keyart.trusted") {}

  async read(): Promise<TrustedState | undefined> {
    const text = localStorage.getItem(this.name);
    try {
      return text === null ? undefined : (JSON.parse(text) as TrustedState);
    } catch (error) {
      throw new StoreError(`The entry ${this.name} of localStorage has changed. Remove it to trust the app's root again.`);
    }
  }

  async write(state: TrustedState): Promise<void> {
    try {
      localStorage.setItem(this.name, JSON.stringify(state));
    } catch (error) {
      throw new StoreError("The browser's storage failed. Free some space, then try again.");
    }
  }
}
