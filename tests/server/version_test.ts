import { assertEquals, assertMatch } from "@std/assert";
import { VERSION } from "../../server/version.ts";

const ROOT = new URL("../../", import.meta.url);

Deno.test("the version is the one that deno.json says", async () => {
  const { version } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  assertEquals(VERSION, version);
  assertMatch(VERSION, /^\d+\.\d+\.\d+(-[a-z]+\.\d+)?$/);
});

Deno.test("the version follows deno.json, and a process without any right can say it", async () => {
  const folder = await Deno.makeTempDir({ prefix: "weir-version-" });
  try {
    await Deno.mkdir(`${folder}/server`);
    await Deno.copyFile(new URL("server/version.ts", ROOT), `${folder}/server/version.ts`);
    await Deno.writeTextFile(`${folder}/deno.json`, '{ "version": "9.8.7" }');
    const program = 'import { VERSION } from "./server/version.ts"; console.info(VERSION);';
    await Deno.writeTextFile(`${folder}/say.ts`, program);
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "say.ts"],
      cwd: folder,
    }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
    assertEquals(text(stdout), "9.8.7", text(stderr));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
