// The profiles of one household, each with a sealed store of its own.

import { IndexedDbStorage, MemoryStorage, Personalizer } from "./keyart/index.js";

export const PROFILES = [
  { id: "living-room", name: "Living room", history: "romance" },
  { id: "den", name: "Den", history: "crime" },
  { id: "kids", name: "Kids", child: true },
];

// Pictures are drawn anew whenever the home screen opens, so that a viewer of this client sees what was learned. An app
// keeps the default, by which a title has the same picture all evening.
const POLICY = { stickiness: 0 };
const NON_PROFILED = "keyart-tv non-profiled";

/** Open a profile; a new one begins with a history, as if it had been imported. */
export async function openProfile(profile, catalog, bundle, histories) {
  if (profile.child) {
    return Personalizer.open({ catalog, bundle, policy: POLICY, ageMode: "child", maxMaturity: "6+", storage: new MemoryStorage() });
  }
  const storage = await IndexedDbStorage.open(profile.id, "keyart-tv");
  const isNew = !(await storage.read()).length && localStorage.getItem(`keyart-tv begun ${profile.id}`) === null;
  const mode = isNonProfiled(profile) ? "non_profiled" : "personalized";
  const art = await Personalizer.open({ catalog, bundle, policy: POLICY, storage, mode });
  if (isNew && mode === "personalized") {
    localStorage.setItem(`keyart-tv begun ${profile.id}`, "");
    await art.consent.grant("personalization"); // an app asks first; the settings of this client take it back
    const start = Date.now() - 30 * 24 * 3600 * 1000;
    const views = histories[profile.history].map((titleId, day) => ({
      titleId, at: new Date(start + day * 24 * 3600 * 1000), seconds: 5400, device: "tv",
    }));
    await art.record(...views);
  }
  return art;
}

/** Return whether the person has chosen that nothing about them is used or kept. */
export function isNonProfiled(profile) {
  return localStorage.getItem(NON_PROFILED) === "yes" && !profile.child;
}

export function setNonProfiled(is) {
  localStorage.setItem(NON_PROFILED, is ? "yes" : "no");
}
