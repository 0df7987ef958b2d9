/** The mutants. Each is a mistake that somebody may make while changing the code nearby. */
import { CLIENT } from "./client.ts";
import { DASHBOARDS } from "./dashboards.ts";
import type { Mutant } from "./mutant.ts";
import { DOOR } from "./door.ts";
import { ORDERS } from "./orders.ts";
import { PATCHES } from "./patches.ts";
import { REST } from "./rest.ts";
import { TOKENS } from "./tokens.ts";
import { WRITER } from "./writer.ts";

export const MUTANTS: readonly Mutant[] = [
  ...ORDERS,
  ...WRITER,
  ...DASHBOARDS,
  ...DOOR,
  ...CLIENT,
  ...PATCHES,
  ...REST,
  ...TOKENS,
];
