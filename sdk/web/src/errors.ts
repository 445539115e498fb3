/** The errors of keyart, one tree. A message says what happened and what to do next. */

export class KeyartError extends Error {
  constructor(message: string) {
    super(message);
    this.name = new.target.name;
  }
}

/** Something that the app handed in cannot be used. */
export class InputError extends KeyartError {}
export class CatalogError extends InputError {}
export class ContextError extends InputError {}
export class HistoryError extends InputError {}
export class SettingError extends InputError {}
/** The catalogue does not have the title. */
export class UnknownTitle extends InputError {}
/** This profile does not have the decision. */
export class UnknownDecision extends InputError {}

/** The profile's storage failed. */
export class StoreError extends KeyartError {}
export class WrongKey extends StoreError {}
export class StoreDamaged extends StoreError {}
export class StoreClosed extends StoreError {}

/** A model bundle cannot be used. */
export class BundleError extends KeyartError {}
/** Bytes differ from what the manifest says. */
export class BundleDamaged extends BundleError {}
/** The bundle breaks a rule, or needs a newer keyart. */
export class BundleRefused extends BundleError {}
/** No newer bundle could be fetched, or its metadata are not signed as they must be. */
export class UpdateError extends BundleError {}
