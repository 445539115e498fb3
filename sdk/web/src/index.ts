/** keyart picks the artwork of a title on the viewer's own device: for browsers, web TVs and React Native. */

export { loadModel, verifiedBundle, type ReadFile } from "./bundle.js";
export { Catalog, type Artwork, type ArtworkFields, type Title, type TitleFields } from "./catalog.js";
export type { Context } from "./context.js";
export * from "./errors.js";
export type { Outcome, Reward, View } from "./history.js";
export type { Explanation, Factor } from "./model/explain.js";
export type { BundleFiles, Model } from "./model/model.js";
export type { Policy } from "./model/policy.js";
export { Personalizer, type Decision, type OpenOptions } from "./personalizer.js";
export type { Consent, ConsentReceipt, Purpose } from "./profile/consent.js";
export { IndexedDbStorage, MemoryStorage, type ProfileStorage, type StoredRecord } from "./profile/storage.js";
export { CONSENT_TEXTS } from "./words.js";
