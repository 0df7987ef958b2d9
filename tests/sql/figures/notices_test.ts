import { assert, assertEquals } from "@std/assert";
import { noticeOf, parseNotice } from "../../../sql/figures/notices.ts";

const fold = { epoch: 3, version: 17, writtenAt: "2026-11-22T10:00:00.000Z" };

Deno.test("a notice comes back from its payload as it was sent", () => {
  const notice = noticeOf({ ...fold, scopes: ["*", "s1"] });
  assertEquals(parseNotice(JSON.stringify(notice)), notice);
});

Deno.test("a notice of 300 scopes with long names says all, so that no payload passes 8,000 bytes", () => {
  const scopes = Array.from({ length: 300 }, (_, index) => `${index}-`.padEnd(64, "x"));
  const notice = noticeOf({ ...fold, scopes });
  assertEquals(notice.scopes, "all");
  const most = Array.from({ length: 59 }, (_, index) => `${index}-`.padEnd(64, "x"));
  const named = noticeOf({ ...fold, scopes: most });
  assertEquals(named.scopes, most);
  assert(JSON.stringify(named).length < 8_000);
});

Deno.test("parseNotice() is null for a notice of another format and for any other text", () => {
  const notice = noticeOf({ ...fold, scopes: "all" });
  assertEquals(parseNotice(JSON.stringify({ ...notice, format: 2 })), null);
  assertEquals(parseNotice("not JSON"), null);
  assertEquals(parseNotice("null"), null);
});
