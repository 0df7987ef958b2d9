/** The key that a service makes for its run: when it is made, and where it is said. */
import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { createWeirClient, errorDataOf } from "../../../../client/mod.ts";
import { readConfig } from "../../../../server/config.ts";
import { keyOfRun, tellKey } from "../../../../server/front/keys/dev_key.ts";
import { withLogLines } from "../../../support/doubles/log_lines.ts";
import { anInput } from "../../../support/load/orders.ts";
import { withDatabase } from "../../../support/services/database.ts";
import { runTask, startTask } from "../../../support/services/tasks.ts";

const LINK = /a key of this run alone: (http:\/\/127\.0\.0\.1:\d+)\/#token=(\S+)/;

/** The outcome of an order that is placed with `token`. */
async function place(url: string, token: string): Promise<string | undefined> {
  const client = createWeirClient({ url, token });
  const placed = client.api.orders.place.mutate(anInput());
  const outcome = await placed.then(({ status }) => status, (error) => errorDataOf(error)?.reason);
  await client.close();
  return outcome;
}

Deno.test("a start without any key says a link with a random one, until a key is made", () =>
  withDatabase(async ({ url: database }) => {
    const given = { DATABASE_URL: database, PORT: "0" };
    const run = async (environment: Record<string, string>) => {
      const service = await startTask("start", "", { ...given, ...environment });
      await service.says(/ ready$/m);
      return service;
    };
    const end = async (service: Awaited<ReturnType<typeof run>>) => {
      service.interrupt();
      assertEquals((await service.ended).code, 0, service.printed.stderr);
      return service.printed.stdout;
    };

    const first = await run({});
    const [, url = "", token = ""] = await first.says(LINK);
    assertMatch(token, /^weir_dev_[\w-]{43}$/);
    assertEquals(await place(url, token), "committed");
    await end(first);

    const second = await run({});
    const [, secondUrl = "", secondToken = ""] = await second.says(LINK);
    assertNotEquals(secondToken, token);
    assertEquals(await place(secondUrl, token), "unauthenticated", "the key ended with its run");
    await end(second);

    const made = await runTask("keys", "create --label shop", given);
    assertEquals(made.code, 0, made.stderr);
    const third = await run({});
    const [, thirdUrl = ""] = await third.says(/listening on (\S+)/);
    assertEquals(await place(thirdUrl, made.stdout.trim()), "committed");
    assert(!/#token=|no API key/.test(await end(third)), "there is a key, so none is made");

    const asked = await run({ WEIR_DEV_KEY: "random" });
    await asked.says(LINK);
    await end(asked);

    const [, keyId = ""] = /^weir_([0-9a-f]+)_/.exec(made.stdout) ?? [];
    assertEquals((await runTask("keys", `revoke ${keyId}`, given)).code, 0);
    const afterRevoked = await run({});
    await afterRevoked.says(LINK);
    await end(afterRevoked);

    const elsewhere = await run({ HOST: "0.0.0.0" });
    await elsewhere.says(/no API key yet: `deno task keys create/);
    assert(!(await end(elsewhere)).includes("#token="), "others than this machine could read it");
  }));

Deno.test("a key of a run is made on a loopback address alone, and never beside a given one", () => {
  const made = (host: string, devKey: string | null = null) => keyOfRun({ host, devKey }) !== null;
  assertEquals(["127.0.0.1", "::1", "localhost"].map((host) => made(host)), [true, true, true]);
  assertEquals(["0.0.0.0", "::", "10.0.0.1"].map((host) => made(host)), [false, false, false]);
  assertEquals(made("127.0.0.1", "a-given-key"), false);
  const random = readConfig({ WEIR_DEV_KEY: "random" });
  assertEquals([random.devKey, random.asksRandomKey], [null, true], "the word is no key");
});

Deno.test("a key of a run is not said while nobody knows whether there is another", () =>
  withLogLines(async (lines) => {
    const url = "http://127.0.0.1:1";
    const hasKeys = () => Promise.reject(new Error("permission denied for table api_keys"));
    const config = { devKey: null, asksRandomKey: false };
    await tellKey({ config, key: "secret", url, hasKeys });
    assertMatch(lines.join("\n"), /^warning: nobody knows .*permission denied/);
    assert(!lines.join().includes("secret"));
    await tellKey({ config: { ...config, asksRandomKey: true }, key: "secret", url, hasKeys });
    assertMatch(lines[1] ?? "", /#token=secret$/);
  }));
