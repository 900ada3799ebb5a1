// Calls the component as Hookward would: `hookward hook build`, then `npm test`.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

function call(...args) {
  const fixed = ["hook", "call", "dist/@name@.wasm", "--event", "before", "--json"];
  return JSON.parse(spawnSync("hookward", [...fixed, ...args], { encoding: "utf8" }).stdout);
}

test("a backup with the tag may start", () => {
  const report = call("--set", "required-tag=nightly", "--tag", "nightly");
  assert.ok(report.ok, JSON.stringify(report));
  assert.equal(report.log[0].message, "the tag is there");
});

test("one without it may not", () => {
  const report = call("--set", "required-tag=nightly");
  assert.equal(report.failure.message, "this backup has no tag `nightly`");
});

test("the setting is needed", () => {
  assert.equal(call().failure.message, "config key `required-tag` is missing");
});
