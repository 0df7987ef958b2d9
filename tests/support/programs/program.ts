/**
 * Programs of others that stand around Weir in production, as processes of the test's own. They come
 * from the machine's packages. A test fails with one line when its program is missing.
 */
import { command, findRunner } from "../../../server/embedded/unprivileged.ts";
import { openDataFolder } from "../../../server/embedded/data_folder.ts";
import { ServerProcess } from "../services/server_process.ts";
import { temporaryFolder } from "../services/services.ts";

export interface Program {
  /** The command, and the Debian package that has it. */
  readonly name: string;
  readonly package: string;
  readonly url: string;
  /** The files of the program's folder, by name. */
  readonly files: (folder: string) => Readonly<Record<string, string>>;
  /** The arguments, with the program's folder. */
  readonly args: (folder: string) => readonly string[];
  readonly answers: () => Promise<boolean>;
  /** True when it refuses to run as root. */
  readonly isUnprivileged?: boolean;
  readonly stopSignal?: Deno.Signal;
}

/** Starts a program and resolves when it answers. @throws Error with one line how to get it */
export async function startProgram(program: Program): Promise<ServerProcess> {
  await requirePrograms([program]);
  const path = await temporaryFolder();
  const folder = await openDataFolder(path);
  const run = program.isUnprivileged ? await findRunner("env", path) : null;
  for (const [name, text] of Object.entries(program.files(path))) {
    await Deno.writeTextFile(`${path}/${name}`, text);
  }
  await run?.own(path);
  const server = new ServerProcess({
    url: program.url,
    path,
    stopSignal: program.stopSignal ?? "SIGTERM",
    command: (_settings, options) =>
      (run?.command ?? command)(program.name, program.args(path), { ...options, cwd: path }),
    answers: program.answers,
    end: async () => {
      folder.close();
      await Deno.remove(path, { recursive: true });
    },
  }, {});
  try {
    await server.start();
    return server;
  } catch (error) {
    await server.dispose();
    throw error;
  }
}

/** @throws Error with one line how to get the programs that are missing */
async function requirePrograms(
  programs: readonly Pick<Program, "name" | "package">[],
): Promise<void> {
  const missing: string[] = [];
  for (const { name, package: from } of programs) {
    const found = await command("sh", ["-c", 'command -v "$0"', name]).output();
    if (!found.success) missing.push(from);
  }
  if (missing.length === 0) return;
  throw new Error(`this test needs other programs: apt-get install ${missing.join(" ")}`);
}
