/** The store in a file: torn lines, locks that were left behind, and a file that grew. */
import { assertEquals, assertRejects } from "@std/assert";
import { newEntry } from "../../../client/outbox/entry.ts";
import { fileStore } from "../../../client/outbox/stores/file_store.ts";
import { prepareOrder } from "../../../client/mod.ts";
import { anInput } from "../../support/load/orders.ts";
import { withFolder } from "../../support/services/services.ts";

const AT = "2026-11-28T10:00:00.000Z";

function anEntry() {
  return newEntry(prepareOrder(anInput()), AT);
}

/** A process id that no process has. */
async function idleId(): Promise<number> {
  const child = new Deno.Command("true").spawn();
  await child.status;
  return child.pid;
}

Deno.test("a line that a crash has torn is left out, and the lines before it stay", () =>
  withFolder(async (folder) => {
    const path = `${folder}/outbox.jsonl`;
    const [first, second] = [anEntry(), anEntry()];
    const line = JSON.stringify({ put: first });
    for (let cut = 1; cut < line.length; cut += 37) {
      const text = `${JSON.stringify({ put: second })}\n${line.slice(0, cut)}`;
      await Deno.writeTextFile(path, text);
      const store = await fileStore(path);
      assertEquals(await store.load(), [second], `cut at ${cut}`);
      await store.insert(first);
      await store.close();
      const again = await fileStore(path);
      assertEquals(await again.load(), [second, first]);
      await again.close();
    }
  }));

Deno.test("a file that is something else is refused and left as it is", () =>
  withFolder(async (folder) => {
    const path = `${folder}/notes.txt`;
    await Deno.writeTextFile(path, "buy tea\n");
    await assertRejects(() => fileStore(path), Error, "notes.txt:1 is no line of an outbox");
    assertEquals(await Deno.readTextFile(path), "buy tea\n");
    assertEquals((await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name), [
      "notes.txt",
    ]);
  }));

Deno.test("one process has the file, and a lock that was left behind is taken", () =>
  withFolder(async (folder) => {
    const path = `${folder}/outbox.jsonl`;
    const store = await fileStore(path);
    await assertRejects(() => fileStore(path), Error, `in use by process ${Deno.pid}`);
    await store.close();
    const other = new Deno.Command("sleep", { args: ["60"] }).spawn();
    await Deno.writeTextFile(`${path}.lock`, `${other.pid} another`);
    await assertRejects(() => fileStore(path), Error, `in use by process ${other.pid}`);
    other.kill();
    await other.status;
    // In a container the next process may have the id of the one before.
    for (const left of [`${await idleId()} gone`, `${Deno.pid} before`, ""]) {
      await Deno.writeTextFile(`${path}.lock`, left);
      await (await fileStore(path)).close();
    }
    await assertRejects(() => Deno.stat(`${path}.lock`), Deno.errors.NotFound);
  }));

Deno.test("two who take a lock that was left behind do not both get it", () =>
  withFolder(async (folder) => {
    const path = `${folder}/outbox.jsonl`;
    const code = `import { fileStore } from "${new URL(
      "../../../client/outbox/stores/file_store.ts",
      import.meta.url,
    )}"; const store = await fileStore(${JSON.stringify(path)}); console.log("has it");
      for await (const _ of Deno.stdin.readable); await store.close();`;
    await Deno.writeTextFile(`${path}.lock`, `${await idleId()} gone`);
    const children = Array.from({ length: 3 }, () =>
      new Deno.Command(Deno.execPath(), {
        args: ["eval", code],
        stdin: "piped",
        stdout: "piped",
        stderr: "null",
      }).spawn());
    const winners = children.map(async (child) => {
      for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
        if (text.includes("has it")) return 1;
      }
      return 0;
    });
    const first = await Promise.any(winners.map(async (one, at) => {
      if (await one === 0) throw new Error("not this one");
      return at;
    }));
    await Promise.all(children.map((child, at) => at === first ? null : child.status));
    const had = await Promise.all(winners.filter((_, at) => at !== first));
    assertEquals(had.includes(1), false);
    await children[first]!.stdin.close();
    await children[first]!.status;
    await Promise.all(
      children.map((child, at) => at === first ? null : child.stdin.close().catch(() => undefined)),
    );
  }));

Deno.test("a file is written anew when most of its lines are of the past", () =>
  withFolder(async (folder) => {
    const path = `${folder}/outbox.jsonl`;
    const store = await fileStore(path);
    const entry = anEntry();
    await store.insert(entry);
    for (let tries = 1; tries <= 1_100; tries++) {
      await store.update(entry.orderId, (known) => ({ ...known, tries }));
    }
    await store.close();
    const lines = (await Deno.readTextFile(path)).trim().split("\n");
    assertEquals(lines.length < 200, true, `${lines.length} lines`);
    const again = await fileStore(path);
    assertEquals(await again.load(), [{ ...entry, tries: 1_100 }]);
    await again.close();
    await assertRejects(() => again.insert(anEntry()), Error, "closed");
  }));
