// Arrow keys of a remote control: the focus goes to the nearest control in that direction.

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const BACK = ["Escape", "Backspace", "GoBack", "BrowserBack"];
const ACROSS = 3; // how much farther a step aside counts than one ahead

/** Move the focus with the arrow keys from now on. */
export function followArrows() {
  document.addEventListener("keydown", (event) => {
    const sheet = document.querySelector("dialog[open]");
    const isTyping = /^(INPUT|SELECT)$/.test(event.target.tagName) && event.target.type !== "checkbox";
    if (sheet && BACK.includes(event.key) && !isTyping) {
      event.preventDefault();
      sheet.close();
      return;
    }
    const direction = ARROWS[event.key];
    if (!direction || (isTyping && direction[1] === 0) || event.target.tagName === "SELECT") return;
    const next = nearest(sheet || document, document.activeElement, direction);
    event.preventDefault();
    if (next) {
      next.focus({ preventScroll: true });
      (next.closest(".row") || next).scrollIntoView({ block: "nearest", behavior: "smooth" });
      if (next.closest("ul")) reveal(next.parentNode, next.closest("ul"));
      if (next.closest("#bar")) scrollTo({ top: 0, behavior: "smooth" });
    }
  });
}

/** Scroll a row as far as needed, with the next title in sight. */
function reveal(item, list) {
  const left = item.offsetLeft - list.offsetLeft - item.offsetWidth / 2;
  const right = left + 2 * item.offsetWidth;
  if (left < list.scrollLeft) list.scrollTo({ left, behavior: "smooth" });
  else if (right > list.scrollLeft + list.clientWidth) list.scrollTo({ left: right - list.clientWidth, behavior: "smooth" });
}

function nearest(within, from, [dx, dy]) {
  const all = Array.from(within.querySelectorAll("button, input, select, a[href]")).filter((one) => one.offsetParent);
  if (!from || !all.includes(from)) return all.find((one) => one.classList.contains("tile")) || all[0];
  const start = middle(from);
  let best = null;
  let least = Infinity;
  for (const one of all) {
    const [x, y] = middle(one);
    const ahead = (x - start[0]) * dx + (y - start[1]) * dy;
    const aside = Math.abs((x - start[0]) * dy) + Math.abs((y - start[1]) * dx);
    // Left and right stay in their row.
    if (ahead <= 4 || (dx && aside > from.offsetHeight / 2)) continue;
    const cost = ahead + ACROSS * aside * (dy ? 0.2 : 1);
    if (cost < least) [best, least] = [one, cost];
  }
  return best;
}

function middle(element) {
  const { left, top, width, height } = element.getBoundingClientRect();
  return [left + width / 2, top + height / 2];
}
