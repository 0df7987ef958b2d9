/**
 * The fixture: every exchange as it was recorded. It is compared as text, so that a moved key shows
 * as well as a changed one.
 */
import type { Exchanges } from "./wire.ts";

/** Exchanges by scene. */
export type Fixture = Record<string, Exchanges>;

const FILE = new URL("./fixture.json", import.meta.url);
const CONTEXT_LINES = 3;
const MOST_LINES = 60;

/** Two exchanges. The page's files may be built or not, so each run plays one of the two. */
const PAGE_IS_BUILT = "the page, built";
const PAGE_IS_MISSING = "the page, not built";

/** The name of the exchange that asked for the page. */
export function pageName(status: string): string {
  return status.startsWith("200") ? PAGE_IS_BUILT : PAGE_IS_MISSING;
}

export async function readFixture(): Promise<Fixture> {
  return JSON.parse(await Deno.readTextFile(FILE));
}

/** Writes the fixture. The one of the page's two exchanges that was not played stays as it was. */
export async function writeFixture(fixture: Fixture): Promise<void> {
  const before = await readFixture().catch((): Fixture => ({}));
  const whole = Object.fromEntries(
    Object.entries(fixture).map(([scene, exchanges]) => {
      const certain = Object.entries(exchanges).filter(([name]) => !isOptional(name));
      const optional = Object.entries({ ...before[scene], ...exchanges })
        .filter(([name]) => isOptional(name)).sort();
      return [scene, Object.fromEntries([...certain, ...optional])];
    }),
  );
  await Deno.writeTextFile(FILE, `${JSON.stringify(whole, null, 2)}\n`);
}

/** The differences, with the name of each exchange; empty when nothing differs. */
export function differences(recorded: Exchanges, played: Exchanges): string[] {
  const names = new Set([...Object.keys(recorded), ...Object.keys(played)]);
  return [...names].flatMap((name) => {
    if (!(name in played)) return isOptional(name) ? [] : [`${name}: was not played`];
    if (!(name in recorded)) return [`${name}: is not in the fixture`];
    const [before, now] = [linesOf(recorded[name]), linesOf(played[name])];
    return before.join("\n") === now.join("\n") ? [] : [`${name}:\n${difference(before, now)}`];
  });
}

function isOptional(name: string): boolean {
  return name === PAGE_IS_BUILT || name === PAGE_IS_MISSING;
}

function linesOf(value: unknown): string[] {
  return JSON.stringify(value, null, 2).split("\n");
}

/** The lines between the first and the last that differ: `-` recorded, `+` now. */
function difference(before: readonly string[], now: readonly string[]): string {
  let first = 0;
  while (before[first] === now[first]) first++;
  let last = 0;
  const most = Math.min(before.length, now.length) - first;
  while (last < most && before.at(-1 - last) === now.at(-1 - last)) last++;
  return [
    ...before.slice(Math.max(0, first - CONTEXT_LINES), first).map((line) => `  ${line}`),
    ...before.slice(first, before.length - last).map((line) => `- ${line}`),
    ...now.slice(first, now.length - last).map((line) => `+ ${line}`),
    ...now.slice(now.length - last).slice(0, CONTEXT_LINES).map((line) => `  ${line}`),
  ].slice(0, MOST_LINES).join("\n");
}
