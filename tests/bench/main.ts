/**
 * The benches: `deno task bench [names] [--json]`. Speeds are reported as ratios within one run,
 * because the speed of a machine drifts. No bench asserts anything.
 */
import { type Bench, type Figure, rounded } from "./stage/figure.ts";
import { big } from "./big.ts";
import { fanout } from "./fanout.ts";
import { fold } from "./fold.ts";
import { freshness } from "./freshness.ts";
import { http } from "./http.ts";
import { intake } from "./intake.ts";
import { latency } from "./latency.ts";
import { memory } from "./memory.ts";
import { path } from "./path.ts";
import { overload } from "./overload.ts";
import { refusals } from "./refusals.ts";
import { start } from "./start.ts";

const BENCHES: readonly Bench[] = [
  http,
  latency,
  refusals,
  fanout,
  memory,
  intake,
  path,
  overload,
  fold,
  big,
  freshness,
  start,
];
const USAGE = `usage: deno task bench [${BENCHES.map(({ name }) => name).join("|")}]… [--json]`;

async function main(args: readonly string[]): Promise<number> {
  if (args.includes("--help")) {
    console.log(USAGE);
    return 0;
  }
  const names = args.filter((arg) => arg !== "--json");
  const unknown = names.find((name) => !BENCHES.some((bench) => bench.name === name));
  if (unknown !== undefined) {
    console.error(`there is no bench ${unknown}; ${USAGE}`);
    return 2;
  }
  const figures: Figure[] = [];
  for (const bench of BENCHES) {
    if (names.length === 0 || names.includes(bench.name)) figures.push(...await bench.run());
  }
  if (args.includes("--json")) console.log(JSON.stringify(figures, null, 2));
  else for (const figure of figures) console.log(lineOf(figure));
  return 0;
}

function lineOf({ name, value, unit, spread, ratio, aim }: Figure): string {
  const parts = [name.padEnd(24), `${rounded(value)} ${unit}`.padEnd(18)];
  if (spread !== undefined) parts.push(`(${spread.map(rounded).join(" to ")})`);
  if (ratio !== undefined) parts.push(`${rounded(ratio.value)} × ${ratio.to}`);
  if (ratio?.spread !== undefined) parts.push(`(${ratio.spread.map(rounded).join(" to ")})`);
  if (aim !== undefined) parts.push(`(aim: ${aim})`);
  return parts.join(" ");
}

if (import.meta.main) Deno.exit(await main(Deno.args));
