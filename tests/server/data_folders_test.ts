/**
 * Data folders with odd names, as an operator gives them to a task. The rights of the process are
 * those of the task's line, so a name that Deno reads in another way shows here.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { createWeirClient } from "../../client/mod.ts";
import { anInput } from "../support/load/orders.ts";
import { withFolder } from "../support/services/services.ts";
import { runTask, startTask } from "../support/services/tasks.ts";

const KEY = "a-key-for-tests";

/** A name with spaces and quotes, and a path that is too long for a socket of PostgreSQL. */
const ODD = `it's "quoted" and $HOME ${"long ".repeat(30)}end`;

async function names(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
}

Deno.test("a data folder may have spaces and quotes, a long path, and lead through a link", () =>
  withFolder(async (folder) => {
    await Deno.mkdir(`${folder}/${ODD}`);
    const link = `${folder}/a link`;
    await Deno.symlink(`${folder}/${ODD}`, link);
    const given = { WEIR_DATA_DIR: link, PORT: "0", WEIR_DEV_KEY: KEY };
    const service = await startTask("start", "", given);
    const [, url = ""] = await service.says(/listening on (\S+)[^]* ready$/m);
    assertMatch(service.printed.stdout, /Redis answers/);
    const weir = createWeirClient({ url, token: KEY });
    assertEquals((await weir.api.orders.place.mutate(anInput())).status, "committed");
    await weir.close();
    // A task finds the running database under its other name.
    const other = { WEIR_DATA_DIR: `${folder}/${ODD}` };
    const made = await runTask("keys", "create --label odd", other);
    assertEquals(made.code, 0, made.stderr);
    service.interrupt();
    assertEquals((await service.ended).code, 0, service.printed.stderr);
    const listed = await runTask("keys", "list", given);
    assertMatch(listed.stdout, / odd /, listed.stderr);
    assertEquals(await names(folder), ["a link", ODD]);
  }));

Deno.test("a data folder with a comma, a control character or a tilde is refused in one line", () =>
  withFolder(async (folder) => {
    const wrong: readonly (readonly [string, RegExp])[] = [
      [`${folder}/a,${folder}/b`, /must not have a comma/],
      [`${folder},/`, /must not have a comma/],
      [`${folder}/a\nb`, /must not have a control character/],
      ["~/weir", /must be a path without ~/],
    ];
    for (const [WEIR_DATA_DIR, words] of wrong) {
      for (const [task, args] of [["start", ""], ["demo", "--for 1s"], ["keys", "list"]] as const) {
        const { code, stdout, stderr } = await runTask(task, args, { WEIR_DATA_DIR });
        assertMatch(stderr, /^weir: WEIR_DATA_DIR is wrong: .*\n$/);
        assertMatch(stderr, words);
        assertEquals([code, stdout], [1, ""], task);
      }
    }
    assertEquals(await names(folder), []);
  }));

Deno.test("a data folder that cannot be used ends the task with one line that says why", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "");
    await Deno.mkdir(`${folder}/newer/postgres`, { recursive: true });
    await Deno.writeTextFile(`${folder}/newer/postgres/PG_VERSION`, "99\n");
    await Deno.symlink(`${folder}/nowhere`, `${folder}/dangling`);
    const wrong: readonly (readonly [string, RegExp])[] = [
      [`${folder}/file/data`, /file\/data cannot be used as data folder \(WEIR_DATA_DIR\)/],
      [`${folder}/newer`, /is of PostgreSQL 99, this Weir brings 18: move it there by dump/],
      [`${folder}/dangling`, /dangling cannot be used as data folder/],
      [`${folder}/${"x".repeat(300)}`, /cannot be used as data folder/],
    ];
    for (const [WEIR_DATA_DIR, words] of wrong) {
      const { code, stderr } = await runTask("start", "", { WEIR_DATA_DIR, PORT: "0" });
      assertMatch(stderr, words);
      assertEquals([code, stderr.trimEnd().split("\n").length], [1, 1], stderr);
    }
    assert((await names(`${folder}/newer/postgres`)).includes("PG_VERSION"), "nothing is lost");
  }));
