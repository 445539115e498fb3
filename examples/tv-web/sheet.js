// The sheet of a title: play it or pass it over, and why this picture is shown.

import { genresOf, pictureOf, titleOf } from "./home.js";

const ENDINGS = [
  ["Watch it to the end", { kind: "played", seconds: 6000 }, "Watched: the pictures of the next home screen take it into account."],
  ["Stop after three minutes", { kind: "played", seconds: 180 }, "A play that is broken off does not count as a success."],
  ["Pass it over", { kind: "skipped" }, "Passed over: pictures like this one count for less."],
];

/** Open the sheet of a title. */
export function showTitle(client, titleId) {
  const title = titleOf(client, titleId);
  const decision = client.state.shown.get(titleId);
  const sheet = opened(`
    <img class="art" alt="">
    <div class="body">
      <h2 id="sheet-name"></h2>
      <p class="quiet"></p>
      <div class="actions"></div>
      <div class="why"></div>
    </div>`);
  const address = pictureOf(title, decision);
  const picture = sheet.querySelector(".art");
  if (address) picture.src = address;
  else picture.remove();
  sheet.querySelector("h2").textContent = title.name;
  sheet.querySelector(".quiet").textContent = genresOf(title);
  const actions = sheet.querySelector(".actions");
  ENDINGS.forEach(([label, outcome, said], place) => {
    actions.append(action(label, place === 0, async () => {
      await learn(client, title, decision, outcome);
      sheet.close();
      client.note(client.state.art.profiled ? said : "Nothing is kept of it: this profile is not personalised.");
      client.redraw();
    }));
  });
  actions.append(action("Why this picture?", false, () => explain(client, title, decision, sheet.querySelector(".why"))));
  actions.append(action("Back", false, () => sheet.close()));
  actions.firstChild.focus();
}

/** Make the dialog's content, and show it. */
export function opened(content) {
  const sheet = document.getElementById("sheet");
  const before = document.activeElement;
  const name = before && before.dataset.title;
  sheet.innerHTML = content;
  sheet.onclose = () => {
    const again = name ? document.querySelector(`[data-title="${CSS.escape(name)}"]`) : before;
    if (again) again.focus();
  };
  sheet.onclick = (event) => {
    if (event.target === sheet) sheet.close(); // a click beside it
  };
  sheet.showModal();
  return sheet;
}

export function action(label, isMain, done) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = isMain ? "main" : "";
  button.textContent = label;
  button.addEventListener("click", done);
  return button;
}

async function learn(client, title, decision, outcome) {
  const { art } = client.state;
  if (decision.artworkId !== null) await art.observe(decision.id, outcome);
  if (outcome.kind === "played" && outcome.seconds > 900) {
    await art.record({ titleId: title.id, at: new Date(), seconds: outcome.seconds, device: client.context().device });
  }
}

function explain(client, title, decision, place) {
  const { art, language } = client.state;
  const { factors, text } = art.explain(decision.id, language);
  const chances = art.preview(title.id, client.context(decision.slot), decision.beside);
  const largest = Math.max(...factors.map(({ contribution }) => Math.abs(contribution)), 1e-9);
  place.innerHTML = `
    <p class="text"></p>
    <ul class="reasons"></ul>
    <ul class="chances" aria-label="How likely each picture is drawn"></ul>
    <p><small>Drawn on this device with probability <b></b>, beside the other pictures of the page. Nothing of this left
      the device.</small></p>`;
  place.querySelector(".text").textContent = text;
  place.querySelector("b").textContent = percent(decision.propensity);
  for (const factor of factors.filter(({ contribution }) => contribution)) {
    const item = document.createElement("li");
    item.innerHTML = '<span></span><div class="bar"><span></span></div>';
    item.firstChild.textContent = factor.text;
    const bar = item.querySelector(".bar span");
    bar.className = factor.contribution < 0 ? "against" : "";
    bar.style.width = `${(100 * Math.abs(factor.contribution)) / largest}%`;
    place.querySelector(".reasons").append(item);
  }
  for (const artwork of title.artworks) {
    const item = document.createElement("li");
    item.className = artwork.id === decision.artworkId ? "shown" : "";
    item.innerHTML = '<img alt="" loading="lazy"><small></small>';
    item.firstChild.src = artwork.image;
    item.lastChild.textContent = chances[artwork.id] ? percent(chances[artwork.id]) : "not for this profile";
    place.querySelector(".chances").append(item);
  }
  place.scrollIntoView({ block: "nearest", behavior: "smooth" });
}

function percent(share) {
  return share >= 0.1 || share === 0 ? `${Math.round(100 * share)} %` : `${(100 * share).toPrecision(2)} %`;
}
