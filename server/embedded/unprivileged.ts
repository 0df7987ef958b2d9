/**
 * Runs programs that refuse to be root.
 *
 * PostgreSQL does not start as root. An ordinary user cannot enter root's folders, for example a
 * checkout in /root or a 0700 folder. On Linux a user namespace solves both. Inside it the process
 * is user 1000 and passes PostgreSQL's check; outside it is still root, with root's files.
 *
 * Some kernels and containers forbid namespaces. There the programs run as user 65534 (nobody). This
 * user gets the data, and must be able to enter the folders above it.
 *
 * Programs are started through `env`, which replaces itself with the program. `--allow-run=env` is
 * then the only permission to give, PATH works as usual, and the process id stays the same.
 * Tested in tests/server/embedded.
 */
import { EmbeddedError } from "./embedded_event.ts";

export interface Runner {
  command(program: string, args: readonly string[], options?: Deno.CommandOptions): Deno.Command;
  /** Makes a file, or a folder with its content, belong to the user of the programs. */
  own(path: string): Promise<void>;
}

const NAMESPACE = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"];
const NOBODY = 65_534;

/** A program that runs as this process' own user. Except on Windows, `env` looks it up on PATH. */
export function command(
  program: string,
  args: readonly string[],
  options: Deno.CommandOptions = {},
): Deno.Command {
  if (Deno.build.os === "windows") {
    return new Deno.Command(program, { ...options, args: [...args] });
  }
  return new Deno.Command("env", { ...options, args: [program, ...args] });
}

/**
 * Finds the way that works on this machine, by running `<probe> --version`.
 * @throws EmbeddedError when no way works
 */
export async function findRunner(probe: string, folder: string): Promise<Runner> {
  if (Deno.uid() !== 0) return await working(asIs, probe);
  if (Deno.build.os === "linux") {
    const found = await working(inNamespace, probe).catch(() => undefined);
    if (found) return found;
  }
  await Deno.chmod(folder, 0o711); // the user nobody has to pass through, but cannot list it
  const entered = await asNobody.command("test", ["-x", folder]).output();
  if (entered.success) return await working(asNobody, probe);
  throw new EmbeddedError(
    `PostgreSQL does not run as root, and neither a user namespace (unshare --user) nor the user ` +
      `nobody can be used on ${folder}: run Weir as another user or set DATABASE_URL`,
  );
}

const asIs: Runner = { command, own: (path) => give(path, Deno.uid(), Deno.gid()) };

const inNamespace: Runner = {
  command: (program, args, options) => {
    const [unshare = "", ...flags] = NAMESPACE;
    return command(unshare, [...flags, program, ...args], options);
  },
  own: (path) => give(path, 0, 0),
};

const asNobody: Runner = {
  command: (program, args, options) =>
    command(program, args, { ...options, uid: NOBODY, gid: NOBODY, cwd: "/" }),
  own: (path) => give(path, NOBODY, NOBODY),
};

async function working(runner: Runner, probe: string): Promise<Runner> {
  const { success, stderr } = await runner.command(probe, ["--version"]).output();
  if (success) return runner;
  const why = new TextDecoder().decode(stderr).trim();
  throw new EmbeddedError(`${probe} does not run on this machine: ${why || "it ends at once"}`);
}

/** Acts only if the top belongs to another user, because an earlier run used another way. */
async function give(path: string, uid: number | null, gid: number | null): Promise<void> {
  const info = await Deno.lstat(path);
  if (uid === null || info.uid === null || info.uid === uid) return;
  if (info.isDirectory) {
    for await (const entry of Deno.readDir(path)) await give(`${path}/${entry.name}`, uid, gid);
  }
  if (!info.isSymlink) await Deno.chown(path, uid, gid);
}
