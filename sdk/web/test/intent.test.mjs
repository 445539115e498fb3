// Sentences that the Python SDK has read: the same tags here. KEYART_INTENTS names a file of them.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { ContextError } from "../dist/index.js";
import { combine, fromMood, fromText } from "../dist/intent.js";

const FILE = process.env.KEYART_INTENTS;

test("every sentence means the same", { skip: FILE ? false : "KEYART_INTENTS names no file" }, () => {
  const sentences = Object.entries(JSON.parse(readFileSync(FILE, "utf8")));
  assert.ok(sentences.length > 500);
  for (const [text, expected] of sentences) assert.deepEqual(fromText(text), expected, text);
});

test("moods, and several wishes at once", () => {
  assert.deepEqual(fromMood("scary", -0.5), { "genre:horror": -0.5 });
  assert.deepEqual(combine({ a: 0.5, b: -1 }, { a: -0.5, b: 0.9, c: 7 }), { a: -0.5, b: -1, c: 1 });
  assert.throws(() => fromMood("merry"), ContextError);
  assert.throws(() => fromText("funny", "xx"), ContextError);
});
