// The home screen: rows of titles, each with the picture that was chosen for this viewer, and the title in focus above.

const ROW_LENGTH = 12;
const ROWS = [
  ["Picked for you", null], ["Stories of people", "drama"], ["Hold your breath", "thriller"], ["Laughs", "comedy"],
  ["Crime and mystery", "crime"], ["Love", "romance"], ["For everybody at home", "family"], ["Far away", "adventure"],
];

/** Draw the home screen of the open profile. */
export function drawHome(client) {
  const { art, shown } = client.state;
  const focused = document.activeElement && document.activeElement.dataset.title;
  const rows = rowsOf(client);
  const order = Array.from(new Set([].concat(...rows.map(([, titles]) => titles.map(({ id }) => id)))));
  const beside = [];
  shown.clear();
  art.choosePage(order, client.context()).forEach((decision, slot) => {
    shown.set(decision.titleId, { ...decision, slot, beside: beside.slice() });
    if (decision.artworkId !== null) beside.push(decision.artworkId);
  });
  const place = document.getElementById("rows");
  place.replaceWith(filled(client, rows));
  const again = focused && document.querySelector(`[data-title="${CSS.escape(focused)}"]`);
  const first = document.querySelector(".tile");
  showHero(client, (again || first).dataset.title);
  if (again) again.focus();
}

/** Show a title above the rows. */
export function showHero(client, titleId) {
  const title = titleOf(client, titleId);
  const decision = client.state.shown.get(titleId);
  const picture = document.getElementById("hero-picture");
  picture.src = pictureOf(title, decision) || "";
  picture.hidden = !picture.getAttribute("src");
  document.getElementById("hero-name").textContent = title.name;
  document.getElementById("hero-genres").textContent = genresOf(title);
  document.getElementById("hero-why").textContent = client.state.art.explain(decision.id, client.state.language).text;
}

/** Return the genres of a title as people read them. */
export function genresOf(title) {
  return Object.keys(title.tags)
    .filter((tag) => tag.startsWith("genre:"))
    .map((tag) => tag.slice(6).replace(/-/g, " "))
    .map((word) => word[0].toUpperCase() + word.slice(1))
    .join(" · ");
}

/** Return the address of the picture of a decision; null if none may be shown. */
export function pictureOf(title, decision) {
  const artwork = title.artworks.find(({ id }) => id === decision.artworkId);
  return artwork ? artwork.image : null;
}

export function titleOf(client, titleId) {
  return client.catalog.titles[client.catalog.index(titleId)];
}

function rowsOf(client) {
  const { titles } = client.catalog;
  const { wish } = client.state;
  const liked = (title) => Object.entries(title.tags).reduce((sum, [tag, weight]) => sum + weight * (wish[tag] || 0), 0);
  const sorted = titles.slice().sort((a, b) => liked(b) - liked(a));
  return ROWS.map(([name, genre]) => {
    const of = genre === null ? sorted : sorted.filter((title) => title.tags[`genre:${genre}`]);
    return [name, of.slice(0, ROW_LENGTH)];
  }).filter(([, of]) => of.length);
}

function filled(client, rows) {
  const place = document.createElement("div");
  place.id = "rows";
  rows.forEach(([name, titles], number) => {
    const row = document.createElement("section");
    row.className = "row";
    row.innerHTML = `<h3 id="row-${number}"></h3><ul aria-labelledby="row-${number}"></ul>`;
    row.firstChild.textContent = name;
    for (const title of titles) {
      const item = document.createElement("li");
      item.append(tile(client, title));
      row.lastChild.append(item);
    }
    place.append(row);
  });
  return place;
}

function tile(client, title) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "tile";
  button.dataset.title = title.id;
  button.setAttribute("aria-label", title.name);
  const address = pictureOf(title, client.state.shown.get(title.id));
  const inside = document.createElement(address ? "img" : "span");
  if (address) {
    inside.src = address;
    inside.alt = "";
    inside.loading = "lazy";
  } else {
    inside.className = "card"; // the age limit allows no picture of this title
    inside.textContent = title.name;
  }
  button.append(inside);
  button.addEventListener("focus", () => showHero(client, title.id));
  button.addEventListener("mouseenter", () => showHero(client, title.id));
  button.addEventListener("click", () => client.open(title.id));
  return button;
}
