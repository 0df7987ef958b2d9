/**
 * The data folder of the embedded services, held by one Weir at a time.
 *
 * The lock is an exclusive `flock` on `<folder>/lock`. The kernel drops it when the process ends, for
 * whatever reason, so the lock proves that no other live Weir uses the folder. It does not prove that
 * no server is left of a killed Weir, because servers do not inherit the lock. Each service looks for
 * such a server, and may stop it while Weir holds the lock.
 *
 * Tested in tests/server/embedded/postgres_test.ts.
 */
import { resolve } from "node:path";
import { EmbeddedError, messageOf } from "./embedded_event.ts";

export interface DataFolder {
  /**
   * Absolute, and as it was given: Deno's permission is for this path. It may lead through symbolic
   * links, so the real path has to be compared where two names of one folder can meet.
   */
  readonly path: string;
  /** The path of `name` in this folder. */
  at(name: string): string;
  /** The secret in the 0600 file `name`, which is made at first use. */
  secret(name: string): Promise<string>;
  /** Releases the folder. Legal twice. */
  close(): void;
}

/**
 * Takes the lock of the folder, and makes the folder when it is missing.
 * @throws EmbeddedError when another live Weir uses it, or nobody can
 */
export async function openDataFolder(dataDir: string): Promise<DataFolder> {
  const { path, lock } = await prepare(dataDir);
  let held = false;
  try {
    held = await lock.tryLock(true);
    if (!held) throw new EmbeddedError(await inUse(path));
    await lock.truncate(0);
    await lock.write(new TextEncoder().encode(`${Deno.pid}\n`));
  } catch (error) {
    lock.close();
    if (error instanceof EmbeddedError) throw error;
    throw new EmbeddedError(`the data folder ${path} cannot be locked: ${messageOf(error)}`);
  }
  const at = (name: string) => `${path}/${name}`;
  return {
    path,
    at,
    secret: (name) => readOrMakeSecret(at(name)),
    close: () => {
      if (held) lock.close();
      held = false;
    },
  };
}

/** True when there is a file or folder at `path`. */
export async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** The text of a file; undefined when there is no such file. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function prepare(dataDir: string): Promise<{ path: string; lock: Deno.FsFile }> {
  try {
    await Deno.mkdir(dataDir, { recursive: true, mode: 0o700 });
    const path = resolve(dataDir);
    const file = { read: true, write: true, create: true, mode: 0o600 };
    return { path, lock: await Deno.open(`${path}/lock`, file) };
  } catch (error) {
    throw new EmbeddedError(
      `${dataDir} cannot be used as data folder (WEIR_DATA_DIR): ${messageOf(error)}`,
    );
  }
}

async function inUse(path: string): Promise<string> {
  const pid = (await readIfThere(`${path}/lock`))?.trim();
  const owner = pid ? ` (process ${pid})` : "";
  return `the data folder ${path} is in use by another Weir${owner}: ` +
    "stop that one or set WEIR_DATA_DIR to another folder";
}

/** A new secret is written to another file that is then renamed: a crash leaves all of it or none. */
async function readOrMakeSecret(path: string): Promise<string> {
  const kept = (await readIfThere(path))?.trim();
  if (kept !== undefined) {
    if (/^[0-9a-f]{48}$/.test(kept)) return kept;
    throw new EmbeddedError(`the password file ${path} is damaged: restore it from a backup`);
  }
  const bytes = crypto.getRandomValues(new Uint8Array(24));
  const secret = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  await Deno.writeTextFile(`${path}.new`, `${secret}\n`, { mode: 0o600 });
  await Deno.rename(`${path}.new`, path);
  return secret;
}
