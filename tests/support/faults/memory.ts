/** The memory of a service, as the system counts it. */
import { assertLessOrEqual } from "@std/assert";
import type { ServiceProcess } from "../services/service_process.ts";

const MIB = 1_048_576;

/** The resident memory now, in MiB. */
export async function residentMiB(service: ServiceProcess): Promise<number> {
  return Math.round(await service.residentBytes() / MIB);
}

/** Looks at the resident memory every 50 ms, while `work` runs. @returns the most, in MiB */
export async function mostResidentMiB(
  service: ServiceProcess,
  work: () => Promise<unknown>,
): Promise<number> {
  let most = 0;
  let isOver = false;
  const looking = (async () => {
    while (!isOver) {
      most = Math.max(most, await residentMiB(service));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })();
  try {
    await work();
  } finally {
    isOver = true;
    await looking;
  }
  return most;
}

/** A minute after an attack, an instance has at most so many times what it has without one. */
const MOST_KEPT = 1.2;
/**
 * The memory that an instance has without any attack. At 20 orders a second it begins with 145 and has
 * 223 two minutes later, because V8 is in no hurry with old garbage; after that it stays.
 */
const WARM_MIB = 223;
const MINUTE_MS = 60_000;

/**
 * Waits until the resident memory is within a fifth of what it would be without the attack: of
 * `beforeMiB`, or of what a warm instance has. It waits for a minute at most.
 * @returns the memory then, in MiB
 */
export async function memoryGoesBack(service: ServiceProcess, beforeMiB: number): Promise<number> {
  const bound = MOST_KEPT * Math.max(beforeMiB, WARM_MIB);
  const end = performance.now() + MINUTE_MS;
  let now = await residentMiB(service);
  while (now > bound && performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    now = await residentMiB(service);
  }
  assertLessOrEqual(now, bound, `MiB, a minute after ${beforeMiB} MiB`);
  return now;
}
