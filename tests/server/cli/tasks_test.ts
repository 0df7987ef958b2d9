/** The tasks start, demo, migrate and keys, as an operator runs them, and the end of every task. */
import { assert, assertEquals, assertGreater, assertMatch, assertNotEquals } from "@std/assert";
import { createWeirClient, errorDataOf } from "../../../client/mod.ts";
import { emptyDatabase, withDatabase } from "../../support/services/database.ts";
import { sampleOrders } from "../../../server/cli/demo/sample_orders.ts";
import { temporaryFolder, until } from "../../support/services/services.ts";
import {
  runTask as run,
  startTask as start,
  type TaskResult,
} from "../../support/services/tasks.ts";

const TOKEN = /^weir_([0-9a-f]{16})_[\w-]{43}$/m;
const LAST_LINE = /^(\d+) orders acknowledged, (\d+) in the database, (\d+) on the dashboard$/m;

async function withDataDir(test: (environment: Record<string, string>) => Promise<void>) {
  const dataDir = await temporaryFolder();
  try {
    await test({ WEIR_DATA_DIR: dataDir });
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
}

/** The count of a demo whose three counts are equal. */
function countsOf({ code, stdout, stderr }: TaskResult): number {
  const [, acknowledged, database, dashboard] = LAST_LINE.exec(stdout) ?? [];
  assert(acknowledged !== undefined, `no counts in ${stdout}\n${stderr}`);
  assertEquals([database, dashboard, code], [acknowledged, acknowledged, 0], stderr);
  assertMatch(stdout.trimEnd().split("\n").at(-1) ?? "", LAST_LINE);
  return Number(acknowledged);
}

/** The process of the embedded PostgreSQL. @param folder `/demo` for the one of the demo */
async function postmasterOf(
  { WEIR_DATA_DIR }: Record<string, string>,
  folder = "",
): Promise<number | null> {
  const pidFile = await Deno.readTextFile(`${WEIR_DATA_DIR}${folder}/postgres/postmaster.pid`)
    .catch(() => "");
  return Number(pidFile.split("\n")[0]) || null;
}

Deno.test("each task prints its help and exits with 0", async () => {
  for (const name of ["start", "demo", "migrate", "keys", "aggregate", "audit", "rebuild"]) {
    const { code, stdout } = await run(name, "--help");
    assertEquals(code, 0);
    assertMatch(stdout, new RegExp(`^Usage: deno task ${name} `));
  }
});

Deno.test("a task that is called wrongly exits with 2 and one line", async () => {
  const wrong = [
    ["start", "now"],
    ["demo", "--for soon"],
    ["demo", "--rate 0"],
    ["migrate", "--backwards"],
    ["keys", "create"],
    ["keys", "create --label x --scope everything"],
    ["keys", "create --label x --store ÄÖ"],
    ["keys", "revoke 12"],
    ["keys", "burn"],
    ["aggregate", "--limit none"],
    ["audit", "--buckets 0"],
    ["rebuild", "everything"],
  ] as const;
  for (const [name, args] of wrong) {
    const { code, stderr } = await run(name, args);
    assertEquals([name, args, code, stderr.trim().split("\n").length], [name, args, 2, 1]);
  }
  assertEquals((await run("keys", "")).code, 2);
});

Deno.test("a task that fails exits with 1 and one line", async () => {
  const away = { DATABASE_URL: "postgres://weir:secret@127.0.0.1:1/weir" };
  const failing = [
    ["migrate", "", away, /ECONNREFUSED/],
    ["keys", "list", away, /ECONNREFUSED/],
    ["keys", "list", { DATABASE_URL: "weir" }, /^weir: DATABASE_URL is wrong/],
    ["start", "", { PORT: "eighty" }, /^weir: PORT is wrong/],
    ["demo", "", { HOST: "0.0.0.0" }, /^weir: WEIR_DEV_KEY is refused/],
  ] as const;
  for (const [name, args, environment, line] of failing) {
    const { code, stderr } = await run(name, args, environment);
    assertMatch(stderr, line);
    assertEquals([code, stderr.trim().split("\n").length], [1, 1], stderr);
  }
});

Deno.test("migrate lists what to apply, applies it once, and refuses an edited migration", async () => {
  const database = await emptyDatabase();
  const environment = { DATABASE_URL: database.url };
  const status = async (): Promise<{ name: string; appliedAt: string | null }[]> =>
    JSON.parse((await run("migrate", "--status --json", environment)).stdout);
  try {
    const before = await status();
    assert(before.length > 0 && before.every(({ appliedAt }) => appliedAt === null));
    const both = await Promise.all([
      run("migrate", "--json", environment),
      run("migrate", "--json", environment),
    ]);
    assertEquals(both.map(({ code }) => code), [0, 0]);
    const applied = both.flatMap(({ stdout }) => JSON.parse(stdout).applied);
    assertEquals(applied, before.map(({ name }) => name));
    assert((await status()).every(({ appliedAt }) => appliedAt !== null));
    assertMatch((await run("migrate", "", environment)).stdout, /up to date/);
    assertMatch((await run("migrate", "--status", environment)).stdout, /^0001_orders.sql +\d{4}/m);

    await database.sql`update weir_migrations set sha256 = 'x' where name like '0001%'`;
    const edited = await run("migrate", "", environment);
    assertEquals(edited.code, 1);
    assertMatch(edited.stderr, /^weir: sql\/migrations\/0001_orders.sql was edited.*\n$/);
  } finally {
    await database.drop();
  }
});

Deno.test("keys makes a key that opens its own stores and currencies alone, and revokes it", async () => {
  await withDatabase(async ({ url }) => {
    const environment = { DATABASE_URL: url };
    const make = async (args: string) => {
      const { code, stdout, stderr } = await run("keys", `create ${args}`, environment);
      const [token = "", keyId = ""] = TOKEN.exec(stdout) ?? [];
      assertEquals([code, stdout], [0, `${token}\n`], stderr);
      return { token, keyId };
    };
    const good = await make("--label till --scope orders:write --store berlin-x");
    const limits = "--store berlin-x --store oslo-x --store oslo-x --currency USD --currency EUR";
    const limited = await make(`--label two --scope orders:write ${limits}`);
    for (const wrong of ["--store Berlin", "--currency eur"]) {
      const { code, stderr } = await run("keys", `create --label x ${wrong}`, environment);
      assertEquals([code, stderr.split("\n").length], [2, 2], stderr);
    }
    const revoked = await make("--label old");
    assertEquals((await run("keys", `revoke ${revoked.keyId}`, environment)).code, 0);
    assertEquals((await run("keys", `revoke ${revoked.keyId}`, environment)).code, 1);

    const service = await start("start", "", { ...environment, PORT: "0" });
    const [, address = ""] = await service.says(/listening on (\S+)[^]*ready/);
    const place = async (token: string, storeId: string, currency = "EUR") => {
      const client = createWeirClient({ url: address, token });
      const order = { ...sampleOrders({ suffix: "x", seed: 1 })(), storeId, currency };
      const placed = client.api.orders.place.mutate(order);
      const answer = await placed.then(() => "placed", (error) => errorDataOf(error)?.reason);
      await client.close();
      return answer;
    };
    assertEquals(await place(good.token, "berlin-x"), "placed");
    assertEquals(await place(good.token, "lyon-x"), "forbidden");
    assertEquals(await place(revoked.token, "berlin-x"), "unauthenticated");
    assertEquals(await place(limited.token, "oslo-x"), "placed");
    assertEquals(await place(limited.token, "lyon-x"), "forbidden");
    assertEquals(await place(limited.token, "oslo-x", "CHF"), "forbidden");
    service.interrupt();
    assertEquals((await service.ended).code, 0);

    const { stdout } = await run("keys", "list --json", environment);
    const [newest, middle, oldest] = JSON.parse(stdout);
    assertEquals([middle.storeIds, middle.currencies], [["berlin-x", "oslo-x"], ["USD", "EUR"]]);
    const table = (await run("keys", "list", environment)).stdout;
    assertMatch(table, /two +orders:write +berlin-x,oslo-x +USD,EUR +\d{4}/);
    assertMatch(table, /till +orders:write +berlin-x +all +\d{4}/);
    assertEquals([newest.keyId, oldest.keyId], [revoked.keyId, good.keyId]);
    assertMatch(newest.revokedAt, /Z$/);
    const { label, scopes, storeIds, revokedAt } = oldest;
    assertEquals([label, scopes, storeIds, revokedAt], [
      "till",
      ["orders:write"],
      ["berlin-x"],
      null,
    ]);
    assert(!stdout.includes(good.token.slice(-43)), "the list must not hold the secret");
  });
});

Deno.test("keys and migrate use the embedded database, at rest and under a live service", async () => {
  await withDataDir(async (environment) => {
    const made = await run("keys", "create --label first", environment);
    assertEquals(made.code, 0, made.stderr);
    assertEquals(await postmasterOf(environment), null);
    const service = await start("start", "", { ...environment, PORT: "0" });
    await service.says(/ready/);
    const postmaster = await postmasterOf(environment);
    const listed = await run("keys", "list", environment);
    assertMatch(listed.stdout, /first/, listed.stderr);
    const { stdout } = await run("migrate", "--status", environment);
    assert(!stdout.includes("to be applied"));
    assertEquals(await postmasterOf(environment), postmaster);
    service.interrupt();
    assertEquals((await service.ended).code, 0);
  });
});

Deno.test("demo --for ends by itself with three equal counts, again in the same folder", async () => {
  await withDataDir(async (environment) => {
    const first = await run("demo", "--for 3s", environment);
    assertMatch(first.stdout, /http:\/\/127\.0\.0\.1:\d+\/#token=\S{8}/);
    const orders = countsOf(first);
    assertGreater(orders, 50);
    const second = await start("demo", "--rate 200", environment);
    const [, url = "", token = ""] = await second.says(/(http:\S+)\/#token=(\S+)/);
    const client = createWeirClient({ url, token });
    await until("the orders of both runs on the dashboard of all stores", async () => {
      const { currencies } = await client.api.dashboard.snapshot.query({});
      return currencies.reduce((sum, { today }) => sum + today.orders, 0) > orders + 50;
    });
    await client.close();
    second.interrupt();
    assertGreater(countsOf(await second.ended), 50);
  });
});

Deno.test("the orders of a demo are not among those of the service, whichever ran first", async () => {
  await withDataDir(async (environment) => {
    countsOf(await run("demo", "--for 1s", environment));
    const given = { ...environment, PORT: "0", WEIR_DEV_KEY: "a-key-for-tests" };
    const service = await start("start", "", given);
    const [, url = ""] = await service.says(/listening on (\S+)[^]*ready/);
    const client = createWeirClient({ url, token: given.WEIR_DEV_KEY });
    const currencies = async () => (await client.api.dashboard.snapshot.query({})).currencies;
    assertEquals(await currencies(), []);
    countsOf(await run("demo", "--for 1s", environment)); // beside the service
    assertEquals(await currencies(), []);
    await client.close();
    service.interrupt();
    assertEquals((await service.ended).code, 0);
  });
});

Deno.test("demo ends with equal counts when its PostgreSQL is killed in the middle", async () => {
  await withDataDir(async (environment) => {
    const demo = await start("demo", "--rate 100", environment);
    const acknowledged = () =>
      Number([...demo.printed.stdout.matchAll(/^(\d+) orders/gm)].at(-1)?.[1] ?? 0);
    await until("the first orders", () => acknowledged() > 50);
    const killed = await postmasterOf(environment, "/demo");
    assert(killed !== null);
    Deno.kill(killed, "SIGKILL");
    await until("another postmaster", async () => {
      const postmaster = await postmasterOf(environment, "/demo");
      return postmaster !== null && postmaster !== killed;
    });
    const before = acknowledged();
    await until("orders after the kill", () => acknowledged() > before);
    demo.interrupt();
    assertGreater(countsOf(await demo.ended), before);
  });
});

Deno.test("demo on a given database without Redis ends with Ctrl-C and equal counts", async () => {
  await withDatabase(async ({ url, sql }) => {
    const demo = await start("demo", "--rate 200", { DATABASE_URL: url });
    await demo.says(/^\d\d+ orders acknowledged/m);
    demo.interrupt();
    const result = await demo.ended;
    const [row] = await sql<{ count: number }[]>`select count(*)::int from orders`;
    assertEquals(countsOf(result), row?.count);
    assertMatch(result.stdout, /^without Redis/m);
  });
});

Deno.test("demo takes a free port when the usual one is taken, and none when it was told one", async () => {
  const listener = takePort(8_080);
  try {
    await withDatabase(async ({ url }) => {
      const { stdout } = await run("demo", "--for 1s", { DATABASE_URL: url });
      const [, port] = /127\.0\.0\.1:(\d+)/.exec(stdout) ?? [];
      assertNotEquals(port, "8080");
      const told = await run("demo", "--for 1s", { DATABASE_URL: url, PORT: "8080" });
      assertEquals([told.code, told.stderr], [1, "weir: PORT 8080 is in use by another process\n"]);
    });
  } finally {
    listener?.close();
  }
});

/** Listens on a port. @returns undefined when another process has the port */
function takePort(port: number): Deno.TcpListener | undefined {
  try {
    return Deno.listen({ hostname: "127.0.0.1", port });
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return undefined;
    throw error;
  }
}
