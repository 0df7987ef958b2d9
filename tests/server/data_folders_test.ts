/**
 * Data folders with odd names, as an operator gives them to a task. The rights of the process are
 * those of the task's line, so a name that Deno reads in another way shows here.
 */
import { relative } from "node:path";
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

/** Letters of a name that a shell, Deno, `env`, PostgreSQL or Redis could read in another way. */
const ODDEST = [
  "-a b",
  `it's "quoted"`,
  "$HOME ${HOME} `id` $(id)",
  "* ? [a] {b}",
  "key=value",
  "a;b&c|d>e#f!",
  "back\\slash\\n %41 ~",
  "ünïcode ☃ 注文",
  " led",
].join("/");

Deno.test("each task works on a data folder of any name, while the service runs on it", () =>
  withFolder(async (folder) => {
    const given = { WEIR_DATA_DIR: `${folder}/${ODDEST}`, PORT: "0" };
    const service = await startTask("start", "", given);
    const [, url = "", token = ""] = await service.says(/(http:\S+)\/#token=(\S+)/);
    assertMatch(service.printed.stdout, /Redis answers/);
    const weir = createWeirClient({ url, token });
    assertEquals((await weir.api.orders.place.mutate(anInput())).status, "committed");
    await weir.close();
    const tasks = [
      ["migrate", "--status"],
      ["keys", "create --label odd"],
      ["dlq", "list"],
      ["aggregate", "--history"],
      ["audit", "--buckets 1"],
      ["rebuild", ""],
      ["demo", "--for 1s"],
    ] as const;
    for (const [name, args] of tasks) {
      const { code, stderr } = await runTask(name, args, given);
      assertEquals(code, 0, `${name}: ${stderr}`);
    }
    service.interrupt();
    assertEquals((await service.ended).code, 0, service.printed.stderr);
    assertEquals(await names(folder), ["-a b"], "nothing stands beside the folder");
    const watched = await startTask("dev", "", given);
    await watched.says(/ ready$/m);
    watched.interrupt();
    await watched.ended;
    assertMatch(watched.printed.stdout, /PostgreSQL is stopped/);
  }));

Deno.test("a data folder may begin with a dash, and lead out of the project's folder", () =>
  withFolder(async (folder) => {
    const root = new URL("../../", import.meta.url).pathname;
    const dash = `-weir ${crypto.randomUUID()}`;
    try {
      for (const WEIR_DATA_DIR of [dash, relative(root, `${folder}/outside`)]) {
        const { code, stderr } = await runTask("keys", "list", { WEIR_DATA_DIR });
        assertEquals(code, 0, stderr);
      }
      assert((await names(`${root}/${dash}`)).includes("postgres"));
      assert((await names(`${folder}/outside`)).includes("postgres"));
    } finally {
      await Deno.remove(`${root}/${dash}`, { recursive: true });
    }
  }));

Deno.test("a data folder with a comma, a control character, a tilde or a space around it is refused", () =>
  withFolder(async (folder) => {
    const wrong: readonly (readonly [string, RegExp])[] = [
      [`${folder}/a,${folder}/b`, /must not have a comma/],
      [`${folder},/`, /must not have a comma/],
      [`${folder}/a\nb`, /must not have a control character/],
      ["~/weir", /must be a path without ~/],
      [`${folder}/trailing `, /must not begin or end with a space/],
      [" leading", /must not begin or end with a space/],
      [`${folder}/two  spaces`, /or have two in a row/],
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
