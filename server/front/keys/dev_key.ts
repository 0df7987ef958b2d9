/**
 * The key of a run: a service that nobody has made a key for would answer nobody. On a loopback
 * address it makes a random one for itself, with every scope, and says the link that holds it. The
 * key is in no database and ends with the process.
 *
 * The key exists from the start, so that no call waits for the database. Nobody can use it until it
 * is said, and it is said only if the database has no key, or if `WEIR_DEV_KEY=random` asks for it.
 *
 * Tested in tests/server/front/keys/dev_key_test.ts.
 */
import { Buffer } from "node:buffer";
import { type Config, isLoopback } from "../../config.ts";
import { describe, getLogger } from "../../telemetry/log.ts";

const log = getLogger(["weir"]);

/** Makes the key of this run; null where one is given, or where others than this machine call. */
export function keyOfRun({ devKey, host }: Pick<Config, "devKey" | "host">): string | null {
  if (devKey !== null || !isLoopback(host)) return null;
  const secret = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64url");
  return `weir_dev_${secret}`;
}

export interface TellOptions {
  readonly config: Pick<Config, "devKey" | "asksRandomKey">;
  /** The key that `keyOfRun` made. */
  readonly key: string | null;
  /** The address of the service. */
  readonly url: string;
  /** True when the database has a key in force. */
  readonly hasKeys: () => Promise<boolean>;
}

/** Says how to get in, where nobody could know. It never rejects. */
export async function tellKey({ config, key, url, hasKeys }: TellOptions): Promise<void> {
  if (config.devKey !== null) return;
  try {
    if (!config.asksRandomKey && await hasKeys()) return;
  } catch (error) {
    log.warn(`nobody knows whether there is an API key, so none is made: ${describe(error)}`);
    return;
  }
  if (key === null) {
    log.info("there is no API key yet: `deno task keys create --label shop` makes one");
  } else {
    log.info(`the dashboard, with a key of this run alone: ${url}/#token=${key}`);
  }
}
