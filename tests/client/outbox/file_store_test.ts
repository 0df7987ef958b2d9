/** The store in a file: torn lines, locks that were left behind, and a file that grew. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
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
    await Deno.writeTextFile(`${path}.lock`, `${other.pid} - another`);
    await assertRejects(() => fileStore(path), Error, `in use by process ${other.pid}`);
    const before = "0c0ffee0/17 before";
    const idle = await idleId();
    for (
      const left of [
        `${idle} - gone`,
        // In a container the next process may have the id of the one before.
        `${Deno.pid} ${before}`,
        `${Deno.pid} - before`,
        "",
      ]
    ) {
      await Deno.writeTextFile(`${path}.lock`, left);
      await (await fileStore(path)).close();
    }
    other.kill();
    await other.status;
    await assertRejects(() => Deno.lstat(`${path}.lock`), Deno.errors.NotFound);
  }));

/**
 * Runs a program of its own that may do all: Deno tells the birth of a process to no other one. It has
 * `path` and `fileStore`.
 * @returns what it prints
 */
async function runProgram(path: string, code: string, before = ""): Promise<string> {
  const module = new URL("../../../client/outbox/stores/file_store.ts", import.meta.url);
  const script = `${path}.js`;
  const head = `import { fileStore } from ${JSON.stringify(module.href)};
    const path = ${JSON.stringify(path)};`;
  await Deno.writeTextFile(script, `${head}\n${code}`);
  const { stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", `${before} exec "$0" run -A --no-lock "$1"`, Deno.execPath(), script],
  }).output();
  return new TextDecoder().decode(stdout).trim() || new TextDecoder().decode(stderr);
}

Deno.test("a lock is that of one process, and not of all that have its id one day", () =>
  withFolder(async (folder) => {
    const program = `
      const end = async (left) => {
        await Deno.writeTextFile(path + ".lock", left);
        return await fileStore(path).then((store) => store.close()).then(() => "free", () => "held");
      };
      const boot = Deno.readTextFileSync("/proc/sys/kernel/random/boot_id").trim();
      const startedAt = (pid) =>
        Deno.readTextFileSync("/proc/" + pid + "/stat").split(") ")[1].split(" ")[19];
      const other = new Deno.Command("sh", {
        args: ["-c", "sleep 0.1 & echo $!; exec sleep 60"],
        stdout: "piped",
      }).spawn();
      const { value } = await other.stdout.getReader().read();
      const ended = Number(new TextDecoder().decode(value));
      while (!Deno.readTextFileSync("/proc/" + ended + "/stat").includes(") Z ")) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      console.log(
        await end(other.pid + " " + boot + "/" + startedAt(other.pid) + " living"),
        await end(other.pid + " - living"),
        await end(Deno.pid + " " + boot + "/" + startedAt(Deno.pid) + " this-one"),
        await end(other.pid + " 0c0ffee0/" + startedAt(other.pid) + " of-the-boot-before"),
        await end(other.pid + " " + boot + "/17 of-a-former-process"),
        await end(Deno.pid + " " + boot + "/17 of-a-former-process"),
        await end(ended + " " + boot + "/" + startedAt(ended) + " of-a-zombie"),
      );
      other.kill();
      Deno.exit();`;
    const told = await runProgram(`${folder}/outbox.jsonl`, program);
    assertEquals(told, "held held held free free free free");
  }));

Deno.test("a thread of the same process does not get the file", () =>
  withFolder(async (folder) => {
    const path = `${folder}/outbox.jsonl`;
    const program = `
      const isThread = self.name === "thread";
      if (isThread) {
        self.postMessage(await fileStore(path).then(() => "it has it", String));
      } else {
        const store = await fileStore(path);
        const thread = new Worker(import.meta.url, { type: "module", name: "thread" });
        console.log(await new Promise((resolve) => thread.onmessage = ({ data }) => resolve(data)));
        thread.terminate();
        await store.close();
      }`;
    assertStringIncludes(await runProgram(path, program), "in use by process");
  }));

/** Opens the store where no file can grow, and tries to add an entry. @returns what it says */
async function openOnFullDisk(path: string): Promise<string> {
  const program = `
    const store = await fileStore(path);
    const entries = await store.load();
    const other = { ...entries[0], orderId: "another" };
    const told = await store.insert(other).then(() => "kept", ({ code }) => code);
    console.log(entries.length, told, (await store.load()).length);
    await store.close();`;
  return await runProgram(path, program, `trap "" XFSZ; ulimit -f 0;`);
}

Deno.test("a file on a full disk opens, keeps what it has, and says that it can keep no more", () =>
  withFolder(async (folder) => {
    const path = `${folder}/outbox.jsonl`;
    const [first, second, third] = [anEntry(), anEntry(), anEntry()];
    const line = (put: unknown) => JSON.stringify({ put });
    for (const [tail, count] of [["", 1], [line(second).slice(0, 40), 1], [line(second), 2]]) {
      await Deno.writeTextFile(path, `${line(first)}\n${tail}`);
      assertEquals(await openOnFullDisk(path), `${count} EFBIG ${count}`);
      const names = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
      assertEquals(names.sort(), ["outbox.jsonl", "outbox.jsonl.js"]);
      const store = await fileStore(path);
      await store.insert(third);
      await store.close();
      const again = await fileStore(path);
      assertEquals(await again.load(), [first, ...(count === 2 ? [second] : []), third]);
      await again.close();
    }
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
