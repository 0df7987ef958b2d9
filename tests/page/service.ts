/**
 * An instance of Weir for the page's tests, on a database and a Redis prefix of its own. The page
 * is built from its present sources.
 */
import { createWeirClient, type WeirClient } from "../../client/mod.ts";
import { readConfig } from "../../server/config.ts";
import { type Instance, startInstance } from "../../server/instance.ts";
import { type TestDatabase, withDatabase } from "../support/services/database.ts";
import { withRedis } from "../support/services/redis.ts";

/** A key with every scope. */
/** Long enough to sign browser tokens. */
export const KEY = "a-key-for-tests-that-signs-tokens-too";

export interface TestService {
  readonly url: string;
  readonly database: TestDatabase;
  /** Calls over HTTP, with `KEY`. */
  readonly api: WeirClient["api"];
  /** The link that opens the page with `KEY`; `fragment` is added to it. */
  link(fragment?: string): string;
  stop(): Promise<void>;
  /** Starts it again on the same port. */
  start(): Promise<void>;
}

/**
 * Runs `test` with an instance, and stops it whatever happens.
 * @param reach gives the address under which the instance reaches the database.
 * @param environment variables of the instance, besides its own.
 */
export async function withService(
  test: (service: TestService) => Promise<void>,
  reach: (databaseUrl: string) => string = (databaseUrl) => databaseUrl,
  environment: Readonly<Record<string, string>> = {},
): Promise<void> {
  await buildPage();
  await withDatabase((database) =>
    withRedis(async (redis) => {
      let instance: Instance | undefined;
      const start = async (port = 0) => {
        instance = await startInstance({
          config: readConfig({
            PORT: String(port),
            WEIR_DEV_KEY: KEY,
            WEIR_REDIS_PREFIX: redis.prefix,
            WEIR_STATEMENT_TIMEOUT_MS: "1000",
            ...environment,
          }),
          databaseUrl: reach(database.url),
          redisUrl: redis.url,
        });
        await instance.ready();
        return instance.port;
      };
      try {
        const port = await start();
        const url = `http://127.0.0.1:${port}`;
        const client = createWeirClient({ url, token: KEY });
        await test({
          url,
          database,
          api: client.api,
          link: (fragment = "") => `${url}/#token=${KEY}${fragment}`,
          stop: async () => await instance?.stop(),
          start: async () => void await start(port),
        });
        await client.close();
      } finally {
        await instance?.stop();
      }
    })
  );
}

/** Builds the page in a process of its own, with the rights of `deno task page`. */
async function buildPage(): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--unstable-bundle",
      "--allow-read=deno.json,deno.lock,client,node_modules",
      "--allow-write=client/dashboard/dist",
      "client/dashboard/build.ts",
    ],
    cwd: new URL("../../", import.meta.url),
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}
