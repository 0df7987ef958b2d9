/**
 * Reads the project for the architecture's rules.
 *
 * The files are those that git would commit: known to it, or new and not ignored. Without git they
 * are all files of the folder except generated ones.
 */

import { Source } from "./source.ts";

const GENERATED = new Set(["node_modules", "dist", ".git", ".weir"]);
const TEXT =
  /(\.(ts|tsx|js|mjs|sql|css|html|md|json|jsonc|yaml|yml|sh|svg)|^\.ci\/run|^LICENSE|lock)$/;

/** Paths relative to `root` of all files that belong to the project, sorted. */
export async function listFiles(root: URL): Promise<string[]> {
  const paths = await askGit(root) ?? walk(root, "");
  return paths.filter((path) => !path.split("/").some((part) => GENERATED.has(part))).sort();
}

/** The text files among `paths`, without those that are deleted and still known to git. */
export function readSources(root: URL, paths: readonly string[]): Source[] {
  return paths.filter((path) => TEXT.test(path)).flatMap((path) => {
    try {
      return [new Source(path, Deno.readTextFileSync(new URL(path, root)))];
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  });
}

async function askGit(root: URL): Promise<string[] | undefined> {
  const mayRun = await Deno.permissions.query({ name: "run", command: "git" });
  if (mayRun.state !== "granted") return undefined;
  try {
    const { success, stdout } = await new Deno.Command("git", {
      args: ["ls-files", "-z", "--cached", "--others", "--exclude-standard"],
      cwd: root,
      stderr: "null",
    }).output();
    const paths = new TextDecoder().decode(stdout).split("\0").filter((path) => path !== "");
    return success && paths.length > 0 ? [...new Set(paths)] : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function walk(root: URL, folder: string): string[] {
  return [...Deno.readDirSync(new URL(folder, root))].flatMap((entry) => {
    const path = folder + entry.name;
    if (GENERATED.has(entry.name)) return [];
    if (entry.isDirectory) return walk(root, `${path}/`);
    return entry.isFile ? [path] : [];
  });
}
