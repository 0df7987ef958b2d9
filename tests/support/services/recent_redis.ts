/**
 * A Redis that knows WAITAOF (Redis 7.2, any Valkey), for tests whose master has a replica.
 *
 * The server on PATH is taken where it is recent enough. Else, on Debian, a private copy of Valkey
 * comes from the backports of this release. The copy is unpacked once into the folder of the run
 * and removed with it. Nothing is installed.
 */
import { exists } from "../../../server/embedded/data_folder.ts";
import {
  invocation,
  privateCopy,
  type RedisProgram,
} from "../../../server/embedded/redis_package.ts";
import { command } from "../../../server/embedded/unprivileged.ts";
import { runFolder } from "./services.ts";

const SINCE = 7.2;
const APT_TIMEOUT_MS = 90_000;
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** @throws Error with one line that says how to get such a Redis */
export async function findRecentRedis(): Promise<RedisProgram> {
  for (const path of ["redis-server", "valkey-server"]) {
    const installed = { path, libraryPath: "" };
    if (await isRecent(installed)) return installed;
  }
  const folder = `${runFolder()}/recent-redis`;
  try {
    if (!await exists(folder)) await unpack(folder);
    const libraryPath = (await privateCopy(runFolder()))?.libraryPath ?? "";
    const copy = { path: `${folder}/usr/bin/valkey-server`, libraryPath };
    if (await isRecent(copy)) return copy;
    throw new Error("Valkey was unpacked and does not run");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(
      "this test needs a Redis that knows WAITAOF: put the redis-server of Redis 7.2 or newer, or " +
        `valkey-server, on PATH (Debian 12 has it in its backports): ${why}`,
    );
  }
}

async function isRecent(program: RedisProgram): Promise<boolean> {
  const [first = "", ...rest] = invocation(program, "--version");
  const version = await run(first, rest, "/").catch(() => "");
  return Number(/ v=(\d+\.\d+)/.exec(version)?.[1] ?? 0) >= SINCE;
}

/** Unpacks into a folder beside `folder`, and renames it when it is complete. */
async function unpack(folder: string): Promise<void> {
  const fresh = await Deno.makeTempDir({ dir: runFolder() });
  await Deno.mkdir(`${fresh}/lists/partial`, { recursive: true });
  await Deno.mkdir(`${fresh}/cache/archives/partial`, { recursive: true });
  const source = `deb [signed-by=${KEYRING}] ${await backports()} main\n`;
  await Deno.writeTextFile(`${fresh}/sources.list`, source);
  const options = [
    `Dir::Etc::sourcelist=${fresh}/sources.list`,
    "Dir::Etc::sourceparts=-",
    `Dir::State::lists=${fresh}/lists`,
    `Dir::Cache=${fresh}/cache`,
    "APT::Sandbox::User=root", // no other user can enter this folder
  ].flatMap((option) => ["-o", option]);
  await run("apt-get", ["-q", ...options, "update"], fresh);
  await run("apt-get", ["-q", ...options, "download", "valkey-server", "valkey-tools"], fresh);
  for await (const { name } of Deno.readDir(fresh)) {
    if (name.endsWith(".deb")) await run("dpkg-deb", ["-x", name, "."], fresh);
  }
  await Deno.rename(fresh, folder);
}

/** `<address> <release>-backports` of the archive that this machine takes packages from. */
async function backports(): Promise<string> {
  const format = "$(REPO_URI) $(RELEASE)";
  const lines = (await run("apt-get", ["indextargets", "--format", format], "/")).split("\n");
  const main = lines.find((line) => /\/debian\/? [a-z]+$/.test(line));
  if (main === undefined) throw new Error("this is no Debian whose backports could be asked");
  return `${main}-backports`;
}

/** @returns the output of the program @throws Error with its last line when it fails */
async function run(program: string, args: readonly string[], cwd: string): Promise<string> {
  const { success, stdout, stderr } = await command(program, args, {
    cwd,
    env: { LC_ALL: "C" },
    signal: AbortSignal.timeout(APT_TIMEOUT_MS),
  }).output();
  if (success) return new TextDecoder().decode(stdout);
  throw new Error(
    `${program} fails: ${new TextDecoder().decode(stderr).trim().split("\n").at(-1)}`,
  );
}
