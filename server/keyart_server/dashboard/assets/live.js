/* Keeps the parts of a page that change up to date. Without it the page has a link to refresh. */
"use strict";
(() => {
  const EVERY = 3000, MOST = 30000, PATIENCE = 10000;

  // A form is sent once, however often its button is pressed.
  addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented) return;  // a script sends it
    if (form.ariaBusy === "true") event.preventDefault();
    else form.ariaBusy = "true";
  });
  addEventListener("pageshow", () => { for (const form of document.forms) form.ariaBusy = null; });

  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = !navigator.clipboard;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
      button.textContent = "Copied";
    });
  }

  const live = document.querySelector("[data-live]");
  if (!live) return;
  const fresh = document.querySelector("[data-fresh]"), asOf = fresh.innerHTML;
  const said = document.querySelector("[data-said]");
  const shown = new Map([...live.children].map((part) => [part.id, part.outerHTML]));
  let tag = "", wait = EVERY, timer = 0, asking = false;

  function tell(state, html) {
    if (fresh.dataset.fresh === state) return;
    fresh.dataset.fresh = state;
    fresh.innerHTML = html;
  }

  // Only what has changed is replaced, and nothing in which somebody writes.
  function show(text) {
    const next = new DOMParser().parseFromString(text, "text/html").body;
    for (const part of [...next.children]) {
      const html = part.outerHTML, old = document.getElementById(part.id), held = document.activeElement;
      if (!old || shown.get(part.id) === html) continue;
      const inside = old.contains(held);
      if (inside && held.matches("input, select, textarea")) { tag = ""; continue; }
      for (const open of old.querySelectorAll("details[open][id]")) {
        const same = part.querySelector("#" + CSS.escape(open.id));
        if (same) same.open = true;
      }
      for (const ticked of old.querySelectorAll("input:checked[id]")) {
        const same = part.querySelector("#" + CSS.escape(ticked.id));
        if (same) same.checked = true;
      }
      old.replaceWith(part);
      shown.set(part.id, html);
      if (inside && held.id) document.getElementById(held.id)?.focus();
    }
    const sentence = live.querySelector("[data-say]")?.textContent ?? "";
    if (said.textContent !== sentence) said.textContent = sentence;
  }

  async function look() {
    clearTimeout(timer);
    if (document.hidden || asking) return;
    asking = true;
    try {
      const headers = { "X-Keyart-Part": "live" };
      if (tag) headers["If-None-Match"] = tag;
      const answer = await fetch(location.href, { headers, cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
      if (answer.status === 401 || (answer.ok && !answer.headers.has("ETag"))) {
        tell("out", 'You are signed out. <a href="">Sign in</a>');
        return;
      }
      if (answer.status !== 304) {
        if (!answer.ok) throw new Error(answer.status);
        tag = answer.headers.get("ETag");
        show(await answer.text());
      }
      wait = EVERY;
      tell("live", "Live");
    } catch {
      wait = Math.min(2 * wait, MOST);
      tell("lost", `Connection lost; trying again. ${asOf}`);
    } finally {
      asking = false;
    }
    timer = setTimeout(look, wait);
  }

  document.addEventListener("visibilitychange", look);
  timer = setTimeout(look, EVERY);
})();
