/**
 * Finds a Redis to run: `redis-server` or `valkey-server` on PATH. Otherwise, on Debian and Ubuntu,
 * it unpacks a private copy under `<data folder>/redis-package` from the distribution's packages.
 *
 * Nothing is installed: the packages are downloaded as files and opened with `dpkg-deb`. We ask apt
 * which libraries Redis needs, because each release names them differently. Libraries that the
 * machine has are not downloaded. When the search finds nothing, it returns the reason.
 */
import { type DataFolder, exists } from "./data_folder.ts";
import { messageOf, type OnEmbeddedEvent } from "./embedded_event.ts";
import { command } from "./unprivileged.ts";

export interface RedisProgram {
  readonly path: string;
  /** The LD_LIBRARY_PATH of a private copy; empty for an installed Redis. */
  readonly libraryPath: string;
}

export type RedisSearch = RedisProgram | { readonly unavailable: string };

const SERVERS = ["redis-server", "valkey-server"];
const FOLDER = "redis-package";
/** Redis, its libraries and Lua modules, without the tools that only an installation needs. */
const NEEDED = /^(?:lib(?!c6$|.*-perl$)|lua|redis|valkey)/;
/** Packages that we take even when they are installed, because their programs are not on PATH. */
const SERVER_PACKAGE = /^(?:redis|valkey)-/;
/** A mirror that does not answer must not keep Weir from starting. */
const APT_TIMEOUT_MS = 90_000;
const UNPACK_TIMEOUT_MS = 30_000;

/** The arguments of `env` that run the program. */
export function invocation({ path, libraryPath }: RedisProgram, ...args: string[]): string[] {
  return [...(libraryPath ? [`LD_LIBRARY_PATH=${libraryPath}`] : []), path, ...args];
}

/** Looks on PATH, then for the private copy, then makes the copy. Only the last takes seconds. */
export async function findRedis(
  folder: DataFolder,
  onEvent: OnEmbeddedEvent,
): Promise<RedisSearch> {
  for (const path of SERVERS) {
    const installed = { path, libraryPath: "" };
    if (await runs(installed)) return installed;
  }
  const kept = await privateCopy(folder.path);
  if (kept) return kept;
  if (Deno.build.os !== "linux") return { unavailable: "no redis-server is on PATH" };
  const message = "no redis-server on PATH: unpacking the distribution's into the data folder";
  onEvent({ service: "redis", kind: "initialising", message });
  try {
    await unpack(folder);
  } catch (error) {
    return { unavailable: messageOf(error) };
  }
  const copy = await privateCopy(folder.path);
  return copy ?? { unavailable: "the distribution's Redis was unpacked and does not run" };
}

async function runs(program: RedisProgram): Promise<boolean> {
  const [first = "", ...rest] = invocation(program, "--version");
  try {
    return (await command(first, rest).output()).success;
  } catch {
    return false; // no `env` here, or not a program
  }
}

/** The private copy that an earlier search unpacked into this data folder, if it runs. */
export async function privateCopy(dataFolder: string): Promise<RedisProgram | undefined> {
  const root = `${dataFolder}/${FOLDER}`;
  for (const server of SERVERS) {
    const path = `${root}/usr/bin/${server}`;
    if (!await exists(path)) continue;
    const program = { path, libraryPath: (await libraryFolders(root)).join(":") };
    if (await runs(program)) return program;
  }
  return undefined;
}

/** The folders `usr/lib/<triple>` and `lib/<triple>`; a release uses one of them or both. */
async function libraryFolders(root: string): Promise<string[]> {
  const found: string[] = [];
  for (const parent of [`${root}/usr/lib`, `${root}/lib`]) {
    if (!await exists(parent)) continue;
    for await (const entry of Deno.readDir(parent)) {
      if (entry.isDirectory && entry.name.includes("-linux-")) {
        found.push(`${parent}/${entry.name}`);
      }
    }
  }
  return found;
}

/** Unpacks into a second folder and renames it when complete. @throws Error with a line of reason */
async function unpack(folder: DataFolder): Promise<void> {
  const fresh = folder.at(`${FOLDER}.new`);
  await removeTree(fresh);
  await Deno.mkdir(fresh, { mode: 0o700 });
  try {
    await download(await neededPackages(), fresh);
    for await (const { name } of Deno.readDir(fresh)) {
      if (!name.endsWith(".deb")) continue;
      await run("dpkg-deb", ["-x", `${fresh}/${name}`, fresh], fresh, UNPACK_TIMEOUT_MS);
      await Deno.remove(`${fresh}/${name}`);
    }
    await removeTree(folder.at(FOLDER));
    await Deno.rename(fresh, folder.at(FOLDER));
  } finally {
    await removeTree(fresh);
  }
}

async function download(packages: readonly string[], folder: string): Promise<void> {
  // Run by root, apt would hand the work to a user of its own, and that user cannot enter here.
  const fetch = ["-q", "-o", "APT::Sandbox::User=root", "download", ...packages];
  try {
    await run("apt-get", fetch, folder, APT_TIMEOUT_MS);
  } catch (error) {
    if (!await updatedLists()) throw error; // an old list can name versions that are gone
    await run("apt-get", fetch, folder, APT_TIMEOUT_MS);
  }
}

/** The server's package and the packages that it needs, without those on this machine. */
async function neededPackages(): Promise<string[]> {
  const found = await askApt();
  if (found.length > 0) return found;
  if (await updatedLists()) {
    const second = await askApt();
    if (second.length > 0) return second;
  }
  throw new Error("no redis-server is on PATH and apt knows no package of it");
}

async function askApt(): Promise<string[]> {
  const listed = ["-W", "-f", "${db:Status-Status} ${Package}\n"];
  const status = await run("dpkg-query", listed, "/", UNPACK_TIMEOUT_MS);
  const installed = new Set(
    status.split("\n").filter((line) => line.startsWith("installed ")).map((line) =>
      line.slice(10)
    ),
  );
  for (const server of SERVERS) {
    const depends = await run(
      "apt-cache",
      [
        "depends",
        "--recurse",
        ...["recommends", "suggests", "conflicts", "breaks", "replaces", "enhances"]
          .map((kind) => `--no-${kind}`),
        server,
      ],
      "/",
      UNPACK_TIMEOUT_MS,
    ).catch(() => "");
    const needed = reachable(server, depends)
      .filter((name) => SERVER_PACKAGE.test(name) || !installed.has(name));
    if (needed.length > 0) return needed;
  }
  return [];
}

/**
 * The packages of `apt-cache depends --recurse` that `root` needs to run, `root` first.
 *
 * In that output a package starts a line, and its dependencies are indented below. Packages that
 * can replace a dependency are indented deeper; they count only if the dependency is virtual
 * (`<name>`). All alternatives (`|Depends`) are taken. Names that do not match NEEDED are neither
 * taken nor followed.
 */
export function reachable(root: string, depends: string): string[] {
  const edges = new Map<string, string[]>();
  let current: string[] = [];
  let virtual = false;
  for (const line of depends.split("\n")) {
    const name = line.replace(/^[ |]*(?:Pre)?Depends: /, "").trim().replace(/:\w+$/, "");
    const standsIn = line.startsWith("    ");
    if (!standsIn) virtual = name.startsWith("<");
    if (name === "" || name.startsWith("<") || (standsIn && !virtual)) continue;
    if (/^[ |]/.test(line)) current.push(name);
    else edges.set(name, current = []);
  }
  if (!edges.has(root)) return [];
  const taken = new Set([root]);
  for (const name of taken) { // grows while it is walked
    for (const next of edges.get(name) ?? []) {
      if (NEEDED.test(next) && edges.has(next)) taken.add(next);
    }
  }
  return [...taken];
}

/** Fetches the package lists. Only root can; false when it was not possible. */
async function updatedLists(): Promise<boolean> {
  if (Deno.uid() !== 0) return false;
  return await run("apt-get", ["-q", "update"], "/", APT_TIMEOUT_MS).then(() => true, () => false);
}

/** The output of the program. @throws Error with its last line when it fails */
async function run(
  program: string,
  args: readonly string[],
  cwd: string,
  timeoutMs: number,
): Promise<string> {
  const { success, stdout, stderr } = await command(program, args, {
    cwd,
    env: { LC_ALL: "C" },
    signal: AbortSignal.timeout(timeoutMs),
  }).output();
  const text = (output: Uint8Array) => new TextDecoder().decode(output);
  if (success) return text(stdout);
  const last = text(stderr).trim().split("\n").at(-1) || `no answer in ${timeoutMs} ms`;
  throw new Error(`${program} fails: ${last}`);
}

async function removeTree(path: string): Promise<void> {
  if (await exists(path)) await Deno.remove(path, { recursive: true });
}
