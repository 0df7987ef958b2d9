import { assert, assertEquals } from "@std/assert";
import { LineWriter } from "../../../server/telemetry/line_writer.ts";
import { gate } from "../../support/doubles/scripted_store.ts";

/** A stream that a test can stop, and the text that it has taken. */
function aStream() {
  const taken: string[] = [];
  const stream = {
    taken,
    open: Promise.resolve(),
    text: () => taken.join(""),
    write: async (bytes: Uint8Array) => {
      await stream.open;
      const some = bytes.subarray(0, 7); // a pipe takes what has room
      taken.push(new TextDecoder().decode(some));
      return some.length;
    },
  };
  return stream;
}

Deno.test("lines are written whole and in their order", async () => {
  const stream = aStream();
  const writer = new LineWriter(stream);
  const lines = Array.from({ length: 50 }, (_, index) => `line ${index} of the log\n`);
  for (const line of lines) writer.add(line);
  await writer.flush(1_000);
  assertEquals(stream.text(), lines.join(""));
});

Deno.test("a reader that stops reading holds nobody up, loses lines beyond a bound, and is told how many", async () => {
  const stream = aStream();
  const stopped = gate();
  stream.open = stopped.passed;
  const writer = new LineWriter({ write: stream.write, maxBytes: 1_000 });
  for (let index = 0; index < 500; index++) writer.add(`${"x".repeat(99)}\n`);
  const begunAt = performance.now();
  await writer.flush(50);
  assert(performance.now() - begunAt < 1_000, "a flush gives up");
  assertEquals(stream.text(), "");
  stopped.open();
  await writer.flush(1_000);
  const lines = stream.text().trimEnd().split("\n");
  assertEquals(lines.filter((line) => line.startsWith("x")).length, 10);
  assertEquals(lines.filter((line) => !line.startsWith("x")), [
    "490 lines of the log are lost: nobody read them",
  ]);
  writer.add("the next one\n");
  await writer.flush(1_000);
  assertEquals(stream.text().split("\n").at(-2), "the next one");
});

Deno.test("a stream that fails loses its lines and no others", async () => {
  const stream = aStream();
  let broken = true;
  const write = (bytes: Uint8Array) =>
    broken ? Promise.reject(new Error("No space left on device")) : stream.write(bytes);
  const writer = new LineWriter({ write });
  for (let index = 0; index < 100; index++) writer.add("a line\n");
  await writer.flush(1_000);
  broken = false;
  writer.add("a line later\n");
  await writer.flush(1_000);
  assertEquals(stream.text(), "a line later\n");
});
