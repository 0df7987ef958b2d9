/**
 * The embedded services: PostgreSQL and Redis in one locked data folder, for a Weir that has no
 * addresses of other servers. They start together and stop together.
 *
 * Tested in tests/server/embedded.
 */
import { openDataFolder } from "./data_folder.ts";
import type { OnEmbeddedEvent } from "./embedded_event.ts";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "./postgres.ts";
import { type EmbeddedRedis, startEmbeddedRedis } from "./redis.ts";

export { EmbeddedError, type EmbeddedEvent, type OnEmbeddedEvent } from "./embedded_event.ts";
export type { EmbeddedPostgres } from "./postgres.ts";
export type { EmbeddedRedis } from "./redis.ts";

export interface EmbeddedOptions {
  /** Made when it is missing. One live Weir at a time may use it. */
  readonly dataDir: string;
  readonly postgres: boolean;
  readonly redis: boolean;
  readonly onEvent?: OnEmbeddedEvent;
  /** Settings of PostgreSQL besides the durable ones. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Start a server again when it ends by itself; default true. */
  readonly restart?: boolean;
}

export interface EmbeddedServices {
  /** Null when the caller did not ask for it. */
  readonly postgres: EmbeddedPostgres | null;
  /** Null when the caller did not ask for it, or, with an event, when this machine has none. */
  readonly redis: EmbeddedRedis | null;
  /** Stops Redis, then PostgreSQL, then unlocks the folder. Legal twice. */
  stop(): Promise<void>;
}

/**
 * Resolves when the servers answer. When one of them fails, the other is stopped again.
 * @throws EmbeddedError
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedServices> {
  const { dataDir, postgres, redis, settings, restart = true, onEvent = () => undefined } = options;
  const folder = await openDataFolder(dataDir);
  const common = { folder, restart, onEvent };
  const started = await Promise.allSettled([
    postgres
      ? startEmbeddedPostgres(settings ? { ...common, settings } : common)
      : Promise.resolve(null),
    redis ? startEmbeddedRedis(common) : Promise.resolve(null),
  ]);
  const [first, second] = started;
  const services = {
    postgres: first.status === "fulfilled" ? first.value : null,
    redis: second.status === "fulfilled" ? second.value : null,
  };
  let stopping: Promise<void> | undefined;
  const stop = async () => {
    await services.redis?.stop();
    await services.postgres?.stop();
    folder.close();
  };
  const failed = started.find((result) => result.status === "rejected");
  if (failed) {
    await stop();
    throw failed.reason;
  }
  return { ...services, stop: () => stopping ??= stop() };
}
