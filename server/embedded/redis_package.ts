/**
 * Finds a Redis to run: `redis-server` or `valkey-server` on PATH. On Debian and Ubuntu it may also
 * be a private copy in `<data folder>/redis-package`, unpacked from the distribution's packages.
 *
 * Nothing is installed: the packages are downloaded as files and opened with `dpkg-deb`. Each release
 * names the libraries of Redis differently, so apt is asked for their names. Libraries that the
 * machine has are not downloaded. When no Redis is found, the result is the reason.
 */
import { type DataFolder, exists } from "./data_folder.ts";
import { messageOf, type OnEmbeddedEvent } from "./embedded_event.ts";
import { command, named } from "./unprivileged.ts";

export interface RedisProgram {
  readonly path: string;
  /** The LD_LIBRARY_PATH of a private copy; empty for an installed program. */
  readonly libraryPath: string;
}

export type RedisSearch = RedisProgram | { readonly unavailable: string };

const SERVERS = ["redis-server", "valkey-server"];
const FOLDER = "redis-package";
/** Redis, its libraries and Lua modules, but no tools that only an installation needs. */
const NEEDED = /^(?:lib(?!c6$|.*-perl$)|lua|redis|valkey)/;
/** The server's packages are downloaded even when installed: their program is not on PATH here. */
const SERVER_PACKAGE = /^(?:redis|valkey)-/;
/** Weir must start even when the mirror of the packages does not answer. */
const APT_TIMEOUT_MS = 90_000;
const UNPACK_TIMEOUT_MS = 30_000;

/** The arguments of `env` that run the program. */
export function invocation({ path, libraryPath }: RedisProgram, ...args: string[]): string[] {
  const libraries = libraryPath ? [`LD_LIBRARY_PATH=${libraryPath}`] : [];
  return [...libraries, ...named(path), ...args];
}

/** Looks on PATH, then for the private copy, then makes one, which takes seconds. */
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
  if (/[:;]/.test(folder.path)) {
    // The loader of libraries splits its list of folders there.
    return { unavailable: "no redis-server is on PATH, and a copy finds no library below a colon" };
  }
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
    return false; // there is no `env` here, or no such program
  }
}

/** The copy that an earlier search unpacked into this data folder, if it runs. */
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

/** `usr/lib/<triple>` and `lib/<triple>`: releases differ in which of them they use. */
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

/** Unpacks into another folder and renames it when it is complete. @throws Error with the reason */
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
  // As root, apt would give the download to a user of its own, who cannot enter this folder.
  const fetch = ["-q", "-o", "APT::Sandbox::User=root", "download", ...packages];
  try {
    await run("apt-get", fetch, folder, APT_TIMEOUT_MS);
  } catch (error) {
    if (!await updatedLists()) throw error; // an old list names versions that are no longer there
    await run("apt-get", fetch, folder, APT_TIMEOUT_MS);
  }
}

/** The server's package and its dependencies, without those that this machine has. */
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
 * The packages that `root` needs to run, `root` first, from the output of `apt-cache depends
 * --recurse`. A line without indent is a package. Indented lines below it are its dependencies. Lines
 * with more indent are packages that provide the dependency above. They count only when that one is
 * virtual (`<name>`). All alternatives (`|Depends`) are taken. Packages that do not match NEEDED are
 * left out, and their dependencies too.
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
  for (const name of taken) { // the loop also visits the packages that it adds
    for (const next of edges.get(name) ?? []) {
      if (NEEDED.test(next) && edges.has(next)) taken.add(next);
    }
  }
  return [...taken];
}

/** Fetches the package lists. @returns false when that failed, or this is not root, who alone may */
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
