/**
 * The PostgreSQL and the Redis that tests use.
 *
 * `tests/run.ts` starts one private pair for a whole run, in a temporary folder. The tests get the
 * addresses in variables of the environment, which `testServices()` reads. A test that breaks a
 * service on purpose starts a pair of its own by `startTestServices()` and stops it again.
 *
 * A test that imports from this folder, also through its helpers, is not a unit test.
 */
import { type EmbeddedEvent, startEmbedded } from "../../../server/embedded/mod.ts";
import { invocation, privateCopy } from "../../../server/embedded/redis_package.ts";

export interface TestServices {
  /** `postgres://…/weir` of a superuser. Tests make databases of their own, see database.ts. */
  readonly databaseUrl: string;
  /** `redis://…/0`. Each test has a key prefix of its own, see redis.ts. */
  readonly redisUrl: string;
}

export interface OwnTestServices extends TestServices {
  /** Variables for a process that runs tests with these services. */
  readonly environment: Readonly<Record<string, string>>;
  /** Stops both and removes their folder. May be called twice. */
  stop(): Promise<void>;
}

/** The variable with the address of the PostgreSQL of the run. */
export const DATABASE_VARIABLE = "WEIR_TEST_DATABASE_URL";
const REDIS_VARIABLE = "WEIR_TEST_REDIS_URL";
const FOLDER_VARIABLE = "WEIR_TEST_FOLDER";

/** Files outlive a killed server without fsync. Only a crash of the machine would need fsync. */
const FASTER = { fsync: "off", full_page_writes: "off", max_wal_size: "256MB" };

/** The services of this run. @throws Error with one line that says how to start the tests */
export function testServices(): TestServices {
  const databaseUrl = Deno.env.get(DATABASE_VARIABLE);
  const redisUrl = Deno.env.get(REDIS_VARIABLE);
  if (databaseUrl && redisUrl) return { databaseUrl, redisUrl };
  const missing = databaseUrl ? REDIS_VARIABLE : DATABASE_VARIABLE;
  throw new Error(`${missing} is not set: run the tests by \`deno task test [filter]\``);
}

/** A folder that all tests of the run share. It is removed with the services. */
export function runFolder(): string {
  const folder = Deno.env.get(FOLDER_VARIABLE);
  if (folder) return folder;
  throw new Error(`${FOLDER_VARIABLE} is not set: run the tests by \`deno task test [filter]\``);
}

/** Starts a private pair in a temporary folder. @throws Error with one line on what is missing */
export async function startTestServices(): Promise<OwnTestServices> {
  const dataDir = await temporaryFolder();
  const problems: string[] = [];
  const onEvent = ({ kind, message }: EmbeddedEvent) => {
    if (kind === "unavailable") problems.push(message);
  };
  const removeFolder = () => Deno.remove(dataDir, { recursive: true });
  const started = await startEmbedded({
    dataDir,
    postgres: true,
    redis: true,
    onEvent,
    settings: FASTER,
  }).catch(async (error: unknown) => {
    await removeFolder();
    throw error;
  });
  let stopping: Promise<void> | undefined;
  const stop = () => stopping ??= started.stop().then(removeFolder);
  const { postgres, redis } = started;
  if (postgres && redis) {
    const environment = {
      [DATABASE_VARIABLE]: postgres.url,
      [REDIS_VARIABLE]: redis.url,
      [FOLDER_VARIABLE]: dataDir,
      ...await unpackedRedisOnPath(dataDir),
    };
    return { databaseUrl: postgres.url, redisUrl: redis.url, environment, stop };
  }
  await stop();
  throw new Error(`the tests need Redis: ${problems.join("; ")}`);
}

/**
 * Puts an unpacked copy of Redis on PATH. Tests that start a Redis of their own find it there, and
 * need no download.
 */
async function unpackedRedisOnPath(dataDir: string): Promise<Record<string, string>> {
  const copy = await privateCopy(dataDir);
  if (!copy) return {};
  const folder = `${dataDir}/path`;
  await Deno.mkdir(folder);
  const script = `#!/bin/sh\nexec env ${invocation(copy, '"$@"').join(" ")}\n`;
  await Deno.writeTextFile(`${folder}/redis-server`, script, { mode: 0o755 });
  return { PATH: `${folder}:${Deno.env.get("PATH") ?? ""}` };
}

/** Makes a folder that only this user can enter. The caller removes it. */
export async function temporaryFolder(): Promise<string> {
  return await Deno.makeTempDir({ prefix: "weir-test-" });
}

/** Runs `test` with a folder of its own, which is removed afterwards. */
export async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await temporaryFolder();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Polls until `check` answers something other than false, null or undefined. */
export async function until<T>(
  what: string,
  check: () => T | Promise<T>,
  timeoutMs = 20_000,
): Promise<Exclude<T, false | null | undefined>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const found = await check();
    if (found !== false && found !== null && found !== undefined) {
      return found as Exclude<T, false | null | undefined>;
    }
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
