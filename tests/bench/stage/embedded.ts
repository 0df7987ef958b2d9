/** A private PostgreSQL for a bench. Every commit is synced, as in production. */
import { migrate } from "../../../sql/migrate.ts";
import { startEmbedded } from "../../../server/embedded/mod.ts";

/** Runs `bench` with a database that is removed afterwards. */
export async function withEmbedded<T>(bench: (databaseUrl: string) => Promise<T>): Promise<T> {
  const dataDir = await Deno.makeTempDir({ prefix: "weir-bench-" });
  const services = await startEmbedded({ dataDir, postgres: true, redis: false });
  try {
    if (services.postgres === null) throw new Error("PostgreSQL did not start");
    return await bench(services.postgres.url);
  } finally {
    await services.stop();
    await Deno.remove(dataDir, { recursive: true });
  }
}

/** Runs `bench` with a database, migrated, and a Redis, which are removed afterwards. */
export async function withServices<T>(
  bench: (databaseUrl: string, redisUrl: string) => Promise<T>,
): Promise<T> {
  const dataDir = await Deno.makeTempDir({ prefix: "weir-bench-" });
  const services = await startEmbedded({ dataDir, postgres: true, redis: true });
  try {
    const { postgres, redis } = services;
    if (postgres === null || redis === null) throw new Error("this bench needs Redis");
    await migrate({ databaseUrl: postgres.url });
    return await bench(postgres.url, redis.url);
  } finally {
    await services.stop();
    await Deno.remove(dataDir, { recursive: true });
  }
}
