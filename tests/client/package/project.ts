/** A project of somebody else's that has installed the tarball, and nothing of this folder. */
import { withFolder } from "../../support/services/services.ts";

const ROOT = new URL("../../../", import.meta.url);

/** Builds the package. @returns the path of its tarball */
export async function buildTarball(): Promise<string> {
  const printed = await run(ROOT.pathname, Deno.execPath(), ["task", "-q", "client:build"]);
  const [name] = /^client\/dist\/\S+\.tgz/m.exec(printed) ?? [];
  if (name === undefined) throw new Error(`no tarball was named: ${printed}`);
  return new URL(name, ROOT).pathname;
}

/** Runs `test` in a project that has installed the tarball and `packages`. */
export async function withProject(
  packages: readonly string[],
  test: (folder: string) => Promise<void>,
): Promise<void> {
  const tarball = await buildTarball();
  await withFolder(async (folder) => {
    await Deno.writeTextFile(
      `${folder}/package.json`,
      JSON.stringify({ name: "a-shop", private: true, type: "module" }),
    );
    const install = ["install", "--no-audit", "--no-fund", "--prefer-offline"];
    await run(folder, "npm", [...install, tarball, ...packages]);
    await test(folder);
  });
}

/** Runs a command to its end. @throws Error with all that it printed, when it fails */
export async function run(
  cwd: string,
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    cwd,
    env: { ...env, NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const printed = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  if (!success) throw new Error(`${command} ${args.join(" ")}\n${printed}`);
  return printed;
}

/** The programs of the package's README in a language, in their order. */
export async function programsIn(language: string): Promise<string[]> {
  const text = await Deno.readTextFile(new URL("client/package/README.md", ROOT));
  const fences = text.matchAll(new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``, "g"));
  return [...fences].map(([, program = ""]) => program);
}
