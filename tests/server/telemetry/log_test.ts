/** The log of a process, when the program behind its pipe does not read. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const LINES = 20_000;

/** A program that logs many lines, then tells the test that it goes on. */
const CHATTY = (port: number) => `
  import { configureLog, flushLog, getLogger } from "${ROOT}server/telemetry/log.ts";
  await configureLog({ logLevel: "info", logFormat: "json" });
  const log = getLogger(["weir"]);
  for (let line = 0; line < ${LINES}; line++) {
    log.info("line " + line);
    if (line % 100 === 0) await new Promise((resolve) => setTimeout(resolve));
  }
  const test = await Deno.connect({ hostname: "127.0.0.1", port: ${port} });
  await test.write(new TextEncoder().encode("goes on"));
  await test.read(new Uint8Array(1));
  test.close();
  await flushLog();
  log.info('the last line: {"a": {b}}');
  await flushLog();
  Deno.exit();`;

Deno.test("a process goes on when nobody reads its log, and its reader learns how many lines are lost", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--cached-only", "--config", `${ROOT}deno.json`, "-"],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const input = child.stdin.getWriter();
  await input.write(new TextEncoder().encode(CHATTY(listener.addr.port)));
  await input.close();
  const connection = await listener.accept(); // before anybody has read a line
  const buffer = new Uint8Array(16);
  const read = await connection.read(buffer);
  assertEquals(new TextDecoder().decode(buffer.subarray(0, read ?? 0)), "goes on");
  const reading = new Response(child.stdout).text();
  await connection.write(new Uint8Array(1));
  const lines = (await reading).trimEnd().split("\n");
  assertEquals((await child.status).code, 0);
  connection.close();
  listener.close();
  const [lost] = lines.filter((line) => line.includes("are lost"));
  assertMatch(lost ?? "", /^\d+ lines of the log are lost: nobody read them$/);
  assertEquals(Number.parseInt(lost!), LINES - (lines.length - 2));
  assertEquals(JSON.parse(lines.at(-1)!).message, 'the last line: {"a": {b}}', "braces stay");
  assert(lines.length > 1_000, "the first lines are there");
});
