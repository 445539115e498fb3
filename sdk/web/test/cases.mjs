// conformance.json of a bundle: every step from a history to a drawn artwork, as the Python SDK computes it. Nothing
// here is of Node: the same module runs in a browser.

import { Catalog, loadModel, verifiedBundle } from "../dist/index.js";
import { checkedContext } from "../dist/context.js";
import { candidatesOf, draw } from "../dist/model/candidates.js";
import { Learner } from "../dist/model/learner.js";
import { PageMemory } from "../dist/model/page.js";
import { distribution, drawn } from "../dist/model/policy.js";
import { viewerFeatures } from "../dist/model/viewer.js";

const NO_LIMIT = { maturities: [], ratedOnly: false };

/** Compare numbers, or lists of them, within a tolerance. */
function near(actual, expected, tolerance, what) {
  if (Array.isArray(expected)) {
    const list = Array.from(actual);
    ensure(list.length === expected.length, `${what} has another length`);
    expected.forEach((value, i) => near(list[i], value, tolerance, `${what}[${i}]`));
  } else {
    ensure(Math.abs(actual - expected) <= tolerance, `${what}: ${actual} is not ${expected}`);
  }
}

function replayed(model, policy, document, situation) {
  const reward = { qualitySeconds: document.reward.quality_seconds, qualityShare: document.reward.quality_share };
  const views = situation.history.map((view) => ({ titleId: view.title_id, seconds: view.seconds }));
  const watched = new Set(views.map((view) => view.titleId));
  const learner = new Learner(model);
  const viewer = {
    features: viewerFeatures(model.encoded, views, reward, model.populationTaste),
    get head() { return learner.head; },
    bias: learner.bias,
    stated: new Map(),
    hasWatched: (titleId) => watched.has(titleId),
  };
  for (const answer of situation.outcomes) {
    const context = contextOf(answer.context);
    const candidates = candidatesOf(model, policy, viewer, NO_LIMIT, model.encoded.catalog.index(answer.title_id), context);
    const found = draw(candidates, answer.uniform);
    same(candidates.list[found.place].artworkId, answer.artwork_id, "artwork of an answer");
    learner.learn(
      {
        titleId: answer.title_id, artworkId: answer.artwork_id, device: context.device, daypart: context.daypart,
        slot: context.slot, modelVersion: model.version, isPlayed: answer.outcome.kind === "played",
      },
      viewer,
    );
  }
  return { viewer, learner };
}

function contextOf({ max_maturity: maxMaturity, ...context }) {
  return checkedContext({ ...context, maxMaturity });
}

/** Read a bundle for the cases of its conformance.json. */
export async function suiteOf(read) {
  const document = JSON.parse(new TextDecoder().decode(await read("conformance.json")));
  const catalog = Catalog.fromTitles(document.titles);
  const { exploration, misleading, diversity } = document.policy;
  const policy = { exploration, misleading, diversity, stickiness: 0, sensitiveKinds: [] };
  return { document, catalog, policy, model: loadModel(await verifiedBundle(read), catalog) };
}

/** Compare every number of a case. */
export function checkCase({ document, catalog, policy, model }, one) {
  const { viewer, learner } = replayed(model, policy, document, one);
  const candidates = candidatesOf(model, policy, viewer, NO_LIMIT, catalog.index(one.title_id), contextOf(one.context));
  const { rows, list } = candidates;
  for (const name of ["artwork", "match", "appeal"]) near(rows[name].map((row) => Array.from(row)), one.features[name], 1e-5, name);
  near(one.features.main.map(() => Array.from(rows.main)), one.features.main, 1e-5, "main");
  near(rows.viewer, one.features.viewer, 1e-5, "viewer");
  near(rows.context, one.features.context, 1e-5, "context");
  near(list.map(({ logits }) => logits.ranker), one.scores.play, 2e-5, "scores.play");
  near(list.map(({ logits }) => logits.completion), one.scores.completion, 2e-5, "scores.completion");
  near(learner.head.mean, one.head, 1e-5, "head");
  for (const [artwork, bias] of Object.entries(one.artwork_bias)) near(viewer.bias.of(artwork), bias, 1e-5, artwork);
  near(list.map(({ logits }) => logits.play), one.play, 2e-5, "play");
  near(list.map(({ value }) => value), one.value, 2e-5, "value");
  list.forEach(({ isAllowed }, place) => same(isAllowed, one.allowed[place], "allowed"));
  const values = one.value.map((value, place) => (one.allowed[place] ? value : -Infinity));
  near(distribution(values, candidates.gamma), one.probabilities, 1e-9, "probabilities");
  for (const { uniform, artwork_id: expected } of one.draws) {
    if (expected !== null) same(list[drawn(one.probabilities, uniform)].artworkId, expected, "draw by the file's probabilities");
    const found = draw(candidates, uniform);
    same(found && list[found.place].artworkId, expected, "draw");
  }
}

/** Compare the artworks and propensities of a page. */
export function checkPage({ document, catalog, policy, model }, page) {
  const { viewer } = replayed(model, policy, document, page);
  const memory = new PageMemory(policy.diversity, model.spec);
  const context = contextOf(page.context);
  page.title_ids.forEach((titleId, slot) => {
    const candidates = candidatesOf(model, policy, viewer, NO_LIMIT, catalog.index(titleId), context, slot);
    const { artworks } = candidates.title;
    const factors = artworks.map((artwork) => memory.factor(artwork));
    near(factors, page.factors[slot], 1e-5, "factors");
    const found = draw(candidates, page.uniforms[slot], factors);
    same(found && candidates.list[found.place].artworkId, page.artwork_ids[slot], "artwork of a page");
    if (found === null) return;
    memory.show(artworks[found.place]);
    // A propensity differs by up to the error of a value times γ, which is thousands (docs/reference/bundles.md).
    near(found.propensity, page.propensities[slot], 5e-3, "propensity");
  });
}

function ensure(holds, message) {
  if (!holds) throw new Error(message);
}

function same(actual, expected, what) {
  ensure(actual === expected, `${what}: ${actual} is not ${expected}`);
}
