// Settings of a profile: consent, no profiling at all, the language of reasons, what is kept, and forgetting it.

import { CONSENT_TEXTS } from "./keyart/index.js";
import { isNonProfiled, setNonProfiled } from "./profiles.js";
import { action, opened } from "./sheet.js";

const LANGUAGES = { en: "English", de: "Deutsch", es: "Español", fr: "Français", ja: "日本語" };

/** Open the settings of the profile that is in use. */
export function showSettings(client) {
  const { art, profile, language } = client.state;
  const sheet = opened(`
    <div class="body">
      <h2 id="sheet-name"></h2>
      <fieldset class="privacy"><legend>Privacy</legend></fieldset>
      <fieldset><legend>Reasons</legend><label><span class="quiet">Language of “Why this picture?”&nbsp;</span><select></select></label></fieldset>
      <fieldset><legend>What is kept on this device</legend><p class="quiet kept"></p></fieldset>
      <div class="actions"></div>
      <p class="quiet"><small class="model"></small></p>
      <p class="quiet"><small class="licence"></small></p>
    </div>`);
  sheet.querySelector("h2").textContent = `Settings: ${profile.name}`;
  sheet.querySelector(".model").textContent = client.model;
  sheet.querySelector(".licence").textContent = client.about.licence;
  const privacy = sheet.querySelector(".privacy");
  if (profile.child) {
    privacy.append(paragraph("This is a child's profile: it shows pictures rated 6+ and milder, learns nothing, and keeps nothing."));
  } else {
    privacy.append(
      choice("Choose pictures for me", CONSENT_TEXTS.personalization, art.consent.allows("personalization"), async (is) => {
        if (is) await art.consent.grant("personalization");
        else await art.consent.withdraw("personalization");
        done(client, is ? "Pictures are chosen for you again." : "Pictures do not depend on you from now on.");
      }),
      choice("Never use or keep anything about me", "Choices then go by the titles and the time of day alone.", isNonProfiled(profile), async (is) => {
        setNonProfiled(is);
        await client.reopen();
        client.note(is ? "Nothing about you is used or kept." : "Your consents hold again.");
      }),
    );
  }
  const select = sheet.querySelector("select");
  for (const [code, name] of Object.entries(LANGUAGES)) select.append(new Option(name, code, false, code === language));
  select.addEventListener("change", () => {
    client.state.language = select.value;
    client.redraw();
  });
  sheet.querySelector(".kept").textContent = summary(client);
  const actions = sheet.querySelector(".actions");
  if (!profile.child) {
    actions.append(action("Download what is kept", false, () => download(client)));
    actions.append(action("Forget everything", false, async () => {
      await client.state.art.forget();
      sheet.close();
      done(client, "Everything about this profile is erased.");
    }));
  }
  actions.append(action("Back", true, () => sheet.close()));
  actions.lastChild.focus();
}

function done(client, text) {
  client.redraw();
  client.note(text);
}

function summary(client) {
  const { views, outcomes } = client.state.art.export();
  if (!views.length && !outcomes.length) return "Nothing is kept.";
  return `${views.length} views and ${outcomes.length} outcomes, encrypted. They never leave this device.`;
}

function download(client) {
  const text = JSON.stringify(client.state.art.export(), null, 1);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = `${client.state.profile.id}.json`;
  link.click();
  URL.revokeObjectURL(link.href);
}

function choice(label, text, is, changed) {
  const row = document.createElement("label");
  row.innerHTML = '<input type="checkbox"><span><b></b><br><small></small></span>';
  row.querySelector("b").textContent = label;
  row.querySelector("small").textContent = text;
  const box = row.firstChild;
  box.checked = is;
  box.addEventListener("change", () => changed(box.checked));
  return row;
}

function paragraph(text) {
  const made = document.createElement("p");
  made.textContent = text;
  return made;
}
