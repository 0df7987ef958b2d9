/**
 * The documents against the code: each table holds every name of the code and no other, and each
 * file, task and link that a page names exists.
 */
import { assert, assertEquals } from "@std/assert";
import {
  type AnyTRPCProcedure,
  type AnyTRPCRouter,
  callTRPCProcedure,
  TRPCError,
} from "@trpc/server";
import { getHTTPStatusCodeFromError } from "@trpc/server/http";
import { PROBLEM_NAMES } from "../client/contract/ops_status.ts";
import { Refused } from "../client/contract/refused.ts";
import { type Scope, SCOPES } from "../client/contract/scope.ts";
import { VARIABLES } from "../server/config/variables.ts";
import { OPERATIONS } from "../server/front/rest/operations.ts";
import type { Services } from "../server/router/context.ts";
import { CODE_OF_REASON } from "../server/router/errors.ts";
import { appRouter } from "../server/router/mod.ts";
import { HINTS, Hints } from "../server/telemetry/hints.ts";
import { createMetrics } from "../server/telemetry/metrics.ts";
import { listFiles } from "./support/architecture/tree.ts";
import { codeIn, type Page, readPages } from "./support/docs/page.ts";

const ROOT = new URL("../", import.meta.url);
const README_LINES = 120;
/** A task makes these; the repository does not hold them. */
const GENERATED = ["client/dashboard/dist", "client/dist"];
/** Files that a reader of the documents makes. */
const OF_THE_READER = ["order.json"];
/** A service answers at these paths; they are no files. */
const OF_THE_SERVICE = ["/openapi.json", "/api/v1/openapi.json"];

const pages = readPages(ROOT);
const contract = page("docs/contract.md");
const operating = page("docs/operating.md");

for (const { path } of [contract, operating]) {
  Deno.test(`variables: the table of ${path} has each one that the service reads`, () => {
    assertEquals(named(path, "variable"), Object.keys(VARIABLES.shape).sort());
  });

  Deno.test(`variables: the table of ${path} has the defaults of the code`, () => {
    const defaults = new Map<string, unknown>(Object.entries(VARIABLES.parse({})));
    for (const [cell, shown] of page(path).table("variable", "default")) {
      const name = codeIn(cell) ?? "";
      const text = codeIn(shown);
      const meant = text === undefined ? undefined : read(name, text);
      assertEquals(meant, defaults.get(name), `${name}: ${shown}`);
    }
  });

  Deno.test(`metrics: the table of ${path} has each one with its labels`, () => {
    const rows = path === contract.path
      ? contract.table("metric", "type", "labels").map(([name, , labels]) => [name, labels])
      : operating.table("metric", "labels").map(([name, labels]) => [name, labels]);
    const found = rows.map(([name, labels]) => [codeIn(name), codeIn(labels) ?? ""]);
    assertEquals(found.sort(), metrics().map(({ name, labels }) => [name, labels]));
  });

  Deno.test(`tasks: the table of ${path} has each one of deno.json`, () => {
    assertEquals(named(path, "task"), taskNames());
  });
}

Deno.test("variables: a range of the contract ends where the code's range ends", () => {
  for (const [cell, , value = ""] of contract.table("variable", "default", "value")) {
    const name = codeIn(cell) ?? "";
    const [, low, high] = /^([\d,]+)–([\d,]+)(?![\d,]| of)/.exec(value) ?? [];
    if (low === undefined || high === undefined) continue;
    const [min, max] = [low, high].map((text) => Number(text.replaceAll(",", "")));
    assertEquals([read(name, `${min}`), read(name, `${max}`)], [min, max], name);
    assertEquals([read(name, `${min! - 1}`), read(name, `${max! + 1}`)], [WRONG, WRONG], name);
  }
});

Deno.test("metrics: the contract has the type of each one", () => {
  const rows = contract.table("metric", "type").map(([name, type]) => [codeIn(name), type]);
  assertEquals(rows.sort(), metrics().map(({ name, type }) => [name, type]));
});

Deno.test("reasons: the contract has each one with tRPC's code and the HTTP status", () => {
  const rows = contract.table("reason", "tRPC code", "HTTP");
  const found = rows.map(([reason, code, status]) => [codeIn(reason), codeIn(code), status]);
  const expected = Object.entries(CODE_OF_REASON).map(([reason, code]) => [
    reason,
    code,
    `${getHTTPStatusCodeFromError(new TRPCError({ code }))}`,
  ]);
  assertEquals(found.sort(), expected.sort());
});

Deno.test("procedures: the contract has each one with its kind and the scope it asks for", async () => {
  const rows = contract.table("procedure", "kind", "scope");
  const found = rows.map(([path, kind, scope]) => [codeIn(path), kind, codeIn(scope)]);
  const router: AnyTRPCRouter = appRouter;
  const procedures: Record<string, AnyTRPCProcedure> = router._def.procedures;
  const expected = Object.entries(procedures).map(async ([path, procedure]) => {
    const { type } = procedure._def;
    return [path, type, await scopeOf(path, type)];
  });
  assertEquals(found.sort(), (await Promise.all(expected)).sort());
});

Deno.test("operations: the contract has each one of REST with its path and its procedure", () => {
  const rows = contract.table("operation", "method and path below `/api/v1`", "procedure");
  const expected = OPERATIONS.map(({ id, method, path, procedure }) => [
    id,
    `${method} ${path}`,
    procedure,
  ]);
  assertEquals(rows.map((row) => row.map((cell) => codeIn(cell))).sort(), expected.sort());
});

Deno.test("problems: the table of the operator's page has each one, in the order of the code", () => {
  const rows = operating.table("problem", "means", "do");
  assertEquals(rows.map(([name]) => codeIn(name)), [...PROBLEM_NAMES]);
  for (const [name, means, todo] of rows) {
    assert(means !== "" && todo !== "", `${name} says nothing`);
  }
});

Deno.test("scopes: the contract has each one", () => {
  assertEquals(named(contract.path, "scope"), [...SCOPES].sort());
});

Deno.test("hints: the table of docs/design.md has each one", () => {
  assertEquals(named("docs/design.md", "hint"), Object.keys(HINTS).sort());
});

Deno.test("fault tests: the tables of docs/tests.md have each file of tests/system/", async () => {
  const system = "tests/system/";
  const files = (await listFiles(ROOT)).filter((path) => path.startsWith(system));
  const tests = files.filter((path) => path.endsWith("_test.ts"));
  const found = [system, `${system}door/`].flatMap((folder) =>
    named("docs/tests.md", `file in \`${folder}\``).map((name) => folder + name)
  );
  assertEquals(found.toSorted(), tests.toSorted());
});

Deno.test(`README.md has at most ${README_LINES} lines`, () => {
  const { lines } = page("README.md");
  assert(lines <= README_LINES, `it has ${lines}`);
});

Deno.test("tasks: each `deno task` that a page names is in deno.json", () => {
  const known = taskNames();
  for (const { path, tasks } of pages.values()) {
    assertEquals(tasks.filter((task) => !known.includes(task)), [], path);
  }
});

Deno.test("files: each one that a page names is in the repository", async () => {
  const files = await listFiles(ROOT);
  const isThere = (name: string) => {
    const path = name.replace(/\/$/, "");
    return [...OF_THE_READER, ...OF_THE_SERVICE].includes(path) || GENERATED.includes(path) ||
      files.some((file) => `/${file}/`.includes(`/${path}/`));
  };
  for (const { path, files: names } of pages.values()) {
    assertEquals(names.filter((name) => !isThere(name)), [], path);
  }
});

Deno.test("links: each one within the documents leads somewhere", async () => {
  const files = await listFiles(ROOT);
  for (const { path, links } of pages.values()) {
    const broken = links.filter((link) => {
      const { pathname, hash } = new URL(link, `file:///${path}`);
      const target = pathname.slice(1);
      const anchors = pages.get(target)?.anchors ?? [];
      return !files.includes(target) || (hash !== "" && !anchors.includes(hash.slice(1)));
    });
    assertEquals(broken, [], path);
  }
});

const WRONG = Symbol("the code refuses the value");

/** The value that the code reads from a variable's text. */
function read(name: string, text: string): unknown {
  const parsed = VARIABLES.safeParse({ [name]: text });
  return parsed.success ? new Map<string, unknown>(Object.entries(parsed.data)).get(name) : WRONG;
}

/** Every metric of an instance, by name. */
function metrics() {
  const { registry, watch, watchConnections } = createMetrics(new Hints(() => 0));
  const notScraped = () => {
    throw new Error("only a scrape reads a gauge");
  };
  watch({
    writer: notScraped,
    aggregator: notScraped,
    bus: notScraped,
    spill: notScraped,
    setAside: notScraped,
    backlogs: notScraped,
    journalEntries: notScraped,
    deadLetters: notScraped,
    subscribers: notScraped,
    auditor: notScraped,
    problems: notScraped,
  });
  watchConnections({
    unreadBytes: notScraped,
    unfinishedBytes: notScraped,
    answerBytes: notScraped,
    connections: notScraped,
    strangers: notScraped,
    listenerRestarts: notScraped,
  });
  return registry.getMetricsAsArray().map((metric) => ({
    name: metric.name,
    type: `${metric.type}`,
    labels: "labelNames" in metric ? String(metric.labelNames) : "",
  })).sort((a, b) => a.name < b.name ? -1 : 1);
}

/** The scope that a key without scopes is told to need; undefined: the key gets an answer. */
async function scopeOf(path: string, type: "query" | "mutation" | "subscription") {
  const principal = {
    keyId: "k",
    name: "without scopes",
    scopes: new Set<Scope>(),
    storeIds: null,
    currencies: null,
    token: null,
  };
  const services: Pick<Services, "auth"> = {
    auth: { authenticate: () => Promise.resolve(principal), keyIdOfToken: () => null },
  };
  try {
    await callTRPCProcedure({
      router: appRouter,
      path,
      getRawInput: () => Promise.resolve(undefined),
      ctx: { services, token: null, connection: {} },
      type,
      signal: undefined,
      batchIndex: 0,
    });
  } catch (error) {
    const refused = error instanceof TRPCError ? error.cause : error;
    if (refused instanceof Refused) return /the scope (\S+)$/.exec(refused.message)?.[1];
    // The input is looked at behind the key.
    if (error instanceof TRPCError && error.code === "BAD_REQUEST") return undefined;
    throw error;
  }
  return undefined;
}

function taskNames(): string[] {
  const { tasks } = JSON.parse(Deno.readTextFileSync(new URL("deno.json", ROOT)));
  return Object.keys(tasks).sort();
}

function page(path: string): Page {
  const found = pages.get(path);
  if (found === undefined) throw new Error(`${path} is missing`);
  return found;
}

/** The names in backticks in the first column of the table that has this head. */
function named(path: string, head: string): string[] {
  return page(path).table(head).map(([cell = ""]) => codeIn(cell) ?? cell).sort();
}
