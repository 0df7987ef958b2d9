/** The entrance of the tasks: the lines of deno.json, and the modules that each task loads. */
import { assert, assertEquals } from "@std/assert";
import { temporaryFolder } from "../../support/services/services.ts";
import { runTask } from "../../support/services/tasks.ts";

const ROOT = new URL("../../../", import.meta.url);

/** The files of the project that a task evaluates, as the engine's coverage reports them. */
async function loadedBy(task: string, args: string): Promise<Set<string>> {
  const folder = await temporaryFolder();
  try {
    const { code, stderr } = await runTask(task, args, { DENO_COVERAGE_DIR: folder });
    assertEquals(code, 0, stderr);
    const urls: string[] = [];
    for await (const { name } of Deno.readDir(folder)) {
      urls.push(JSON.parse(await Deno.readTextFile(`${folder}/${name}`)).url);
    }
    return new Set(urls.map((url) => url.replace(ROOT.href, "")));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a task loads its own modules alone: only start and demo load the HTTP server", async () => {
  const httpServer = "server/front/http.ts";
  const start = await loadedBy("start", "--help");
  assert(start.has(httpServer) && start.has("server/cli/start.ts"));
  for (const task of ["migrate", "keys", "aggregate", "audit", "rebuild"]) {
    const loaded = await loadedBy(task, "--help");
    const tasks = [...loaded].filter((file) =>
      /^server\/cli\/(?!main|command|database_url|share_link)/.test(file)
    );
    assertEquals([tasks, loaded.has(httpServer)], [[`server/cli/${task}.ts`], false]);
  }
});

Deno.test("a task gets its arguments as they were written: spaces, quotes, wildcards, nothing", async () => {
  const strange = ["two words", 'a "quote"', "it's", "*.ts", "$HOME", "`x`", "--json x"];
  for (const text of strange) {
    const quoted = `'${text.replaceAll("'", `'"'"'`)}'`;
    const { code, stderr } = await runTask("keys", `burn ${quoted}`);
    assertEquals([code, stderr], [2, "weir: unknown command 'burn'\n"]);
    const limit = await runTask("aggregate", `--limit=${quoted}`);
    assert(limit.stderr.includes(`argument '${text}' is invalid`), limit.stderr);
  }
  assertEquals((await runTask("keys", "create --label ''")).code, 2);
});

Deno.test("main refuses a task that it does not know", async () => {
  for (const args of ["", "burn"]) {
    const { code, stderr } = await runTask("weir", `server/cli/main.ts ${args}`);
    assertEquals([code, stderr.trim().split("\n").length], [2, 1], stderr);
  }
});

Deno.test("a task takes a data folder with a space in its name", async () => {
  const folder = await temporaryFolder();
  try {
    const environment = { WEIR_DATA_DIR: `${folder}/a folder` };
    const { code, stdout, stderr } = await runTask("migrate", "--status", environment);
    assertEquals(code, 0, stderr);
    assert(stdout.includes("to be applied"), stdout);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("only dlq may read outside of the project: it takes a file of any folder", async () => {
  const { tasks } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  for (const name of ["start", "demo", "migrate", "keys", "aggregate", "audit", "rebuild"]) {
    assertEquals(tasks[name].command, `deno task -q weir server/cli/main.ts ${name}`);
  }
  assertEquals(tasks.dlq.command, "deno task -q weir --allow-read=/ server/cli/main.ts dlq");
});
