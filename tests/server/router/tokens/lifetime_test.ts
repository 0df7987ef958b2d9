import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { ConnectionCredential } from "../../../../server/front/keys/connection_credential.ts";
import type { Principal } from "../../../../server/router/context.ts";
import { Lifetime } from "../../../../server/router/tokens/lifetime.ts";

const DAY_MS = 86_400_000;

/** A caller whose token ends at this time; null: one with an API key. */
function aCaller(endsAt: number | null): Principal {
  return {
    keyId: "key",
    name: "a test",
    scopes: new Set(["dashboard:read"]),
    storeIds: null,
    currencies: null,
    token: endsAt === null
      ? null
      : { procedures: new Set(["dashboard.live"]), expiresAt: endsAt, endsAt },
  };
}

Deno.test("a lifetime ends at the end of its token, also of one that lives for a year", () => {
  using time = new FakeTime();
  using short = new Lifetime(aCaller(time.now + 2_000), undefined, undefined);
  using year = new Lifetime(aCaller(time.now + 365 * DAY_MS), undefined, undefined);
  time.tick(1_999);
  assertEquals([short.isOver, short.signal?.aborted], [false, false]);
  time.tick(1);
  assertEquals([short.isOver, short.signal?.aborted, year.isOver], [true, true, false]);
  time.tick(364 * DAY_MS);
  assertEquals(year.isOver, false);
  time.tick(DAY_MS);
  assertEquals(year.isOver, true);
});

Deno.test("a lifetime without a token has no end of its own", () => {
  using time = new FakeTime();
  const gone = new AbortController();
  using life = new Lifetime(aCaller(null), undefined, gone.signal);
  time.tick(365 * DAY_MS);
  assertEquals([life.isOver, life.signal === gone.signal], [false, true]);
});

Deno.test("a client that is gone aborts the signal, and the token has not ended", () => {
  using time = new FakeTime();
  const gone = new AbortController();
  using life = new Lifetime(aCaller(time.now + 1_000), undefined, gone.signal);
  gone.abort();
  assertEquals([life.signal?.aborted, life.isOver], [true, false]);
});

Deno.test("a renewed token moves the end, to later and to sooner", () => {
  using time = new FakeTime();
  const credential = new ConnectionCredential("first");
  const caller = credential.principal = aCaller(time.now + 1_000);
  using life = new Lifetime(caller, credential, undefined);
  credential.renew("second", aCaller(time.now + 10_000));
  time.tick(9_000);
  assertEquals(life.isOver, false);
  credential.renew("third", aCaller(time.now + 100));
  time.tick(100);
  assertEquals(life.isOver, true);
});

Deno.test("a lifetime that is given up leaves no timer, and hears of no renewal", () => {
  using time = new FakeTime();
  const credential = new ConnectionCredential("first");
  const caller = credential.principal = aCaller(time.now + 1_000);
  const life = new Lifetime(caller, credential, undefined);
  life[Symbol.dispose]();
  credential.renew("second", aCaller(time.now + 10));
  time.tick(2_000);
  assertEquals([life.isOver, credential.onRenewed.size], [false, 0]);
});
