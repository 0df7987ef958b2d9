/**
 * Runs programs that refuse to run as root.
 *
 * PostgreSQL does not start as root. An ordinary user cannot enter folders that only root may enter,
 * such as a checkout in /root. On Linux a user namespace solves both: inside, the process is user
 * 1000 and passes PostgreSQL's check; outside, it is root and may use root's files. When the kernel
 * or a container forbids namespaces, the programs run as user 65534 (nobody). That user then owns the
 * data, and must be able to enter the folders above it.
 *
 * Programs are started through `env`, which replaces itself by the program. So there is one name to
 * permit (`--allow-run=env`), PATH is searched as usual, and the process id does not change.
 *
 * Tested in tests/server/embedded/postgres_test.ts.
 */
import { EmbeddedError } from "./embedded_event.ts";

export interface Runner {
  command(program: string, args: readonly string[], options?: Deno.CommandOptions): Deno.Command;
  /** Gives a file, or a folder with all its files, to the user that the programs run as. */
  own(path: string): Promise<void>;
}

const NAMESPACE = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"];
const NOBODY = 65_534;

/** A program that runs as the user of this process, through `env` except on Windows. */
export function command(
  program: string,
  args: readonly string[],
  options: Deno.CommandOptions = {},
): Deno.Command {
  if (Deno.build.os === "windows") {
    return new Deno.Command(program, { ...options, args: [...args] });
  }
  return new Deno.Command("env", { ...options, args: [...named(program), ...args] });
}

/**
 * A program for `env`, which takes a path with an equals sign for a variable: a shell runs that. A
 * variable has no slash before the sign, and stays as it is.
 */
export function named(program: string): readonly string[] {
  return /^[^=]*\/[^=]*=/.test(program) ? ["sh", "-c", 'exec "$0" "$@"', program] : [program];
}

/**
 * Finds a way to run programs that works here: it runs `<probe> --version`.
 * @throws EmbeddedError when no way works
 */
export async function findRunner(probe: string, folder: string): Promise<Runner> {
  if (Deno.uid() !== 0) return await working(asIs, probe);
  if (Deno.build.os === "linux") {
    const found = await working(inNamespace, probe).catch(() => undefined);
    if (found) return found;
  }
  await Deno.chmod(folder, 0o711); // the user nobody must pass through, and still cannot list the folder
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

/**
 * Gives `path` and all that is in it to the user. A path that the user owns already is left as it
 * is. Another owner means that an earlier run ran the programs in another way.
 */
async function give(path: string, uid: number | null, gid: number | null): Promise<void> {
  const info = await Deno.lstat(path);
  if (uid === null || info.uid === null || info.uid === uid) return;
  if (info.isDirectory) {
    for await (const entry of Deno.readDir(path)) await give(`${path}/${entry.name}`, uid, gid);
  }
  if (!info.isSymlink) await Deno.chown(path, uid, gid);
}
