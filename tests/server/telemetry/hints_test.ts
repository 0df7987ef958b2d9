import { configure, type LogRecord, reset } from "@logtape/logtape";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Hints } from "../../../server/telemetry/hints.ts";
import { socketError, sqlError } from "../../support/doubles/scripted_store.ts";

/** Runs `test` with hints, a clock that it moves, and the lines that they log. */
async function withHints(
  test: (stage: { hints: Hints; clock: { ms: number }; said: string[] }) => Promise<void>,
): Promise<void> {
  const said: string[] = [];
  const sink = ({ level, rawMessage }: LogRecord) => void said.push(`${level}: ${rawMessage}`);
  await configure({
    reset: true,
    sinks: { said: sink },
    loggers: [
      { category: "weir", lowestLevel: "debug", sinks: ["said"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["said"] },
    ],
  });
  const clock = { ms: 0 };
  try {
    await test({ hints: new Hints(() => clock.ms), clock, said });
  } finally {
    await reset();
  }
}

const refused = () => Promise.reject(sqlError("42501"));
const works = () => Promise.resolve("done");

Deno.test("a hint that fails for ever is said once, counted, and stops nothing", () =>
  withHints(async ({ hints, clock, said }) => {
    for (let failures = 1; failures <= 50; failures++) {
      assertEquals(await hints.run("notify", refused), null);
      clock.ms += 1_000;
    }
    assertEquals(said.length, 1, said.join("\n"));
    assertMatch(said[0]!, /^debug: .*notify.*42501/);
    assertEquals(hints.failures.get("notify"), 50);
    const [failing] = hints.failing;
    assertEquals([failing?.name, failing?.failures], ["notify", 50]);
    assertMatch(failing!.missing, /^other instances see a fold by/);
    assert(Date.now() - Date.parse(failing!.since) < 60_000);
  }));

Deno.test("a hint that works again is said once, and one that fails now and then is one failure", () =>
  withHints(async ({ hints, clock, said }) => {
    for (let turn = 0; turn < 20; turn++) {
      clock.ms += 1_000;
      await hints.run("cache write", refused);
      assertEquals(await hints.run("cache write", works), "done");
    }
    assertEquals(said.length, 1, said.join("\n"));
    clock.ms += 5_000;
    await hints.run("cache write", works);
    await hints.run("cache write", works);
    assertEquals(said.slice(1), ["debug: works again: cache write"]);
    assertEquals(hints.failing, []);
  }));

Deno.test("a hint of a server that is away is counted and not said, since the log tells of the server", () =>
  withHints(async ({ hints, said }) => {
    await hints.run("letter count", () => Promise.reject(socketError("ECONNREFUSED")));
    await hints.run("letter count", () => Promise.reject(sqlError("57P01", "FATAL")));
    assertEquals([said, hints.failing, hints.failures.get("letter count")], [[], [], 2]);
    await hints.run("letter count", refused);
    assertEquals(said.length, 1, "a refusal is said all the same");
  }));

Deno.test("a hint that throws before it has a promise, and one that is done at once, stop nothing", () =>
  withHints(async ({ hints, said }) => {
    const bug = () => {
      throw new TypeError("not a function");
    };
    assertEquals([await hints.run("echo", bug), hints.runNow("metrics", bug)], [null, null]);
    assertEquals(hints.runNow("metrics", () => 7), 7);
    assertEquals(said.length, 2);
  }));
