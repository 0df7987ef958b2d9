/** The memory of a service, as the system counts it. */
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
