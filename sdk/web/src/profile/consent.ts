/** Consent: what a person allows, by purpose, each change dated and kept. Default: none. */

import { SettingError } from "../errors.js";
import { CONSENT_TEXTS } from "../words.js";

export type Purpose = "personalization" | "federated" | "diagnostics";

export const MAX_VALIDITY_DAYS = 730;
const DAY = 24 * 3600 * 1000;

/** A grant or a withdrawal. Times are milliseconds since 1970. */
export interface ConsentReceipt {
  readonly purpose: Purpose;
  readonly granted: boolean;
  readonly at: number;
  /** End of a grant; null for a withdrawal. */
  readonly expires: number | null;
  /** SHA-256 of the text that the person was shown, in hex; null for a withdrawal. */
  readonly textSha256: string | null;
}

export class Consent {
  private readonly list: ConsentReceipt[] = [];

  /** `changed` stores a receipt, and is awaited before the change counts as made. */
  constructor(
    private readonly now: () => number,
    private readonly changed: (receipt: ConsentReceipt) => Promise<void>,
  ) {}

  /**
   * Allow a purpose from now on.
   *
   * @param text - What the person was shown and agreed to; by default keyart's own text.
   */
  async grant(purpose: Purpose, text: string = CONSENT_TEXTS[purpose], validDays = MAX_VALIDITY_DAYS): Promise<void> {
    known(purpose);
    if (typeof text !== "string" || !text.trim()) throw new SettingError("The text of a consent is what the person was shown.");
    if (!(validDays > 0 && validDays <= MAX_VALIDITY_DAYS)) {
      throw new SettingError(`A consent is valid for at most ${MAX_VALIDITY_DAYS} days; ask again when it has expired.`);
    }
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
    const textSha256 = Array.from(digest, (byte) => (byte < 16 ? "0" : "") + byte.toString(16)).join("");
    const at = this.now();
    const receipt = { purpose, granted: true, at, expires: at + validDays * DAY, textSha256 };
    await this.changed(receipt);
    this.list.push(receipt);
  }

  /** Forbid a purpose from now on. */
  async withdraw(purpose: Purpose): Promise<void> {
    known(purpose);
    const receipt = { purpose, granted: false, at: this.now(), expires: null, textSha256: null };
    this.list.push(receipt); // first: it holds even if it cannot be stored
    await this.changed(receipt);
  }

  /** Return true if the purpose is granted at this moment. */
  allows(purpose: Purpose): boolean {
    known(purpose);
    for (let i = this.list.length - 1; i >= 0; i--) {
      const { granted, expires } = this.list[i];
      if (this.list[i].purpose === purpose) return granted && expires !== null && this.now() < expires;
    }
    return false;
  }

  /** Return every grant and withdrawal, oldest first. */
  receipts(): readonly ConsentReceipt[] {
    return this.list.slice();
  }

  /** Take over receipts that were stored before, in place of all that is known. */
  restore(receipts: readonly ConsentReceipt[]): void {
    this.list.splice(0, this.list.length, ...receipts);
  }
}

function known(purpose: Purpose): void {
  if (!Object.prototype.hasOwnProperty.call(CONSENT_TEXTS, purpose)) {
    throw new SettingError(`There is no purpose ${JSON.stringify(purpose)}; use ${Object.keys(CONSENT_TEXTS).join(", ")}.`);
  }
}
