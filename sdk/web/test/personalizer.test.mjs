// The public API over storage in memory: consent, learning, quiet modes, rights, stickiness and errors.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as keyart from "../dist/index.js";

const AT = "2026-03-02T20:15:00+01:00";
const TV = { device: "tv", at: AT };
const GENRES = ["comedy", "crime", "drama", "romance"];

const catalog = keyart.Catalog.fromTitles(
  Array.from({ length: 8 }, (_, t) => ({
    id: `t${t}`,
    duration: 6000,
    tags: { [`genre:${GENRES[t % 4]}`]: 0.7, [`genre:${GENRES[(t + 1) % 4]}`]: 0.3 },
    artworks: ["a", "b", "c"].map((letter, a) => ({
      id: `t${t}/${letter}`,
      tags: { [`genre:${GENRES[(t + (a % 2)) % 4]}`]: 1, [`palette:${["warm", "cool", "dark"][a]}`]: 1 },
      maturity: letter === "c" ? "18+" : "6+",
    })),
  })),
);

/** Return a source of uniform numbers that is the same in each run. */
function numbers(seed = 1) {
  let state = seed;
  return () => (state = (state * 16807) % 2147483647) / 2147483647;
}

async function opened(options = {}) {
  const now = () => Date.parse(AT);
  const art = await keyart.Personalizer.open({ catalog, uniform: numbers(), now, ...options });
  if (options.consent !== false) await art.consent.grant("personalization");
  return art;
}

test("without consent it chooses, and keeps nothing", async () => {
  const storage = new keyart.MemoryStorage();
  const art = await opened({ storage, consent: false });
  const decision = art.choose("t1", TV);
  assert.match(decision.artworkId, /^t1\//);
  assert.ok(decision.propensity > 0 && decision.propensity <= 1);
  assert.equal(await art.record({ titleId: "t1", at: AT, seconds: 60 }), 0);
  assert.equal(await art.observe(decision.id, { kind: "played", seconds: 3000 }), false);
  await art.flush();
  assert.deepEqual(await storage.read(), []);
  await art.consent.grant("personalization");
  assert.equal(await art.observe(decision.id, { kind: "played", seconds: 3000 }), false); // made without consent
});

test("what is played is shown more, and survives", async () => {
  const storage = new keyart.MemoryStorage();
  const policy = { stickiness: 0 };
  let art = await opened({ storage, policy });
  const before = art.preview("t5", TV);
  for (let i = 0; i < 60; i++) {
    const decision = art.choose(`t${i % 5}`, TV);
    const isWarm = decision.artworkId.endsWith("/a");
    await art.observe(decision.id, isWarm ? { kind: "played", seconds: 3000 } : { kind: "skipped" });
  }
  const after = art.preview("t5", TV);
  assert.ok(after["t5/a"] > before["t5/a"] + 0.02, JSON.stringify([before, after]));
  await art.close();
  art = await opened({ storage, policy, consent: false });
  assert.ok(art.profiled);
  for (const [id, chance] of Object.entries(art.preview("t5", TV))) assert.ok(Math.abs(chance - after[id]) < 1e-9);
  await art.removeTitle("t0");
  assert.notDeepEqual(art.preview("t5", TV), after);
});

test("a child's profile", async () => {
  await assert.rejects(opened({ ageMode: "child", consent: false }), keyart.SettingError);
  const storage = new keyart.MemoryStorage();
  const art = await opened({ ageMode: "child", maxMaturity: "6+", storage });
  assert.equal(art.profiled, false);
  for (let i = 0; i < 50; i++) assert.ok(!art.choose("t1", TV).artworkId.endsWith("/c"));
  const strict = await opened({ ageMode: "child", maxMaturity: "0+" });
  const decision = strict.choose("t1", TV);
  assert.equal(decision.artworkId, null);
  assert.match(strict.explain(decision.id, "de").text, /Altersgrenze/);
  assert.equal(await strict.observe(decision.id, { kind: "skipped" }), false);
});

test("a title keeps its artwork within a daypart", async () => {
  const art = await opened();
  const first = art.choose("t1", TV);
  for (let i = 0; i < 20; i++) {
    const again = art.choose("t1", { ...TV, at: `2026-03-02T2${i % 2}:3${i % 6}:00+01:00` });
    if (again.artworkId !== first.artworkId) assert.fail("another artwork within a daypart");
  }
  const again = art.choose("t1", { ...TV, at: "2026-03-02T20:45:00+01:00" });
  assert.deepEqual([again.artworkId, again.propensity, again.sticky], [first.artworkId, first.propensity, true]);
  const others = new Set(Array.from({ length: 40 }, () => art.choose("t1", { ...TV, intent: { "genre:drama": 1 } }).artworkId));
  assert.ok(others.size > 1); // what was asked for is drawn anew
});

test("a page has one decision a title, an unknown one without an artwork", async () => {
  const art = await opened();
  const page = art.choosePage(["t0", "gone", "t1"], TV);
  assert.deepEqual(page.map(({ titleId }) => titleId), ["t0", "gone", "t1"]);
  assert.equal(page[1].artworkId, null);
  assert.ok(page[0].artworkId && page[2].artworkId);
  const beside = art.preview("t1", { ...TV, slot: 2 }, [page[0].artworkId]);
  assert.equal(beside[page[2].artworkId], page[2].propensity);
  assert.throws(() => art.preview("t1", TV, ["none"]), keyart.SettingError);
});

test("explanations add up", async () => {
  const art = await opened({ policy: { stickiness: 0 } });
  await art.record({ titleId: "t0", at: AT, seconds: 5400 });
  await art.prefer("palette:warm", 1);
  for (let i = 0; i < 10; i++) {
    const decision = art.choose("t2", { ...TV, intent: { "genre:crime": 1 } });
    const { factors, lead, text } = art.explain(decision.id);
    assert.ok(factors.length && text);
    const sum = factors.reduce((total, { contribution }) => total + contribution, 0);
    assert.ok(Math.abs(sum - lead) < 1e-9);
  }
});

test("rights: export, and forgetting", async () => {
  const storage = new keyart.MemoryStorage();
  const art = await opened({ storage });
  await art.record({ titleId: "t0", at: AT, seconds: 5400 }, { titleId: "t1", at: AT, seconds: 60 });
  const decision = art.choose("t3", TV);
  assert.equal(await art.observe(decision.id, { kind: "skipped" }), true);
  assert.equal(await art.observe(decision.id, { kind: "skipped" }), false);
  assert.equal(await art.observe(decision.id, { kind: "played", seconds: 9 }), true); // the last action counts
  const held = JSON.parse(JSON.stringify(art.export()));
  assert.deepEqual([held.views.length, held.decisions.length, held.outcomes.length, held.consent.length], [2, 1, 1, 1]);
  await art.forget();
  assert.deepEqual(await storage.read(), []);
  assert.equal(art.profiled, false);
  assert.throws(() => art.explain(decision.id), keyart.UnknownDecision);
});

test("old records leave", async () => {
  const storage = new keyart.MemoryStorage();
  const art = await opened({ storage });
  await art.record({ titleId: "t0", at: "2025-01-02T20:15:00+01:00", seconds: 5400 }, { titleId: "t1", at: AT, seconds: 60 });
  await art.close();
  const later = await opened({ storage, consent: false });
  assert.deepEqual(later.export().views.map((view) => view.title_id), ["t1"]);
});

test("errors say what to do", async () => {
  const art = await opened();
  assert.throws(() => art.choose("none", TV), { name: "UnknownTitle", message: /"none"/ });
  assert.throws(() => art.choose("t1", { device: "tv", at: "2026-03-02T20:15" }), { name: "ContextError", message: /offset/ });
  assert.throws(() => art.choose("t1", { device: "" }), keyart.ContextError);
  await assert.rejects(art.observe("x", { kind: "skipped" }), keyart.UnknownDecision);
  await assert.rejects(art.observe(art.choose("t1", TV).id, { kind: "eaten" }), keyart.HistoryError);
  await assert.rejects(art.record({ titleId: "t1", at: AT, seconds: -1 }), keyart.HistoryError);
  await assert.rejects(art.prefer("religion:x", 1), keyart.SettingError);
  await assert.rejects(art.consent.grant("everything"), keyart.SettingError);
  assert.throws(() => keyart.Catalog.fromTitles([{ id: "a", artworks: [] }]), keyart.CatalogError);
  assert.throws(() => keyart.Catalog.fromTitles([{ id: "a", artworks: [{ id: "b", maturity: "old" }] }]), keyart.CatalogError);
  await art.close();
  assert.throws(() => art.choose("t1", TV), keyart.StoreClosed);
});
