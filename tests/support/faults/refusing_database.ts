/** A database that answers and takes no orders, so that they go into the overflow. */
import { type FaultRun, statusOf } from "./fault_run.ts";
import { until } from "../services/services.ts";

/**
 * Runs `test` while the database refuses all batches. `test` begins once orders are spilled.
 * @param place places orders. @returns the outcomes of their answers.
 */
export async function whileRefusing(
  run: FaultRun,
  url: string,
  place: () => Promise<readonly string[]>,
  test: () => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  await run.ask((sql) => sql`alter table journal rename to journal_away`);
  try {
    await until("the circuit to open", async () => {
      await place();
      return (await statusOf(url)).writer.circuit === "open";
    });
    await until("spilled orders", async () => (await place()).includes("spilled"));
    await test();
  } finally {
    await run.ask((sql) => sql`alter table journal_away rename to journal`);
  }
}
