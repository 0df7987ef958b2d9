/**
 * The order of the rooms on each floor. A room is a folder directly on the floor, or a file that
 * stands there without one.
 *
 * A room imports only from rooms below it, so that a reader who walks down never comes back up. Two
 * rooms of one row know nothing of each other.
 */

import { importsOf, localNames } from "./import_graph.ts";
import type { Finding, Rule, Source } from "./source.ts";

/** Each floor's rows of rooms, from the top down. */
const ROOMS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  "server/": [
    ["main"],
    ["cli"],
    ["service"],
    ["processes"],
    ["instance"],
    ["start_tries", "stop"],
    ["start_failure"],
    ["parts"],
    ["board", "signs"],
    ["front"],
    ["router"],
    ["orders", "figures", "live", "ops"],
    ["overflow"],
    ["embedded"],
    ["redis"],
    ["telemetry"],
    ["launchers"],
    ["child_process", "config", "every", "process_table", "version"],
    ["redis_url"],
  ],
  "actors/": [
    ["system_machine", "bus_machine", "aggregator", "auditor", "overflow_drainer"],
    ["order_writer"],
    ["backoff", "batch_bound", "clock"],
  ],
  "sql/": [
    ["migrate", "api_keys", "orders"],
    ["figures"],
    ["schema_rights", "migration_script"],
    ["migration_files"],
    ["connection"],
    ["time", "waiting"],
  ],
  "client/dashboard/": [["build", "main"], ["views"], ["data"]],
  "client/": [
    ["dashboard", "package"],
    ["mod", "tokens"],
    ["types"],
    ["live", "outbox"],
    ["orders"],
    ["api"],
    ["clock"],
    ["contract", "deferred", "listeners"],
  ],
};

/** The one file of the figures that the orders may import: a batch writes its journal rows. */
const JOURNAL = "sql/figures/journal.ts";

export const roomOrder: Rule = {
  name: "inside a floor imports go down: no room imports from a room above or beside it",
  check: (tree) => {
    const aliases = localNames(tree);
    return tree.flatMap((source) => [
      ...unnamedRooms(source),
      ...importsOf(source, aliases).flatMap(({ file = "", node }) =>
        floorsOf(source.path).filter((floor) => file.startsWith(floor)).flatMap((floor) => {
          const [from, to] = [roomOf(floor, source.path), roomOf(floor, file)];
          const [fromRow, toRow] = [rowOf(floor, from), rowOf(floor, to)];
          if (from === to || fromRow === -1 || toRow === -1 || fromRow < toRow) return [];
          const found = `${from} imports from ${to}, ${fromRow === toRow ? "beside" : "above"} it`;
          return [source.finding(node, found, "move what both need down, or pass it in")];
        })
      ),
    ]);
  },
  broken: [
    {
      at: ["server/orders/a.ts:1"],
      files: { "server/orders/a.ts": 'import "../front/b.ts";' },
    },
    {
      at: ["server/orders/a.ts:1"],
      files: { "server/orders/a.ts": 'import type { B } from "../figures/b.ts";' },
    },
    { at: ["server/router/a.ts:1"], files: { "server/router/a.ts": 'import "../parts.ts";' } },
    { at: ["actors/clock.ts:1"], files: { "actors/clock.ts": 'import "./auditor/machine.ts";' } },
    { at: ["sql/time.ts:1"], files: { "sql/time.ts": 'export * from "./connection/pool.ts";' } },
    { at: ["client/mod.ts:1"], files: { "client/mod.ts": 'import "./dashboard/data/feed.ts";' } },
    {
      at: ["client/dashboard/data/a.ts:1"],
      files: { "client/dashboard/data/a.ts": 'import "../views/b.tsx";' },
    },
    { at: ["server/helpers/a.ts:1"], files: { "server/helpers/a.ts": "" } },
    { at: ["actors/helpers.ts:1"], files: { "actors/helpers.ts": 'import "./clock.ts";' } },
  ],
  kept: [
    { "server/front/a.ts": 'import "./b.ts"; import "../router/c.ts"; import "../every.ts";' },
    { "server/main.ts": 'import "./cli/command.ts"; import "../actors/clock.ts";' },
    { "client/dashboard/views/a.tsx": 'import "../data/b.ts"; import "../../mod.ts";' },
    { "client/dashboard/icon.svg": "", "tests/server/a.ts": 'import "../client/b.ts";' },
  ],
};

export const journal: Rule = {
  name: `orders and figures of sql/ meet only in ${JOURNAL}`,
  check: (tree) =>
    tree.flatMap((source) =>
      importsOf(source, localNames(tree)).flatMap(({ file, node, specifier }) => {
        const ordersAsk = source.path.startsWith("sql/orders/") &&
          file?.startsWith("sql/figures/") && file !== JOURNAL;
        const figuresAsk = source.path.startsWith("sql/figures/") &&
          file?.startsWith("sql/orders/");
        if (!ordersAsk && !figuresAsk) return [];
        const advice = "write it to the journal, or read it from there";
        return [source.finding(node, `imports ${specifier}`, advice)];
      })
    ),
  broken: [
    { at: ["sql/orders/a.ts:1"], files: { "sql/orders/a.ts": 'import "../figures/fold.ts";' } },
    {
      at: ["sql/figures/a.ts:1"],
      files: { "sql/figures/a.ts": 'import type { Order } from "../orders/orders.ts";' },
    },
  ],
  kept: [
    { "sql/orders/a.ts": 'import "../figures/journal.ts"; import "../connection/pool.ts";' },
    { "sql/figures/a.ts": 'import "./journal.ts"; import "../time.ts";' },
  ],
};

/** The floors on which a TypeScript file stands in a room without a row. */
function unnamedRooms(source: Source): Finding[] {
  if (!source.isTypeScript) return [];
  return floorsOf(source.path).filter((floor) => rowOf(floor, roomOf(floor, source.path)) === -1)
    .map((floor) => {
      const found = `the room ${roomOf(floor, source.path)} has no row`;
      return source.finding(1, found, "give it its row in ROOMS, rooms.ts");
    });
}

function floorsOf(path: string): string[] {
  return Object.keys(ROOMS).filter((floor) => path.startsWith(floor));
}

/** The folder of `path` on its floor, or its name without ending for a file that stands there. */
function roomOf(floor: string, path: string): string {
  return path.slice(floor.length).split(/[/.]/)[0] ?? "";
}

/** Counted from the top; -1: it has no row. */
function rowOf(floor: string, room: string): number {
  return (ROOMS[floor] ?? []).findIndex((row) => row.includes(room));
}
