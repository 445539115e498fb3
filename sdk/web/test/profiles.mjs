// What a page does with profiles in IndexedDB, and what stands there: steps of tests/web, in a browser.

import { Catalog, IndexedDbStorage, Personalizer } from "../dist/index.js";

const catalog = Catalog.fromTitles([
  {
    id: "secret-title",
    artworks: [{ id: "a", tags: { "genre:drama": 1 } }, { id: "b", tags: { "genre:crime": 1 } }],
  },
]);

async function opened(profile) {
  return Personalizer.open({ catalog, storage: await IndexedDbStorage.open(profile) });
}

function finished(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Return the keys and the sealed records of every profile, as the browser holds them. */
async function raw() {
  const database = await finished(indexedDB.open("keyart", 1));
  const all = (store) => finished(database.transaction(store).objectStore(store).getAll());
  const found = { keys: await all("keys"), records: await all("records") };
  database.close();
  return found;
}

/** Use one profile, and begin another. */
export async function use() {
  const art = await opened("alex");
  await art.consent.grant("personalization");
  await art.record({ titleId: "secret-title", at: new Date(), seconds: 5400 });
  const decision = art.choose("secret-title", { device: "tv" });
  await art.observe(decision.id, { kind: "played", seconds: 3000 });
  await (await opened("robin")).consent.grant("personalization");
}

export async function exports() {
  return [(await opened("alex")).export(), (await opened("robin")).export()];
}

/** Return the number of records, whether a key can be extracted, and whether the records can be read. */
export async function look() {
  const { keys, records } = await raw();
  const text = records.map((bytes) => String.fromCharCode(...bytes)).join();
  return [records.length, keys.some((key) => key.extractable), /secret|view|consent/.test(text)];
}

/** Put a record of one profile in the place of another's; return what opening says. */
export async function misplace() {
  const database = await finished(indexedDB.open("keyart", 1));
  const store = database.transaction("records", "readwrite").objectStore("records");
  const [key] = (await finished(store.getAllKeys())).filter(([profile]) => profile === "robin");
  await finished(store.put(await finished(store.get(key)), ["alex", key[1]]));
  database.close();
  return opened("alex").then(() => "opened", (error) => error.name);
}

/** Forget one profile; return the number of keys and records that are left, and whether it is profiled. */
export async function forget() {
  const art = await opened("robin");
  await art.forget();
  const { keys, records } = await raw();
  return [keys.length, records.length, art.profiled];
}
