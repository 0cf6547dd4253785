/** What went wrong with a hub of models is said in words of ours, never as "something at the server". */

import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../src/lib/api/client";
import { ended, problem } from "../src/lib/problem";

test("a hub's refusal has its own words, whatever status it came with", () => {
  for (const [status, code, key] of [
    [503, "hub_unreachable", "hubUnreachable"],
    [503, "hub_failed", "hubFailed"],
    [403, "hub_gated", "hubGated"],
    [403, "hub_key_refused", "hubKeyRefused"],
    [404, "hub_repository_missing", "hubRepositoryMissing"],
    [404, "hub_file_missing", "hubFileMissing"],
    [400, "licence_not_read", "hubLicence"],
  ] as const) {
    assert.equal(problem(new ApiError(status, code, "In English.", status === 404 ? "source" : null)), key);
    assert.equal(ended({ code, message: "In English." }), key);
  }
  assert.equal(ended({ code: "hash_mismatch", message: "In English." }), "hubCorrupt");
  assert.equal(ended({ code: "disk_full", message: "In English." }), "hubDiskFull");
  assert.equal(ended({ code: "new_one", message: "In English." }), "In English.");
});
