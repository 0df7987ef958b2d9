/**
 * Proves the tests: `deno task test:mutants [part of a name]` makes each mistake of the list in a
 * copy of the project, and runs the tests that must notice it. It fails when a mutant survives, and
 * when the code that a mutant changes is gone.
 */
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { MUTANTS } from "./list.ts";
import type { Mutant } from "./mutant.ts";

const ROOT = resolve(fileURLToPath(import.meta.url), "../../..");
const LEFT_OUT = new Set(["node_modules", ".git", ".weir"]);

async function main(args: readonly string[]): Promise<number> {
  const [part, ...rest] = args;
  if (rest.length > 0 || part?.startsWith("-")) {
    console.error("usage: deno task test:mutants [part of a mutant's name]");
    return part === "--help" ? 0 : 2;
  }
  const chosen = MUTANTS.filter(({ name }) => part === undefined || name.includes(part));
  if (!(await passUnchanged(chosen))) return 1;
  let survived = 0;
  for (const mutant of chosen) {
    const verdict = await verdictOn(mutant);
    if (verdict !== "caught") survived++;
    console.log(`${verdict.padEnd(8)} ${mutant.name} (${mutant.file})`);
  }
  console.log(`${chosen.length - survived} passed, ${survived} failed`);
  return survived === 0 ? 0 : 1;
}

/** Runs the tests in an unchanged copy. Tests that fail there would catch any mutant. */
async function passUnchanged(mutants: readonly Mutant[]): Promise<boolean> {
  const runs = new Map(mutants.map(({ tests }) => [tests.join(" "), tests]));
  return await inCopy(async (copy) => {
    for (const [name, tests] of runs) {
      if (await succeeds(copy, ["run", "-A", "tests/run.ts", ...tests])) continue;
      console.error(`these tests fail without any mistake: ${name}`);
      return false;
    }
    return true;
  });
}

type Verdict = "caught" | "SURVIVED" | "MISPLACED" | "UNSOUND";

function verdictOn(mutant: Mutant): Promise<Verdict> {
  return inCopy(async (copy) => {
    const path = `${copy}/${mutant.file}`;
    const code = await Deno.readTextFile(path);
    if (code.split(mutant.find).length !== 2) return "MISPLACED";
    await Deno.writeTextFile(path, code.replace(mutant.find, () => mutant.replace));
    // Any test at all would catch a mutant that does not compile.
    if (!(await succeeds(copy, ["check", mutant.file]))) return "UNSOUND";
    const tests = ["run", "-A", "tests/run.ts", "--fail-fast", ...mutant.tests];
    return await succeeds(copy, tests) ? "SURVIVED" : "caught";
  });
}

async function inCopy<T>(use: (copy: string) => Promise<T>): Promise<T> {
  const copy = await Deno.makeTempDir({ prefix: "weir-mutant-" });
  try {
    await copyProject(copy);
    return await use(copy);
  } finally {
    await Deno.remove(copy, { recursive: true });
  }
}

async function copyProject(to: string): Promise<void> {
  for await (const { name } of Deno.readDir(ROOT)) {
    if (!LEFT_OUT.has(name)) await copyEntry(`${ROOT}/${name}`, `${to}/${name}`);
  }
  await Deno.symlink(`${ROOT}/node_modules`, `${to}/node_modules`);
}

async function copyEntry(from: string, to: string): Promise<void> {
  const { isDirectory } = await Deno.stat(from);
  if (!isDirectory) return await Deno.copyFile(from, to);
  await Deno.mkdir(to);
  for await (const { name } of Deno.readDir(from)) {
    await copyEntry(`${from}/${name}`, `${to}/${name}`);
  }
}

async function succeeds(cwd: string, args: readonly string[]): Promise<boolean> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).output();
  return success;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
