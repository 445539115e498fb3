/**
 * Bundles from a signed repository (The Update Framework), for apps that fetch newer models by themselves. It is an
 * entry of its own, `keyart/update`, since an app whose bundle comes with its own files needs none of it.
 */

export { repositoryAt, type FetchFile } from "./fetching.js";
export { signedBundle, type SignedBundle, type UpdateOptions } from "./signedBundle.js";
export { LocalTrustedStore, type TrustedState, type TrustedStore } from "./trusted.js";
