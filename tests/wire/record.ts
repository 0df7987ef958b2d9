/**
 * Records the fixture of the wire: `deno run -A tests/wire/record.ts [part of a scene's name]`.
 *
 * Run it only when an answer was changed on purpose, and read the difference that git shows. It
 * starts a PostgreSQL and a Redis of its own. For both answers of `GET /`, run it once with the
 * page built (`deno task page`) and once without.
 */
import { startTestServices } from "../support/services/services.ts";
import { SCENES } from "./exchanges.ts";
import { type Fixture, readFixture, writeFixture } from "./fixture.ts";

async function record(part = ""): Promise<void> {
  const services = await startTestServices();
  for (const [name, value] of Object.entries(services.environment)) Deno.env.set(name, value);
  try {
    const before = await readFixture().catch((): Fixture => ({}));
    const fixture: Fixture = {};
    for (const { name, play } of SCENES) {
      console.error(name);
      fixture[name] = name.includes(part) ? await play() : before[name] ?? {};
    }
    await writeFixture(fixture);
  } finally {
    await services.stop();
  }
}

if (import.meta.main) await record(...Deno.args);
