/**
 * A lock file: one process at a time has the file beside it. A process that was killed leaves its lock
 * behind; the next one sees that no such process runs, and takes it.
 *
 * Process ids are those of one machine, so the file must not be shared between machines or containers.
 *
 * Tested in tests/client/outbox/file_store_test.ts.
 */
import { open, readFile, rm } from "node:fs/promises";
import process from "node:process";

/** The locks of this process: in a container each process after the other may have the same id. */
const OWN = new Set<string>();
/** Two who take a lock that was left behind may remove each other's: each looks again after this. */
const LOOK_AGAIN_MS = 50;
const TRIES = 3;

/** Takes the lock of `path`. @returns gives it back @throws Error when a process has it */
export async function lockFile(path: string): Promise<() => Promise<void>> {
  const name = `${path}.lock`;
  const mine = `${process.pid} ${crypto.randomUUID()}`;
  for (let tries = 0; tries < TRIES; tries++) {
    if (await create(name, mine)) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
      if (await textOf(name) === mine) return release(name, mine);
    }
    const pid = Number.parseInt(await textOf(name));
    if (OWN.has(name) || (pid !== process.pid && isRunning(pid))) {
      throw new Error(`${path} is in use by process ${pid}`);
    }
    await rm(name, { force: true });
  }
  throw new Error(`${path} is being taken by others`);
}

function release(name: string, mine: string): () => Promise<void> {
  OWN.add(name);
  return async () => {
    OWN.delete(name);
    if (await textOf(name) === mine) await rm(name, { force: true });
  };
}

async function create(name: string, text: string): Promise<boolean> {
  try {
    const file = await open(name, "wx", 0o600);
    await file.writeFile(text);
    await file.close();
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

async function textOf(name: string): Promise<string> {
  try {
    return await readFile(name, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return "";
    throw error;
  }
}

function isRunning(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}

/** The code of an error of the system, such as `ENOENT`. */
export function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | null)?.code;
}
