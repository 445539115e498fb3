/** Where the records of a profile are kept: sealed in IndexedDB, or in memory alone. */

import { StoreClosed, StoreDamaged, StoreError } from "../errors.js";

/** A record of a profile: what it is about stands inside, so that its id says nothing. */
export interface StoredRecord {
  readonly id: string;
  readonly value: unknown;
}

/** The records of one profile. Each call is finished when it is durable. */
export interface ProfileStorage {
  /** Return every record. */
  read(): Promise<StoredRecord[]>;
  /** Write records, all or none, and remove others in the same step. */
  write(records: readonly StoredRecord[], removed?: readonly string[]): Promise<void>;
  /** Destroy the key and then the records: what a copy of the disk holds cannot be read any more. */
  destroy(): Promise<void>;
  close(): void;
}

/** Keeps records for as long as the page lives: for tests, and for profiles that leave no trace. */
export class MemoryStorage implements ProfileStorage {
  private readonly records = new Map<string, string>();

  async read(): Promise<StoredRecord[]> {
    return Array.from(this.records, ([id, value]) => ({ id, value: JSON.parse(value) }));
  }

  async write(records: readonly StoredRecord[], removed: readonly string[] = []): Promise<void> {
    for (const { id, value } of records) this.records.set(id, JSON.stringify(value));
    for (const id of removed) this.records.delete(id);
  }

  async destroy(): Promise<void> {
    this.records.clear();
  }

  close(): void {
    // There is nothing to close.
  }
}

const KEYS = "keys";
const RECORDS = "records";
const IV_BYTES = 12;

/**
 * Keeps records in IndexedDB, each sealed with AES-256-GCM. The key is not extractable: scripts of the page can use it
 * and never read it. A record is bound to its profile and its id, so that it cannot be put in another's place.
 */
export class IndexedDbStorage implements ProfileStorage {
  private isClosed = false;

  private constructor(
    private readonly database: IDBDatabase,
    private readonly profile: string,
    private key: CryptoKey,
  ) {}

  /**
   * Open the records of a profile, or begin them.
   *
   * @param profile - Name of the profile within the database.
   * @param name - Name of the database.
   */
  static async open(profile: string, name = "keyart"): Promise<IndexedDbStorage> {
    if (typeof indexedDB === "undefined") throw new StoreError("This browser has no IndexedDB; use MemoryStorage.");
    const opening = indexedDB.open(name, 1);
    opening.onupgradeneeded = () => {
      opening.result.createObjectStore(KEYS);
      opening.result.createObjectStore(RECORDS);
    };
    const database = await finished(opening);
    database.onversionchange = () => database.close();
    const fresh = await newKey();
    // Two tabs may open a new profile at once: one transaction finds the key or keeps the fresh one.
    const transaction = database.transaction(KEYS, "readwrite");
    const known = (await finished(transaction.objectStore(KEYS).get(profile))) as CryptoKey | undefined;
    if (known === undefined) transaction.objectStore(KEYS).put(fresh, profile);
    await committed(transaction);
    return new IndexedDbStorage(database, profile, known === undefined ? fresh : known);
  }

  async read(): Promise<StoredRecord[]> {
    const store = this.transaction(RECORDS, "readonly").objectStore(RECORDS);
    const range = IDBKeyRange.bound([this.profile, ""], [this.profile, "\uffff"]);
    const [keys, sealed] = await Promise.all([finished(store.getAllKeys(range)), finished(store.getAll(range))]);
    return Promise.all(
      keys.map(async (key, place) => {
        const id = (key as [string, string])[1];
        return { id, value: await this.unsealed(id, sealed[place] as Uint8Array) };
      }),
    );
  }

  async write(records: readonly StoredRecord[], removed: readonly string[] = []): Promise<void> {
    // Sealing waits for WebCrypto, and a transaction ends while nobody uses it: so first the one, then the other.
    const sealed = await Promise.all(records.map(({ id, value }) => this.sealed(id, value)));
    const transaction = this.transaction(RECORDS, "readwrite");
    const store = transaction.objectStore(RECORDS);
    records.forEach(({ id }, place) => store.put(sealed[place], [this.profile, id]));
    for (const id of removed) store.delete([this.profile, id]);
    await committed(transaction);
  }

  async destroy(): Promise<void> {
    const first = this.transaction(KEYS, "readwrite");
    first.objectStore(KEYS).delete(this.profile);
    await committed(first);
    const rest = this.transaction(RECORDS, "readwrite");
    rest.objectStore(RECORDS).delete(IDBKeyRange.bound([this.profile, ""], [this.profile, "\uffff"]));
    await committed(rest);
    this.key = await newKey();
    const last = this.transaction(KEYS, "readwrite");
    last.objectStore(KEYS).put(this.key, this.profile);
    await committed(last);
  }

  close(): void {
    this.isClosed = true;
    this.database.close();
  }

  private transaction(name: string, mode: IDBTransactionMode): IDBTransaction {
    if (this.isClosed) throw new StoreClosed("The profile is closed; open it again.");
    return this.database.transaction(name, mode);
  }

  private async sealed(id: string, value: unknown): Promise<Uint8Array> {
    const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
    const plain = new TextEncoder().encode(JSON.stringify(value));
    const data = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: this.bound(id) }, this.key, plain);
    const sealed = new Uint8Array(IV_BYTES + data.byteLength);
    sealed.set(iv);
    sealed.set(new Uint8Array(data), IV_BYTES);
    return sealed;
  }

  private async unsealed(id: string, sealed: Uint8Array): Promise<unknown> {
    const iv = sealed.slice(0, IV_BYTES);
    try {
      const data = await crypto.subtle.decrypt(
        { name: "AES-GCM", iv, additionalData: this.bound(id) }, this.key, sealed.slice(IV_BYTES),
      );
      return JSON.parse(new TextDecoder().decode(data));
    } catch (error) {
      throw new StoreDamaged("A record of the profile has changed, and cannot be opened. Forget the profile to begin anew.");
    }
  }

  private bound(id: string): BufferSource {
    return new TextEncoder().encode(`keyart 1\0${this.profile}\0${id}`);
  }
}

function newKey(): Promise<CryptoKey> {
  return crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
}

function finished<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(storeError(request.error));
  });
}

function committed(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = transaction.onerror = () => reject(storeError(transaction.error));
  });
}

function storeError(error: DOMException | null): StoreError {
  const why = error ? error.name : "unknown";
  return new StoreError(`The browser's storage failed (${why}). Free some space, then try again.`);
}
