/** The package as strangers get it: its files, its size, and a project of Node that installs it. */
import { assertEquals, assertMatch } from "@std/assert";
import { KEY, withInstance } from "../../support/services/instance.ts";
import { buildTarball, programsIn, run, withProject } from "./project.ts";

const TSC = [
  "npx",
  "tsc",
  "--noEmit",
  "--strict",
  "--exactOptionalPropertyTypes",
  "--skipLibCheck",
  "false",
];

/** A module without its comments and texts, in which a name of a runtime would be used. */
function codeOf(text: string): string {
  return text.replaceAll(/\/\*[^]*?\*\/|\/\/.*$|"(?:[^"\\\n]|\\.)*"|`[^`]*`/gm, "");
}

Deno.test("the package has nothing of the server, of Deno or of Node, and is small", async () => {
  const tarball = await buildTarball();
  const listed = await run(".", "tar", ["-tzf", tarball]);
  assertEquals(listed.trim().split("\n").sort(), [
    "package/LICENSE",
    "package/README.md",
    "package/file_store.d.ts",
    "package/file_store.js",
    "package/index.d.ts",
    "package/index.js",
    "package/package.json",
    "package/tokens.d.ts",
    "package/tokens.js",
  ]);
  const folder = new URL("../../../client/dist/package/", import.meta.url);
  const read = (name: string) => Deno.readTextFile(new URL(name, folder));
  const uses = [["index.js", /^@trpc\/(client|server\/observable)$/], [
    "tokens.js",
    /^jose$/,
  ]] as const;
  for (const [name, dependencies] of uses) {
    const code = await read(name);
    assertEquals(
      /\b(?:Deno|Bun|process|Buffer)\s*[.[]|\brequire\(/.exec(codeOf(code))?.[0],
      undefined,
    );
    const imported = [...code.matchAll(/from "([^"]+)"/g)].map(([, from]) => from);
    assertEquals(imported.filter((from) => !dependencies.test(from ?? "")), []);
  }
  for (const name of ["index.d.ts", "file_store.d.ts", "tokens.d.ts"]) {
    const types = await read(name);
    assertEquals(/tests\/|server\/|\bzod\b|\.ts"/.exec(types)?.[0], undefined, name);
  }
});

Deno.test("a project of Node installs the tarball, checks its types and places its first order", () =>
  withInstance(({ url, createKey }) =>
    withProject(["typescript@5.9.3", "@types/node@20"], async (folder) => {
      const [first] = await programsIn("js");
      await Deno.writeTextFile(`${folder}/first.js`, first!);
      const env = { WEIR_URL: url, WEIR_KEY: KEY };
      const printed = await run(folder, "node", ["first.js"], env);
      assertMatch(printed, /^committed [0-9a-f-]{36}\n$/);
      assertEquals(await run(folder, "node", ["first.js"], env), printed);

      const programs = await programsIn("ts");
      assertEquals(programs.length, 2);
      for (const [index, program] of programs.entries()) {
        await Deno.writeTextFile(`${folder}/program_${index}.ts`, program);
      }
      await Deno.writeTextFile(`${folder}/store.ts`, FILE_STORE_PROGRAM);
      await Deno.writeTextFile(`${folder}/backend.ts`, BACKEND_PROGRAM);
      const [npx, ...args] = TSC;
      for (const [module, resolution] of [["nodenext", "nodenext"], ["esnext", "bundler"]]) {
        const options = [
          "--module",
          module!,
          "--moduleResolution",
          resolution!,
          "--target",
          "es2024",
        ];
        const libs = ["--lib", "es2024,dom,dom.iterable", "--types", "node"];
        await run(folder, npx!, [
          ...args,
          ...options,
          ...libs,
          "store.ts",
          "backend.ts",
          "program_0.ts",
          "program_1.ts",
        ]);
      }

      const store = await run(folder, "npx", [
        "tsc",
        "--module",
        "nodenext",
        "--target",
        "es2024",
        "--types",
        "node",
        "store.ts",
        "backend.ts",
      ])
        .then(() => run(folder, "node", ["store.js"], env));
      assertMatch(store, /^committed\nlive 2\n$/);
      const { token: WEIR_KEY } = await createKey(["dashboard:read"]);
      const page = await run(folder, "node", ["backend.js"], { ...env, WEIR_KEY });
      assertEquals(page, "berlin dashboard.live\n");
    })
  ));

/** A backend that makes a token for a page, and the page's client. */
const BACKEND_PROGRAM = `
import { createWeirClient } from "weir-client";
import { type BrowserToken, createBrowserToken } from "weir-client/tokens";

const made: BrowserToken = await createBrowserToken({
  key: process.env["WEIR_KEY"]!,
  procedures: ["dashboard.live"],
  storeId: "berlin",
  expiresInSeconds: 600,
});
const weir = createWeirClient({ url: process.env["WEIR_URL"]!, token: () => made.token });
const { storeId, procedures, expiresAt } = await weir.api.whoami.query();
if (expiresAt !== made.expiresAt) throw new Error("another end");
console.log(storeId, procedures?.join());
await weir.close();
`;

/** An outbox in a file and live figures without a WebSocket, on the oldest Node that is promised. */
const FILE_STORE_PROGRAM = `
import { createWeirClient, type LiveState, type OutboxStore } from "weir-client";
import { fileStore } from "weir-client/file-store";

const weir = createWeirClient({ url: process.env["WEIR_URL"]!, token: process.env["WEIR_KEY"]! });
const store: OutboxStore = await fileStore("outbox.jsonl");
const outbox = await weir.openOutbox({ store });
const lines = [{ sku: "tea", quantity: 2, unitPriceMinor: 450 }];
const entry = await outbox.add({ storeId: "berlin", currency: "EUR", lines });
console.log((await outbox.settled(entry.orderId)).state);
await outbox.close();
for await (const state of weir.live({ storeId: "berlin" })) {
  const { status, snapshot }: LiveState = state;
  const orders = snapshot?.currencies[0]?.today.orders;
  if (orders !== 2) continue;
  console.log(status, orders);
  break;
}
await weir.close();
`;
