/**
 * The architecture as a test: the rules of tests/support/architecture.
 *
 * Each rule is checked twice: on its own samples, so that a rule that has stopped working fails,
 * and on the project.
 */

import { assertEquals } from "@std/assert";
import { calendar } from "./support/architecture/calendar.ts";
import { importCircles } from "./support/architecture/circles.ts";
import { deadExports } from "./support/architecture/dead_exports.ts";
import { importDirections, packageHomes } from "./support/architecture/imports.ts";
import {
  looseTypes,
  machinePaths,
  markers,
  printing,
  testSwitches,
} from "./support/architecture/leftovers.ts";
import { environment, sqlPlace } from "./support/architecture/places.ts";
import { commentBeginnings, testNames } from "./support/architecture/prose.ts";
import { journal, roomOrder } from "./support/architecture/rooms.ts";
import {
  fileLength,
  fileNames,
  folderSize,
  functionLength,
  headers,
  topLevel,
} from "./support/architecture/shape.ts";
import { sqlStates } from "./support/architecture/sqlstates.ts";
import { tested } from "./support/architecture/tested.ts";
import { type Rule, Source } from "./support/architecture/source.ts";
import { listFiles, readSources } from "./support/architecture/tree.ts";

const RULES: readonly Rule[] = [
  importDirections,
  packageHomes,
  importCircles,
  roomOrder,
  journal,
  deadExports,
  environment,
  sqlPlace,
  sqlStates,
  calendar,
  fileLength,
  functionLength,
  folderSize,
  fileNames,
  headers,
  topLevel,
  markers,
  printing,
  testSwitches,
  looseTypes,
  machinePaths,
  commentBeginnings,
  testNames,
  tested,
];

let project: Promise<Source[]> | undefined;

for (const rule of RULES) {
  Deno.test(`rule fires: ${rule.name}`, () => {
    for (const { at, files } of rule.broken) assertPlaces(rule, files, at);
    for (const files of rule.kept) assertPlaces(rule, files, []);
  });

  Deno.test(rule.name, async () => {
    project ??= readProject();
    const findings = rule.check(await project).map(({ path, line, found, advice }) =>
      `${path}:${line}: ${found} – ${advice}`
    );
    if (findings.length > 0) throw new Error(["", ...findings].join("\n"));
  });
}

async function readProject(): Promise<Source[]> {
  const root = new URL("../", import.meta.url);
  return readSources(root, await listFiles(root));
}

function assertPlaces(
  rule: Rule,
  files: Readonly<Record<string, string>>,
  at: readonly string[],
): void {
  const tree = Object.entries(files).map(([path, text]) => new Source(path, text));
  const found = rule.check(tree).map(({ path, line }) => `${path}:${line}`);
  assertEquals(found, [...at], `in ${JSON.stringify(files).slice(0, 300)}`);
}
