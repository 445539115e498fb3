// The client: it loads the catalogue and the bundle, opens a profile, and draws its home screen.

import { Catalog, verifiedBundle } from "./keyart/index.js";
import { combine, fromText } from "./keyart/intent.js";
import { LocalTrustedStore, repositoryAt, signedBundle } from "./keyart/update/index.js";
import { followArrows } from "./focus.js";
import { drawHome } from "./home.js";
import { PROFILES, openProfile } from "./profiles.js";
import { showSettings } from "./settings.js";
import { showTitle } from "./sheet.js";

const HOURS = { now: null, morning: "08:00", evening: "20:30" };
const LABELS = { now: "Now", morning: "Morning", evening: "Evening" };

const state = { profile: null, art: null, daypart: "now", wish: {}, language: "en", shown: new Map() };

/** What the other modules use of the client. */
const client = {
  catalog: null, about: null, bundle: null, model: "", state, note, redraw,
  /** The context of the page: what this device knows of the moment. */
  context(slot = 0) {
    return { device: innerWidth < 900 ? "phone" : "tv", at: moment(), slot, intent: state.wish };
  },
  open: (titleId) => showTitle(client, titleId),
  /** Open the profile anew, with what its settings say now. */
  reopen: () => switchTo(state.profile),
};

start().catch((error) => {
  document.getElementById("rows").textContent = `The home screen cannot be shown: ${error.message}`;
});

async function start() {
  client.catalog = Catalog.fromJSON(await json("catalog.json"));
  client.about = await json("about.json");
  await loadModel();
  for (const profile of PROFILES) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = profile.name;
    button.dataset.profile = profile.id;
    button.addEventListener("click", () => switchTo(profile));
    document.getElementById("profiles").append(button);
  }
  listen();
  followArrows();
  await switchTo(PROFILES[0]);
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
}

/** Load the newest model that is signed, or else the one that came with the client. */
async function loadModel() {
  try {
    const root = await (await fetched("root.json")).text();
    const { version, files } = await signedBundle(repositoryAt("tuf/"), { root, trusted: new LocalTrustedStore() });
    client.bundle = files;
    client.model = `Model ${version}: its signatures are verified.`;
  } catch (error) {
    client.bundle = await verifiedBundle(async (name) => new Uint8Array(await (await fetched(`bundle/${name}`)).arrayBuffer()));
    client.model = `The model that came with this app. No newer one could be verified: ${error.message}`;
  }
}

function listen() {
  document.getElementById("daypart").addEventListener("click", () => {
    const names = Object.keys(HOURS);
    state.daypart = names[(names.indexOf(state.daypart) + 1) % names.length];
    redraw();
  });
  document.getElementById("settings").addEventListener("click", () => showSettings(client));
  document.getElementById("wish").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = document.getElementById("wish-text").value;
    state.wish = combine(fromText(text));
    const count = Object.keys(state.wish).length;
    note(!text.trim() ? "Pictures as ever." : count ? `Pictures for “${text.trim()}”. The wish is kept nowhere.` : "No word of this is known; pictures as ever.");
    redraw();
  });
}

async function switchTo(profile) {
  if (state.art) await state.art.close();
  state.profile = profile;
  state.art = await openProfile(profile, client.catalog, client.bundle, client.about.histories);
  redraw();
}

function redraw() {
  for (const button of document.querySelectorAll("#profiles button")) {
    button.setAttribute("aria-pressed", String(button.dataset.profile === state.profile.id));
  }
  document.getElementById("daypart").textContent = `Time: ${LABELS[state.daypart]}`;
  drawHome(client);
}

/** Return the present time, or today's hour of the daypart that was picked. */
function moment() {
  const now = new Date();
  const hour = HOURS[state.daypart];
  if (hour) now.setHours(Number(hour.slice(0, 2)), Number(hour.slice(3)), 0, 0);
  return now;
}

let hide = 0;
function note(text) {
  const place = document.getElementById("note");
  place.textContent = text;
  place.className = "on";
  clearTimeout(hide);
  hide = setTimeout(() => (place.className = ""), 3500);
}

async function fetched(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path} cannot be loaded (${answer.status}).`);
  return answer;
}

async function json(path) {
  return (await fetched(path)).json();
}
