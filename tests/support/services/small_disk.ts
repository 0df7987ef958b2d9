/** A small disk that a test can fill and free: a tmpfs of its own. Mounting it needs root. */
import { temporaryFolder } from "./services.ts";

export interface SmallDisk {
  /** The folder of the disk. */
  readonly path: string;
  /** Takes all the room that is left on it. */
  fill(): Promise<void>;
  /** Gives that room back. */
  free(): Promise<void>;
}

/** Runs `test` with a disk of `mebibytes` MiB, and takes it away whatever happens. */
export async function withSmallDisk(
  mebibytes: number,
  test: (disk: SmallDisk) => Promise<void>,
): Promise<void> {
  const path = await temporaryFolder();
  try {
    await mount(path, mebibytes);
    const filler = `${path}/filler`;
    const free = () => Deno.remove(filler).catch(() => undefined);
    try {
      await test({ path, fill: () => fill(filler), free });
    } finally {
      await run("umount", "--lazy", path);
    }
  } finally {
    await Deno.remove(path);
  }
}

async function mount(path: string, mebibytes: number): Promise<void> {
  const failed = await run(
    "mount",
    "-t",
    "tmpfs",
    "-o",
    `size=${mebibytes}m,mode=700`,
    "weir",
    path,
  );
  if (failed !== null) {
    throw new Error(`this test mounts a small tmpfs, which needs root (CAP_SYS_ADMIN): ${failed}`);
  }
}

/** Writes until there is no room, like a log that nobody rotates. */
async function fill(path: string): Promise<void> {
  const file = await Deno.open(path, { write: true, create: true, append: true });
  // The pieces get smaller, so that not even a page is left.
  for (let bytes = 1 << 20; bytes >= 1; bytes >>= 1) {
    const piece = new Uint8Array(bytes);
    try {
      while (await file.write(piece) === piece.length);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) {
        file.close();
        throw error;
      }
    }
  }
  file.close();
}

/** @returns null when it went well, else the last line of the program */
async function run(program: string, ...args: string[]): Promise<string | null> {
  try {
    const { success, stderr } = await new Deno.Command(program, { args, stdout: "null" }).output();
    return success ? null : new TextDecoder().decode(stderr).trim().split("\n").at(-1) ?? "";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
