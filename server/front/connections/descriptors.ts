/**
 * Descriptors: how many connections a process may hold. Each connection needs a descriptor, and so
 * do the pools, Redis and files. A process without a descriptor cannot work.
 *
 * Tested in tests/server/front/connections/descriptors_test.ts.
 */
import type { Config } from "../../config.ts";
import { getLogger } from "../../telemetry/log.ts";
import { readProcFiles } from "../../process_table.ts";
import type { VisitorBounds } from "./visitors.ts";

const log = getLogger(["weir", "front"]);

/** Pools have 30 at most, Redis has six, the embedded services and files some. */
export const RESERVED_DESCRIPTORS = 100;
/** The limit that most systems give a process without asking. */
const USUAL_DESCRIPTORS = 1_024;
/** More connections than one process serves well. */
const MOST_CONNECTIONS = 10_000;
const FEWEST_CONNECTIONS = 16;

/** One address may have this part of all connections where nobody says another number. */
const PART_OF_ONE_ADDRESS = 1 / 2;

/**
 * The bounds of connections: what is set, but never more than the descriptors allow.
 * @param set null: as many as there are descriptors for.
 */
export async function visitorBounds(
  set: Pick<Config, "maxConnections" | "maxConnectionsPerAddress">,
): Promise<VisitorBounds> {
  const descriptors = await readDescriptorLimit() ?? USUAL_DESCRIPTORS;
  const free = Math.max(FEWEST_CONNECTIONS, descriptors - RESERVED_DESCRIPTORS);
  const maxConnections = Math.min(set.maxConnections ?? MOST_CONNECTIONS, free);
  if (maxConnections < (set.maxConnections ?? 0)) {
    log.warn(
      `WEIR_MAX_CONNECTIONS is ${set.maxConnections}, and this process may open ${descriptors} ` +
        `descriptors: it takes ${maxConnections} connections (ulimit -n raises that)`,
    );
  }
  const ofAddress = set.maxConnectionsPerAddress ?? Math.ceil(maxConnections * PART_OF_ONE_ADDRESS);
  return { maxConnections, maxConnectionsPerAddress: Math.min(ofAddress, maxConnections) };
}

/** The most descriptors that this process may have open; null: the system does not tell. */
export async function readDescriptorLimit(): Promise<number | null> {
  // The limits of `cat` are those of the process that starts it.
  const limits = await readProcFiles(["/proc/self/limits"]);
  const [, limit] = /^Max open files +(\d+|unlimited) /m.exec(limits) ?? [];
  if (limit === undefined) return null;
  return limit === "unlimited" ? RESERVED_DESCRIPTORS + MOST_CONNECTIONS : Number(limit);
}
