import { assert, assertEquals, assertRejects } from "@std/assert";
import { Connections, type Sharer } from "../../../sql/connection/connections.ts";
import { connect } from "../../../sql/connection/driver.ts";
import { openDatabase } from "../../../sql/connection/database.ts";
import { PoolBusy } from "../../../sql/connection/gate.ts";
import { withDatabase } from "../../support/services/database.ts";
import { testServices } from "../../support/services/services.ts";

const CLOSED = { isClosed: true };

/** A pool with `open` connections, all in use but `idle`. */
function sharer(connections: Connections, open: number, idle = 0): Sharer & { idle: number } {
  const made = {
    open,
    idle,
    giveBack: () => {
      if (made.idle === 0) return false;
      made.idle--;
      made.open--;
      connections.left();
      return true;
    },
  };
  for (let taken = 0; taken < open; taken++) assert(connections.take());
  connections.join(made);
  return made;
}

Deno.test("connections have no limit until the server refuses one", () => {
  const connections = new Connections(20);
  for (let taken = 0; taken < 6; taken++) assert(connections.take());
  assertEquals(connections.limit, null);
  assert(connections.take());
  assert(connections.refused({ isClosed: false }));
  connections.left(false);
  assertEquals(connections.limit, { allowed: 6, wanted: 20 });
  assert(!connections.take());
});

Deno.test("a pool that waits gets the room of another pool's idle connection", async () => {
  const connections = new Connections(20);
  sharer(connections, 2);
  const idle = sharer(connections, 3, 1);
  assert(connections.refused(CLOSED));
  const waiting = sharer(connections, 0);
  assert(!connections.take());
  await connections.wait(waiting, 1_000);
  assertEquals(idle.idle, 0);
  assert(connections.take());
});

Deno.test("a pool gives its connection up for a pool that has fewer, and for no other", async () => {
  const connections = new Connections(20);
  const many = sharer(connections, 3);
  const one = sharer(connections, 1);
  assert(connections.refused(CLOSED));
  assert(connections.mayKeep(many));
  const none = sharer(connections, 0);
  const waiting = connections.wait(none, 1_000);
  assert(!connections.mayKeep(many));
  assert(!connections.mayKeep(one));
  connections.left();
  await waiting;
  const second = connections.wait(one, 1_000);
  assert(!connections.mayKeep(many));
  assert(connections.mayKeep(one), "its own call takes it");
  connections.idle(one);
  await second;
});

Deno.test("one more connection is tried after a while", () => {
  let now = 0;
  const connections = new Connections(20, () => now);
  sharer(connections, 4);
  assert(connections.refused(CLOSED));
  assert(!connections.take());
  now = 10_000;
  assert(connections.take());
  assert(!connections.take());
  assertEquals(connections.limit, { allowed: 5, wanted: 20 });
  now = 30_000;
  assertEquals(connections.limit, null, "nothing was refused for a while");
});

Deno.test("a refusal says nothing of the limit while the server may count an ended connection", () => {
  let now = 0;
  const connections = new Connections(20, () => now);
  sharer(connections, 4);
  connections.left();
  assert(connections.refused(CLOSED));
  assertEquals(connections.limit, null);
  now = 1_000;
  assert(connections.refused(CLOSED));
  assertEquals(connections.limit, { allowed: 3, wanted: 20 });
});

Deno.test("waiting for a connection ends in PoolBusy, or with the pool", async () => {
  const connections = new Connections(20);
  const pool = sharer(connections, 1);
  assert(connections.refused(CLOSED));
  await assertRejects(() => connections.wait(pool, 5), PoolBusy);
  const waiting = connections.wait(pool, 60_000);
  connections.refuse(pool, new TypeError("ended"));
  await assertRejects(() => waiting, TypeError);
});

Deno.test("a refusal is an outage when the pools have no other connection", () => {
  const connections = new Connections(20);
  assert(connections.take());
  assert(!connections.refused({ isClosed: false }));
});

Deno.test("all pools work under a role's connection limit that is below their number", () =>
  withDatabase(async ({ url }) => {
    const role = `weir_limited_${crypto.randomUUID().slice(0, 8)}`;
    const admin = connect(testServices().databaseUrl, { max: 1 });
    const { username } = new URL(url);
    await admin.unsafe(
      `create role ${role} login password 'x' connection limit 3 in role "${username}"`,
    );
    const limited = new URL(url);
    limited.username = role;
    limited.password = "x";
    const database = openDatabase({
      url: limited.href,
      statementTimeoutMs: 10_000,
      writeConnections: 2,
    });
    const { write, cancel, drain, fold, read, live, keys, audit } = database;
    const calls = [write, cancel, drain, fold, read, live, keys, audit].flatMap((pool) =>
      Array.from({ length: 10 }, () => pool.run((sql) => sql`select pg_sleep(0.005)`))
    );
    await Promise.all(calls);
    const limit = database.connectionLimit();
    assert(limit !== null && limit.allowed < limit.wanted, JSON.stringify(limit));
    await database.end();
    await admin.unsafe(`drop role ${role}`);
    await admin.end();
  }));
