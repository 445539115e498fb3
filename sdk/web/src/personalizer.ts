/** The object that an app holds: it chooses artwork for one profile, and learns from what the person does. */

import { Catalog } from "./catalog.js";
import { checkedContext, deviceClassOf, type CheckedContext, type Context } from "./context.js";
import { SettingError, StoreClosed, UnknownDecision } from "./errors.js";
import { checkOutcome, checkReward, checkView, DEFAULT_REWARD, type Outcome, type Reward, type View } from "./history.js";
import { candidatesOf, draw, probabilities, type Candidates, type Viewer } from "./model/candidates.js";
import type { AgeLimit } from "./model/eligibility.js";
import type { EncodedArtwork } from "./model/encode.js";
import { explained, type Explanation } from "./model/explain.js";
import { Learner, type Answered } from "./model/learner.js";
import { modelOf, modelOfNothing, type BundleFiles, type Model } from "./model/model.js";
import { PageMemory } from "./model/page.js";
import { checkedPolicy, type Policy } from "./model/policy.js";
import { unknownViewer, viewerFeatures } from "./model/viewer.js";
import { Consent, type ConsentReceipt } from "./profile/consent.js";
import { MemoryStorage, type ProfileStorage } from "./profile/storage.js";
import { ratingOf } from "./ratings.js";
import { foldedKind, SENSITIVE_KINDS } from "./tags.js";

const DAY = 24 * 3600 * 1000;
const MAX_REMEMBERED = 4096; // decisions without an outcome
const IMPRESSION_WEIGHT = 0.5; // of an artwork that an older model showed, beside a view
const PLAY_WEIGHT = 0.75;
const RANK = { skipped: 0, opened: 1, played: 2 };

/** The artwork that was chosen for a title. */
export interface Decision {
  readonly id: string;
  readonly titleId: string;
  /** null if the age limits allow none of the title's, or the catalogue does not have the title: show a title card. */
  readonly artworkId: string | null;
  /** Exact probability with which the artwork was drawn. */
  readonly propensity: number;
  /** True if another candidate had a higher value. */
  readonly exploring: boolean;
  /** Version of the bundle; 0 without one. */
  readonly modelVersion: number;
  /** True if the artwork of an earlier draw was kept. */
  readonly sticky: boolean;
}

/** Settings of `Personalizer.open`. */
export interface OpenOptions {
  readonly catalog: Catalog;
  /** A verified bundle (`verifiedBundle`); without one artwork is drawn by lot, and this device alone learns. */
  readonly bundle?: BundleFiles;
  /** Where the profile is kept: `await IndexedDbStorage.open("profile")`. By default it ends with the page. */
  readonly storage?: ProfileStorage;
  readonly policy?: Partial<Policy>;
  /** "non_profiled" never uses or keeps anything about the person. */
  readonly mode?: "personalized" | "non_profiled";
  /** "child" does the same, and needs `maxMaturity`; artwork without a rating is not shown. */
  readonly ageMode?: "adult" | "child";
  /** Highest age rating that this profile is shown, such as "6+" or "PG"; "" for any. */
  readonly maxMaturity?: string;
  readonly reward?: Reward;
  /** Number of days for which views and decisions are kept. */
  readonly retentionDays?: number;
  /** Source of the numbers that draw artworks, in [0, 1). For tests. */
  readonly uniform?: () => number;
  /** The present time in milliseconds since 1970. For tests. */
  readonly now?: () => number;
}

/** A decision as it is kept, with what became of it. */
interface Entry extends Answered {
  readonly id: string;
  readonly at: number;
  readonly propensity: number;
  readonly exploring: boolean;
  readonly sticky: boolean;
  readonly withIntent: boolean;
  readonly outcome: Outcome | null;
  /** Order of the outcomes, in which the device learns. */
  readonly order: number;
}

interface KeptView {
  readonly titleId: string;
  readonly at: number;
  readonly seconds: number;
  readonly device: string;
}

type Kept =
  | { readonly kind: "view"; readonly view: KeptView; readonly order: number }
  | { readonly kind: "decision"; readonly entry: Entry }
  | { readonly kind: "consent"; readonly receipt: ConsentReceipt; readonly order: number }
  | { readonly kind: "preference"; readonly tag: string; readonly sign: number };

/** What was shown, for explanations and outcomes. */
interface Shown {
  readonly entry: Entry;
  readonly context: CheckedContext;
  /** False if it was made without the person's consent: nothing is learned from it then, even if they consent later. */
  readonly isProfiled: boolean;
}

export class Personalizer {
  readonly consent: Consent;
  private readonly views = new Map<string, KeptView>();
  private readonly entries = new Map<string, Entry>();
  private readonly stated = new Map<string, { id: string; sign: number }>();
  private readonly shown = new Map<string, Shown>();
  private readonly kept = new Map<string, { entry: Entry; at: number }>();
  private model: Model;
  private learner: Learner;
  private viewer: Viewer | null = null;
  private nobody: Viewer | null = null; // of whom nothing may be used
  private order = 0;
  private isClosed = false;

  private constructor(
    private catalog: Catalog,
    private bundle: BundleFiles | undefined,
    private readonly storage: ProfileStorage,
    private readonly policy: Policy,
    private readonly limit: AgeLimit,
    private readonly reward: Reward,
    private readonly isProfiling: boolean,
    private readonly retentionDays: number,
    private readonly uniform: () => number,
    private readonly now: () => number,
  ) {
    this.model = this.loaded();
    this.learner = new Learner(this.model);
    this.consent = new Consent(now, async (receipt) => {
      await this.storage.write([{ id: newId(), value: { kind: "consent", receipt, order: this.order++ } }]);
      if (receipt.purpose === "personalization") this.viewer = null;
    });
  }

  /**
   * Open a profile, or begin it.
   *
   * @throws SettingError - A setting is out of range, or a child's profile has no age limit.
   * @throws StoreError - The storage failed, or a record has changed.
   * @throws BundleError - The bundle breaks a rule.
   */
  static async open(options: OpenOptions): Promise<Personalizer> {
    const { catalog, mode = "personalized", ageMode = "adult", maxMaturity = "", reward = DEFAULT_REWARD } = options;
    if (!(catalog instanceof Catalog)) throw new SettingError("catalog must be a Catalog; make one with Catalog.fromTitles.");
    if (mode !== "personalized" && mode !== "non_profiled") throw new SettingError('mode is "personalized" or "non_profiled".');
    if (ageMode !== "adult" && ageMode !== "child") throw new SettingError('ageMode is "adult" or "child".');
    if (maxMaturity && !ratingOf(maxMaturity)) throw new SettingError(`maxMaturity is ${JSON.stringify(maxMaturity)}, no known age rating.`);
    if (ageMode === "child" && !maxMaturity) {
      throw new SettingError('A child\'s profile needs an age limit: give maxMaturity, such as "6+", with ageMode "child".');
    }
    const { retentionDays = 90 } = options;
    if (!Number.isInteger(retentionDays) || retentionDays < 1 || retentionDays > 365) {
      throw new SettingError("retentionDays is a whole number from 1 to 365.");
    }
    checkReward(reward);
    const art = new Personalizer(
      catalog,
      options.bundle,
      options.storage || new MemoryStorage(),
      checkedPolicy(options.policy || {}),
      { maturities: maxMaturity ? [maxMaturity] : [], ratedOnly: ageMode === "child" },
      reward,
      mode === "personalized" && ageMode === "adult",
      retentionDays,
      options.uniform || Math.random,
      options.now || Date.now,
    );
    await art.restore();
    return art;
  }

  /** Version of the bundle that chooses; 0 without one. */
  get modelVersion(): number {
    return this.model.version;
  }

  /** True if choices may use, and the storage may keep, anything about the person. */
  get profiled(): boolean {
    return this.isProfiling && this.consent.allows("personalization");
  }

  /** Choose the artwork to show for a title. */
  choose(titleId: string, context: Context): Decision {
    this.checkOpen();
    const situation = checkedContext(context);
    const title = this.catalog.index(titleId);
    const viewer = this.person();
    return this.keptDecision(title, situation, viewer) || this.fresh(this.candidates(title, situation, viewer), situation);
  }

  /**
   * Choose an artwork for each title of a page, varied across it. Title i stands at slot `context.slot + i`; a title
   * that the catalogue does not have gets a decision without an artwork.
   */
  choosePage(titleIds: readonly string[], context: Context): Decision[] {
    this.checkOpen();
    const first = checkedContext(context);
    const viewer = this.person();
    const memory = new PageMemory(this.policy.diversity, this.model.spec);
    return titleIds.map((titleId, after) => {
      const situation = { ...first, slot: first.slot + after };
      const title = this.catalog.places.get(titleId);
      if (title === undefined) return this.answered(this.entryOf(titleId, null, 1, false, false, situation), situation);
      const again = this.keptDecision(title, situation, viewer);
      const { artworks } = this.model.encoded.title(title);
      if (again) {
        memory.show(artworks.filter((artwork) => artwork.id === again.artworkId)[0]);
        return again;
      }
      const factors = artworks.map((artwork) => memory.factor(artwork));
      const decision = this.fresh(this.candidates(title, situation, viewer), situation, factors);
      const at = artworks.findIndex((artwork) => artwork.id === decision.artworkId);
      if (at >= 0) memory.show(artworks[at]);
      return decision;
    });
  }

  /**
   * Return the probability of each artwork of a title, without drawing or keeping anything.
   *
   * @param beside - Ids of the artworks that the page shows already, in order.
   */
  preview(titleId: string, context: Context, beside: readonly string[] = []): Record<string, number> {
    this.checkOpen();
    const candidates = this.candidates(this.catalog.index(titleId), checkedContext(context), this.person());
    const memory = new PageMemory(this.policy.diversity, this.model.spec);
    for (const artworkId of beside) memory.show(this.artwork(artworkId));
    const chances = probabilities(candidates, candidates.title.artworks.map((artwork) => memory.factor(artwork)));
    const byId: Record<string, number> = {};
    candidates.list.forEach(({ artworkId }, place) => (byId[artworkId] = chances[place]));
    return byId;
  }

  /** Add views to the history, all or none; return how many were added. */
  async record(...views: View[]): Promise<number> {
    this.checkOpen();
    const kept = views.map((view): [string, KeptView] => [
      newId(),
      { titleId: view && view.titleId, at: checkView(view), seconds: view.seconds, device: deviceClassOf(view.device || "tv") },
    ]);
    if (!this.profiled || !kept.length) return 0;
    await this.storage.write(kept.map(([id, view]) => ({ id, value: { kind: "view", view, order: this.order++ } })));
    kept.forEach(([id, view]) => this.views.set(id, view));
    this.viewer = null;
    return kept.length;
  }

  /**
   * Store the outcome of a decision and learn from it. A skip may be followed by an opened page, and that by a play.
   *
   * @returns False if nothing may be kept, or the outcome is known already.
   */
  async observe(decisionId: string, outcome: Outcome): Promise<boolean> {
    this.checkOpen();
    checkOutcome(outcome);
    const shown = this.shown.get(decisionId);
    const before = this.entries.get(decisionId) || (shown && shown.entry);
    if (before === undefined) {
      throw new UnknownDecision(`No decision ${JSON.stringify(decisionId)} in this profile. Pass the id of what choose answered.`);
    }
    if (!this.profiled || before.artworkId === "" || (shown && !shown.isProfiled)) return false;
    if (before.outcome !== null && rankOf(outcome) <= rankOf(before.outcome)) return false;
    const entry: Entry = {
      ...before, outcome, isPlayed: outcome.kind === "played",
      order: before.outcome === null ? this.order++ : before.order,
    };
    await this.storage.write([{ id: decisionId, value: { kind: "decision", entry } }]);
    this.entries.set(decisionId, entry);
    if (before.outcome === null && this.viewer !== null && entry.modelVersion === this.model.version) {
      if (!entry.withIntent) this.learner.learn(entry, this.viewer);
    } else {
      this.viewer = null; // everything is learned anew
    }
    return true;
  }

  /** Explain why a decision shows its artwork, or none, in "de", "en", "es", "fr" or "ja". */
  explain(decisionId: string, language = "en"): Explanation {
    this.checkOpen();
    const shown = this.shown.get(decisionId);
    const entry = this.entries.get(decisionId) || (shown && shown.entry);
    if (entry === undefined) throw new UnknownDecision(`No decision ${JSON.stringify(decisionId)} in this profile.`);
    const context = shown ? shown.context : contextOf(entry);
    const viewer = this.person();
    const candidates = this.candidates(this.catalog.index(entry.titleId), context, viewer);
    const at = candidates.list.findIndex(({ artworkId }) => artworkId === entry.artworkId);
    if (at < 0 && entry.artworkId !== "") throw new UnknownDecision(`Decision ${decisionId} showed an artwork that has left the catalogue.`);
    return explained(this.model, candidates, at < 0 ? null : at, entry.exploring, viewer.stated, language);
  }

  /** Record that the person likes (1) or dislikes (−1) a tag, or says nothing of it any more (0). */
  async prefer(tag: string, sign: -1 | 0 | 1): Promise<boolean> {
    this.checkOpen();
    const kind = foldedKind(tag);
    if (SENSITIVE_KINDS.has(kind) || this.policy.sensitiveKinds.indexOf(kind) >= 0) {
      throw new SettingError(`${JSON.stringify(tag)} cannot be a preference: this app never chooses by ${kind}.`);
    }
    if (sign !== 0 && !this.profiled) return false;
    const known = this.stated.get(tag);
    const id = known ? known.id : newId();
    await this.storage.write(sign ? [{ id, value: { kind: "preference", tag, sign } }] : [], sign ? [] : [id]);
    if (sign) this.stated.set(tag, { id, sign });
    else this.stated.delete(tag);
    this.viewer = null;
    return sign !== 0 || known !== undefined;
  }

  /** Remove what is kept about a title, and what was learned from it; return the number of records. */
  async removeTitle(titleId: string): Promise<number> {
    this.checkOpen();
    const gone = [
      ...Array.from(this.views).filter(([, view]) => view.titleId === titleId).map(([id]) => id),
      ...Array.from(this.entries).filter(([, entry]) => entry.titleId === titleId).map(([id]) => id),
    ];
    await this.remove(gone);
    this.shown.forEach(({ entry }, id) => entry.titleId === titleId && this.shown.delete(id));
    this.kept.forEach(({ entry }, key) => entry.titleId === titleId && this.kept.delete(key));
    return gone.length;
  }

  /** Return everything held about the person (`keyart-export/1`). */
  export(): Record<string, unknown> {
    this.checkOpen();
    const entries = Array.from(this.entries.values());
    const time = (at: number): string => new Date(at).toISOString();
    return {
      format: "keyart-export/1",
      exported_at: time(this.now()),
      consent: this.consent.receipts().map((receipt) => ({
        purpose: receipt.purpose, granted: receipt.granted, at: time(receipt.at),
        expires: receipt.expires === null ? null : time(receipt.expires), text_sha256: receipt.textSha256,
      })),
      views: Array.from(this.views.values(), (view) => ({
        title_id: view.titleId, at: time(view.at), seconds: view.seconds, device: view.device,
      })),
      decisions: entries.map((entry) => ({
        id: entry.id, title_id: entry.titleId, artwork_id: entry.artworkId, propensity: entry.propensity,
        exploring: entry.exploring, sticky: entry.sticky, model_version: entry.modelVersion, at: time(entry.at),
        device: entry.device, daypart: entry.daypart, slot: entry.slot, with_intent: entry.withIntent,
      })),
      outcomes: entries.filter(({ outcome }) => outcome).map(({ id, outcome }) => ({
        decision_id: id, kind: outcome!.kind, seconds: outcome!.kind === "played" ? outcome!.seconds : 0,
      })),
      preferences: Array.from(this.stated, ([tag, { sign }]) => ({ tag, sign })),
    };
  }

  /** Erase the profile, consent included: the key first, so that what a copy holds cannot be read. It goes on empty. */
  async forget(): Promise<void> {
    this.checkOpen();
    await this.storage.destroy();
    this.views.clear();
    this.entries.clear();
    this.stated.clear();
    this.consent.restore([]);
    this.shown.clear();
    this.kept.clear();
    this.viewer = null;
  }

  /** Choose with another bundle from now on, and learn from the log anew beside it. */
  install(bundle: BundleFiles): number {
    this.checkOpen();
    const model = modelOf(bundle, this.catalog);
    this.bundle = bundle;
    this.model = model;
    this.viewer = this.nobody = null;
    this.kept.clear();
    return model.version;
  }

  /** Choose from another catalogue from now on. */
  setCatalog(catalog: Catalog): void {
    this.checkOpen();
    this.catalog = catalog;
    this.model = this.loaded();
    this.viewer = this.nobody = null;
  }

  /** Write the decisions of this page that have no outcome yet. */
  async flush(): Promise<void> {
    this.checkOpen();
    if (!this.profiled) return;
    const waiting = Array.from(this.shown.values()).filter(
      ({ entry, isProfiled }) => isProfiled && entry.artworkId !== "" && !this.entries.has(entry.id),
    );
    await this.storage.write(waiting.map(({ entry }) => ({ id: entry.id, value: { kind: "decision", entry } })));
    waiting.forEach(({ entry }) => this.entries.set(entry.id, entry));
  }

  /** Write what is pending and close the profile. */
  async close(): Promise<void> {
    if (this.isClosed) return;
    await this.flush();
    this.isClosed = true;
    this.storage.close();
  }

  private async restore(): Promise<void> {
    const receipts: Array<{ receipt: ConsentReceipt; order: number }> = [];
    const oldest = this.now() - this.retentionDays * DAY;
    const over: string[] = [];
    for (const { id, value } of await this.storage.read()) {
      const kept = value as Kept;
      if (kept.kind === "view") {
        if (kept.view.at < oldest) over.push(id);
        else this.views.set(id, kept.view);
        this.order = Math.max(this.order, kept.order + 1);
      } else if (kept.kind === "decision") {
        if (kept.entry.at < oldest) over.push(id);
        else this.entries.set(id, kept.entry);
        this.order = Math.max(this.order, kept.entry.order + 1);
      } else if (kept.kind === "consent") {
        receipts.push(kept);
        this.order = Math.max(this.order, kept.order + 1);
      } else {
        this.stated.set(kept.tag, { id, sign: kept.sign });
      }
    }
    this.consent.restore(receipts.sort((a, b) => a.order - b.order).map(({ receipt }) => receipt));
    if (over.length) await this.storage.write([], over);
    if (this.profiled) {
      Array.from(this.entries.values())
        .sort((a, b) => a.at - b.at)
        .forEach((entry) => entry.modelVersion === this.model.version && this.keep(entry));
    }
  }

  private loaded(): Model {
    return this.bundle === undefined ? modelOfNothing(this.catalog) : modelOf(this.bundle, this.catalog);
  }

  /** Return what may be used of the person; the population's average without consent. */
  private person(): Viewer {
    if (!this.profiled) {
      if (this.nobody === null) {
        const features = unknownViewer(this.model.encoded);
        this.nobody = { features, head: null, bias: null, stated: new Map(), hasWatched: () => false };
      }
      return this.nobody;
    }
    if (this.viewer === null) this.viewer = this.derived();
    return this.viewer;
  }

  private derived(): Viewer {
    const answered = Array.from(this.entries.values())
      .filter((entry) => entry.outcome !== null && !entry.withIntent)
      .sort((a, b) => a.order - b.order);
    const features = viewerFeatures(this.model.encoded, this.views.values(), this.reward, this.model.populationTaste);
    const met = new Map(features.met || []);
    for (const entry of answered) {
      const place = this.catalog.places.get(entry.titleId);
      if (entry.modelVersion !== this.model.version && place !== undefined) {
        met.set(place, (met.get(place) || 0) + IMPRESSION_WEIGHT + (entry.isPlayed ? PLAY_WEIGHT : 0));
      }
    }
    const watched = new Set(Array.from(this.views.values(), (view) => view.titleId));
    const learner = new Learner(this.model);
    const viewer: Viewer = {
      features: { ...features, met },
      get head() {
        return learner.head;
      },
      bias: learner.bias,
      stated: new Map(Array.from(this.stated, ([tag, { sign }]): [string, number] => [tag, sign])),
      hasWatched: (titleId) => watched.has(titleId),
    };
    learner.learnAll(answered, viewer);
    this.learner = learner;
    return viewer;
  }

  private artwork(artworkId: string): EncodedArtwork {
    for (let place = 0; place < this.catalog.titles.length; place++) {
      const at = this.catalog.titles[place].artworks.findIndex(({ id }) => id === artworkId);
      if (at >= 0) return this.model.encoded.title(place).artworks[at];
    }
    throw new SettingError(`No artwork ${JSON.stringify(artworkId)} in this catalogue to show beside the title.`);
  }

  private candidates(title: number, context: CheckedContext, viewer: Viewer): Candidates {
    return candidatesOf(this.model, this.policy, viewer, this.limit, title, context);
  }

  private fresh(candidates: Candidates, context: CheckedContext, factors?: readonly number[]): Decision {
    const found = draw(candidates, this.uniform(), factors);
    const titleId = candidates.title.id;
    const entry = found
      ? this.entryOf(titleId, candidates.list[found.place].artworkId, found.propensity, found.exploring, false, context)
      : this.entryOf(titleId, null, 1, false, false, context);
    return this.answered(entry, context);
  }

  /** Return the decision to show again what a title keeps, if stickiness holds and it may be shown. */
  private keptDecision(title: number, context: CheckedContext, viewer: Viewer): Decision | null {
    if (!this.policy.stickiness || Object.keys(context.intent).length) return null;
    const { id } = this.model.encoded.title(title);
    const kept = this.kept.get(keyOf(id, context.device, context.daypart));
    if (!kept || !(context.at >= kept.at && context.at - kept.at < this.policy.stickiness * 1000)) return null;
    const { list } = this.candidates(title, context, viewer);
    if (!list.some(({ artworkId, isAllowed }) => artworkId === kept.entry.artworkId && isAllowed)) return null;
    const { artworkId, propensity, exploring } = kept.entry;
    return this.answered(this.entryOf(id, artworkId, propensity, exploring, true, context), context);
  }

  private entryOf(
    titleId: string, artworkId: string | null, propensity: number, exploring: boolean, sticky: boolean, context: CheckedContext,
  ): Entry {
    return {
      id: newId(), titleId, artworkId: artworkId === null ? "" : artworkId, propensity, exploring, sticky,
      modelVersion: this.model.version, at: context.at, device: context.device, daypart: context.daypart,
      slot: context.slot, withIntent: Object.keys(context.intent).length > 0, outcome: null, isPlayed: false, order: 0,
    };
  }

  private answered(entry: Entry, context: CheckedContext): Decision {
    this.shown.set(entry.id, { entry, context, isProfiled: this.profiled });
    if (this.shown.size > MAX_REMEMBERED) this.shown.delete(this.shown.keys().next().value as string);
    this.keep(entry);
    const { id, titleId, artworkId, propensity, exploring, modelVersion, sticky } = entry;
    return { id, titleId, artworkId: artworkId === "" ? null : artworkId, propensity, exploring, modelVersion, sticky };
  }

  private keep(entry: Entry): void {
    if (entry.sticky || entry.withIntent || entry.artworkId === "") return;
    this.kept.set(keyOf(entry.titleId, entry.device, entry.daypart), { entry, at: entry.at });
  }

  private async remove(ids: readonly string[]): Promise<void> {
    if (!ids.length) return;
    await this.storage.write([], ids);
    ids.forEach((id) => {
      this.views.delete(id);
      this.entries.delete(id);
    });
    this.viewer = null;
  }

  private checkOpen(): void {
    if (this.isClosed) throw new StoreClosed("The profile is closed; open it again.");
  }
}

function keyOf(titleId: string, device: string, daypart: string): string {
  return JSON.stringify([titleId, device, daypart]);
}

function rankOf(outcome: Outcome): number {
  return RANK[outcome.kind] + (outcome.kind === "played" ? 1 - 1 / (2 + outcome.seconds) : 0);
}

/** Return the context of a decision of an earlier page, as far as it was kept. */
function contextOf(entry: Entry): CheckedContext {
  return {
    device: entry.device, at: entry.at, daypart: entry.daypart, slot: entry.slot, trending: {}, intent: {}, maxMaturity: "",
  };
}

function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => (byte < 16 ? "0" : "") + byte.toString(16)).join("");
}
