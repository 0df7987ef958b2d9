/**
 * A lock file: one program at a time has the file beside it. A process that was killed leaves its lock
 * behind; the next one sees that it does not run any more, and takes it.
 *
 * The id of a process belongs to another one some day: after a restart of the machine, or at once in a
 * container. So the lock also names the birth of its process, which threads and copies of this module share.
 * Only Linux tells it, and in Deno only to a program that may do all (`--allow-all`). Elsewhere the id alone
 * counts, so a thread of such a program in Deno can take the file of another thread.
 *
 * Process ids are those of one machine, so the file must not be shared between machines or containers.
 *
 * Tested in tests/client/outbox/file_store_test.ts.
 */
import { open, readFile, readlink, rm, symlink } from "node:fs/promises";
import process from "node:process";

/** Two who take a lock that was left behind may remove each other's: each looks again after this. */
const LOOK_AGAIN_MS = 50;
const TRIES = 3;
/** Stands for the birth of a process where the system does not tell it. */
const UNTOLD = "-";
/** The texts of the locks that this module has. */
const OWN = new Set<string>();

/** Takes the lock of `path`. @returns gives it back @throws Error when a program has it */
export async function lockFile(path: string): Promise<() => Promise<void>> {
  const name = `${path}.lock`;
  const mine = `${process.pid} ${await birthOf(process.pid) ?? UNTOLD} ${crypto.randomUUID()}`;
  for (let tries = 0; tries < TRIES; tries++) {
    if (await create(name, mine)) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
      if (await textOf(name) === mine) return () => release(name, mine);
    }
    const found = await textOf(name);
    if (await isHeld(found)) {
      throw new Error(`${path} is in use by process ${Number.parseInt(found)}`);
    }
    await rm(name, { force: true });
  }
  throw new Error(`${path} is being taken by others`);
}

async function release(name: string, mine: string): Promise<void> {
  OWN.delete(mine);
  if (await textOf(name) === mine) await rm(name, { force: true });
}

/** Makes the lock. A full disk has no room for the text of a file, but often for that of a link. */
async function create(name: string, text: string): Promise<boolean> {
  try {
    const file = await open(name, "wx", 0o600);
    try {
      await file.writeFile(text);
    } catch (error) {
      await rm(name, { force: true });
      await symlink(text, name).catch(() => Promise.reject(error));
    } finally {
      await file.close();
    }
    OWN.add(text);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

async function textOf(name: string): Promise<string> {
  return await readFile(name, "utf8").catch(unlessMissing) ??
    await readlink(name).catch(() => "");
}

/** True when the process that wrote the lock is still running. */
async function isHeld(text: string): Promise<boolean> {
  const [id, birth] = text.split(" ");
  const pid = Number(id);
  if (!isRunning(pid)) return false;
  const told = await birthOf(pid);
  if (told !== null && birth !== UNTOLD) return birth === told;
  // On Linux, in a container, each process after the other may have this id.
  return pid !== process.pid || process.platform !== "linux" || OWN.has(text);
}

function isRunning(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}

/** The start of the machine and that of the process; null: the system does not tell them. */
async function birthOf(pid: number): Promise<string | null> {
  try {
    const [boot, stat] = await Promise.all([
      readFile("/proc/sys/kernel/random/boot_id", "utf8"),
      readFile(`/proc/${pid}/stat`, "utf8"),
    ]);
    // The name of the program is in parentheses, and may have spaces and parentheses of its own.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [state, startedAt] = [fields[0], fields[19]];
    return state === "Z" ? "ended" : `${boot.trim()}/${startedAt}`;
  } catch {
    return null;
  }
}

/** Null for the error of a file that is not there. @throws any other one */
export function unlessMissing(error: unknown): null {
  if (codeOf(error) === "ENOENT") return null;
  throw error;
}

/** The code of an error of the system, such as `ENOENT`. */
function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | null)?.code;
}
