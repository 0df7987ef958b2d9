import { assertEquals } from "@std/assert";
import { processTable } from "../../server/process_table.ts";

Deno.test("the table of processes has this process, its parent, and no process that has ended", async () => {
  const { pid, ppid } = Deno;
  const self = await processTable.read(pid);
  assertEquals([self?.pid, self?.parent], [pid, ppid]);
  assertEquals(self?.args.some((arg) => arg.includes("deno")), true);
  const ended = new Deno.Command("env", { args: ["sleep", "0"] }).spawn();
  await ended.status;
  assertEquals(await processTable.read(ended.pid), null);
  assertEquals(await processTable.parentsOf([ended.pid, pid]), new Map([[pid, ppid]]));
});

Deno.test("the table of processes tells who ignores the end of its terminal", async () => {
  const ignores = async (command: string) => {
    const child = new Deno.Command("sh", { args: ["-c", command], stdin: "piped" }).spawn();
    const started = new Date();
    let answer = await processTable.ignoresHangup(child.pid);
    while (answer === false && command.includes("trap") && Date.now() - started.getTime() < 5_000) {
      answer = await processTable.ignoresHangup(child.pid); // the shell needs a moment
    }
    await child.stdin.close();
    await child.status;
    return answer;
  };
  assertEquals(await ignores("trap '' HUP; read line"), true);
  assertEquals(await ignores("read line"), false);
  assertEquals(await processTable.ignoresHangup(2 ** 30), null);
});
