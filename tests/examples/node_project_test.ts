/**
 * A project of Node beside this folder, as examples/README.md describes it: TypeScript by `tsx`,
 * the client out of this folder, and the class of `ws` for subscriptions.
 */
import { assertEquals, assertMatch } from "@std/assert";
import { KEY, withInstance } from "../support/services/instance.ts";
import { withFolder } from "../support/services/services.ts";

const ROOT = new URL("../../", import.meta.url);
const TSX = "tsx@4.23.15";

/** The first program in the section of a page. */
async function programIn(page: string, section: string): Promise<string> {
  const text = await Deno.readTextFile(new URL(page, ROOT));
  const [, program] = /```ts ignore\n([^]*?)```/.exec(text.slice(text.indexOf(section))) ?? [];
  if (program === undefined) throw new Error(`${page} has no program in "${section}"`);
  return program;
}

/** The commands that set a project up, without those that need a registry. */
async function setUpIn(page: string, section: string): Promise<string[]> {
  const text = await Deno.readTextFile(new URL(page, ROOT));
  const [, commands = ""] = /```sh\n([^]*?)```/.exec(text.slice(text.indexOf(section))) ?? [];
  return commands.split("\n").filter((line) => line !== "" && !line.startsWith("npm install"));
}

/** Runs a program of Node in `folder`, and resolves with what it printed. */
function run(folder: string, name: string, key: string): Promise<string> {
  return printedBy(folder, "npx", ["-y", TSX, name], { WEIR_KEY: key });
}

async function printedBy(
  cwd: string,
  command: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<string> {
  const { stdout, stderr } = await new Deno.Command(command, {
    args,
    cwd,
    env: { ...env, NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return text(stdout) + text(stderr);
}

Deno.test("a project of Node places an order and hears live figures, as the examples say", () =>
  withInstance(({ url }) =>
    withFolder(async (folder) => {
      const project = `${folder}/shop`;
      await Deno.mkdir(`${project}/node_modules`, { recursive: true });
      await Deno.symlink(new URL(ROOT).pathname.replace(/\/$/, ""), `${folder}/weir`);
      await Deno.symlink(`${folder}/weir/node_modules/ws`, `${project}/node_modules/ws`);
      for (const line of await setUpIn("examples/README.md", "## From a Node project")) {
        const [command = "", ...args] = line.split(" ");
        await printedBy(project, command, args);
      }
      const program = (await programIn("examples/README.md", "## From a Node project"))
        .replace("http://127.0.0.1:8080", url)
        .replace("console.log(data.currencies)", "(console.log(data.currencies), process.exit())");
      await Deno.writeTextFile(`${project}/place.ts`, program);
      const printed = await run(project, "place.ts", KEY);
      assertMatch(printed, /status: 'committed'/);
      assertMatch(printed, /currency: 'EUR'/);

      // Node 20 has no WebSocket, and needs none to place an order.
      const without = program.replace(", WebSocket }", " }")
        .replace(/^import { WebSocket }.*$/m, "globalThis.WebSocket = undefined as never;");
      await Deno.writeTextFile(`${project}/without.ts`, without);
      const said = await run(project, "without.ts", KEY);
      assertMatch(said, /replayed: true/);
      assertMatch(said, /TypeError: subscriptions need a WebSocket.*"ws"/);
      assertEquals(said.includes("ReferenceError"), false);
    })
  ));
