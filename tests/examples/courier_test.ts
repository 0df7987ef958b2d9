/** The courier of examples/ on a network that comes and goes, killed in the middle of it. */
import { assertEquals } from "@std/assert";
import { startHostileDoor, type Treatment } from "../support/client/hostile_door.ts";
import { Random } from "../support/load/random.ts";
import { KEY, withInstance } from "../support/services/instance.ts";
import { until, withFolder } from "../support/services/services.ts";

const ROOT = new URL("../../", import.meta.url);

/** The program with a file of its own. */
function start(url: string, path: string) {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "examples/courier.ts", path],
    cwd: ROOT,
    env: { WEIR_URL: url, WEIR_KEY: KEY, NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const writer = child.stdin.getWriter();
  let printed = "";
  const collected = (async () => {
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) printed += text;
  })();
  return {
    type: (line: string) => writer.write(new TextEncoder().encode(`${line}\n`)),
    lines: () => printed.split("\n"),
    kill: async () => {
      child.kill("SIGKILL");
      await writer.abort().catch(() => undefined);
      await Promise.all([child.status, collected]);
    },
    end: async () => {
      await writer.close();
      await Promise.all([child.status, collected]);
    },
  };
}

Deno.test("courier: orders on a bad network, of a program that is killed, are stored once each", () =>
  withInstance(({ url, database: { sql } }) =>
    withFolder(async (folder) => {
      const random = new Random(17);
      const bad: Treatment[] = ["lost_before", "lost_after", "half", "page"];
      const door = await startHostileDoor(() => url);
      const path = `${folder}/orders.jsonl`;
      door.treat = () => "hang"; // no network at all
      let courier = start(door.url, path);
      const doors = Array.from({ length: 20 }, (_, number) => `door-${number}`);
      for (const name of doors) await courier.type(`${name} tea ${random.int(1, 9)}`);
      await courier.type("a line that is none");
      await until("all of them", () =>
        doors.every((name) =>
          courier.lines().includes(`${name}: kept here, goes out when there is a network`)
        ));
      await until("a word on the line", () =>
        courier.lines().some((line) =>
          /^write/.test(line)
        ));
      await courier.kill();

      door.treat = () => random.chance(0.4) ? "pass" : random.pick(bad);
      courier = start(door.url, path);
      await until("some of them", () =>
        courier.lines().filter((line) => /safe/.test(line)).length > 4);
      await courier.kill();

      courier = start(door.url, path);
      await until("all of them", () =>
        doors.every((name) =>
          courier.lines().includes(`${name}: safe`)
        ), 60_000);
      await courier.type("door-3 teapot 1");
      await until("the word on a name that was used", () =>
        courier.lines().includes("another order in the outbox has this key"));
      await courier.end();
      const rows = await sql<{ idempotency_key: string }[]>`select idempotency_key from orders`;
      assertEquals(
        rows.map((row) =>
          row.idempotency_key
        ).sort(),
        [...doors].sort(),
      );
      await door.close();
    })
  ));
