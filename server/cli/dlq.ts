/**
 * `deno task dlq`: lists, shows, replays and discards dead letters.
 *
 * The task works on the database, beside a service or without one. A replay goes through an order
 * writer of the task's own. So its commit is the group commit of a service: an order that is
 * already stored is not stored twice.
 */
import { userInfo } from "node:os";
import { type Command, Option } from "commander";
import { z } from "zod";
import { startOrderWriter } from "../../actors/order_writer/order_writer.ts";
import { ruleInWords } from "../../client/contract/broken_rule.ts";
import {
  type DeadLetter,
  LETTER_STATES,
  type LetterState,
  type ReplayResult,
} from "../../client/contract/dead_letter.ts";
import { placeInput, type PlaceOrder } from "../../client/contract/order.ts";
import { Refused } from "../../client/contract/refused.ts";
import { plainText, storeIdInput } from "../../client/contract/text.ts";
import { decodeLetterCursor } from "../../sql/orders/letter_list.ts";
import { toNewOrder } from "../../sql/orders/new_order.ts";
import { readConfig } from "../config.ts";
import { DeadLetters, REPLAYS_PER_SECOND } from "../orders/dead_letters.ts";
import { createOrderStore } from "../orders/store.ts";
import { writerSettings } from "../orders/writer.ts";
import { invalidMessage, issuesOf } from "../router/input_issues.ts";
import { describe } from "../telemetry/log.ts";
import {
  matching,
  printJson,
  printTable,
  taskCommand,
  TaskFailure,
  wholeNumber,
} from "./command.ts";
import { withPools } from "./database_url.ts";

const PAGE_LETTERS = 200;
const STOP_TIMEOUT_MS = 1_000;

const letterIdInput = z.uuid("must be a letter's id, as `list` shows it");

interface ListOptions {
  readonly store?: string;
  readonly state: LetterState;
  readonly limit: number;
  readonly json?: true;
}

interface ReplayOptions {
  readonly all?: true;
  readonly store?: string;
  readonly limit?: number;
  readonly payload?: string;
  readonly dryRun?: true;
  readonly by?: string;
  readonly json?: true;
}

export const command = taskCommand(
  "dlq",
  "Dead letters in DATABASE_URL, else in the embedded database.",
);

command.command("list")
  .description("list dead letters, the one that failed last first")
  .option("--store <id>", "those of one store", matching(storeIdInput))
  .addOption(new Option("--state <state>", "their state").choices(LETTER_STATES).default("open"))
  .option("--limit <number>", "at most this many", wholeNumber(1, 100_000), 50)
  .option("--json", "print JSON")
  .action(async ({ store, state, limit, json }: ListOptions) => {
    const { letters, more } = await withLetters((all) => pagesOf(all, store, state, limit));
    printLetters(letters, json);
    if (more) console.error("weir: there are more letters, see --limit");
  });

command.command("show")
  .description("show one letter with all that is known of it")
  .argument("<id>", "as `list` shows it", matching(letterIdInput))
  .option("--json", "print JSON")
  .action(async (id: string, { json }: { readonly json?: true }) => {
    const letter = await withLetters((letters) => letters.get(id));
    if (json) return printJson(letter);
    const rule = letter.rule === null ? null : ruleInWords(letter.rule);
    printTable(Object.entries({ ...letter, rule }).map(([field, value]) => [field, shown(value)]));
  });

command.command("replay")
  .description("place a letter's order again, or with --all those of many open letters")
  .argument("[id]", "as `list` shows it", matching(letterIdInput))
  .option("--all", "open letters, what has waited for longest first")
  .option("--store <id>", "with --all: those of one store", matching(storeIdInput))
  .option("--limit <number>", "with --all: at most this many (500)", wholeNumber(1, 500))
  .option("--payload <file>", "place the order in this JSON file instead, under the same key")
  .option("--dry-run", "say what would happen, and store nothing")
  .option("--by <name>", "who does it (the system's user)", matching(plainText(1, 64)))
  .option("--json", "print JSON")
  .action(async (id: string | undefined, options: ReplayOptions, replay: Command) => {
    const { all, store, limit, payload } = options;
    if ((id === undefined) === (all === undefined)) replay.error("name a letter, or give --all");
    if (!all && (store ?? limit) !== undefined) replay.error("--store and --limit need --all");
    if (all && payload !== undefined) replay.error("--payload is for one letter");
    if (id === undefined) await replayMany(options);
    else await replayOne(id, options);
  });

command.command("discard")
  .description("close a letter for good; its order is not stored")
  .argument("<id>", "as `list` shows it", matching(letterIdInput))
  .requiredOption("--reason <text>", "why", matching(plainText(1, 256)))
  .option("--by <name>", "who does it (the system's user)", matching(plainText(1, 64)))
  .option("--json", "print JSON")
  .action(async (id: string, options: { reason: string; by?: string; json?: true }) => {
    const letter = await withLetters(async (letters) =>
      letters.discard(await letters.get(id), options.by ?? userName(), options.reason)
    );
    if (options.json) printJson(letter);
    else console.log(`letter ${id} is discarded`);
  });

async function replayOne(id: string, { payload, dryRun, by, json }: ReplayOptions): Promise<void> {
  const corrected = payload === undefined ? null : await readOrder(payload);
  await withLetters(async (letters) => {
    const letter = await letters.get(id);
    if (dryRun) return printResults([await letters.dryRun(letter, corrected)], json);
    const replay = await letters.replay(letter, by ?? userName(), corrected);
    if (json) return printJson(replay);
    const { order: { orderId }, letter: { state } } = replay;
    console.log(`order ${orderId} is committed, letter ${id} is ${state}`);
  });
}

async function replayMany({ store, limit, dryRun, by, json }: ReplayOptions): Promise<void> {
  const { results, stoppedBy } = await withLetters((letters) =>
    letters.replayMany({
      storeId: store ?? null,
      limit: limit ?? 500,
      dryRun: dryRun === true,
      by: by ?? userName(),
    })
  );
  printResults(results, json);
  if (stoppedBy !== null) throw new TaskFailure(`stopped: ${stoppedBy.message}`);
  const failing = results.filter(({ outcome }) => outcome === "failing").length;
  if (failing > 0 && !dryRun) throw new TaskFailure(`${failing} of ${results.length} still fail`);
}

function printLetters(letters: readonly DeadLetter[], json: true | undefined): void {
  if (json) return printJson(letters);
  printTable([
    ["LETTER", "STORE", "STATE", "CODE", "FAILURES", "LAST", "KEY", "RULE"],
    ...letters.map(rowOf),
  ]);
}

function rowOf(letter: DeadLetter): string[] {
  const { id, storeId, state, code, failures, lastFailedAt, payload, rule } = letter;
  const key = String(payload?.idempotencyKey ?? ""); // somebody may have changed it by hand
  const words = rule?.constraint ?? rule?.column ?? rule?.message ?? "";
  return [id, storeId, state, code, String(failures), lastFailedAt, key, words];
}

function printResults(results: readonly ReplayResult[], json: true | undefined): void {
  if (json) return printJson(results);
  const rows = results.map(({ id, outcome, reason, rule }) => [
    id,
    outcome,
    reason ?? "",
    rule === undefined ? "" : ruleInWords(rule),
  ]);
  printTable([["LETTER", "OUTCOME", "REASON", "RULE"], ...rows]);
}

/** Reads the order in a file. @throws TaskFailure */
async function readOrder(file: string): Promise<PlaceOrder> {
  let text: string;
  try {
    text = await Deno.readTextFile(file);
  } catch (error) {
    throw new TaskFailure(`${file} cannot be read: ${describe(error)}`, { cause: error });
  }
  try {
    const parsed = placeInput.safeParse(JSON.parse(text));
    if (parsed.success) return parsed.data;
    throw new TaskFailure(`${file} is no order: ${invalidMessage(issuesOf(parsed.error))}`);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new TaskFailure(`${file} is not JSON: ${error.message}`, { cause: error });
  }
}

/** Lists up to `limit` letters, page by page. `more` is true when there are further ones. */
async function pagesOf(
  all: DeadLetters,
  store: string | undefined,
  state: LetterState,
  limit: number,
): Promise<{ letters: DeadLetter[]; more: boolean }> {
  const letters: DeadLetter[] = [];
  let cursor: string | null = null;
  do {
    const count = Math.min(PAGE_LETTERS, limit - letters.length);
    const page = await all.list({
      storeId: store ?? null,
      state,
      limit: count,
      cursor: cursor === null ? null : decodeLetterCursor(cursor),
    });
    letters.push(...page.letters);
    cursor = page.nextCursor;
  } while (cursor !== null && letters.length < limit);
  return { letters, more: cursor !== null };
}

/** Calls `use` with the dead letters of the task's database. @throws TaskFailure on a refusal */
async function withLetters<T>(use: (letters: DeadLetters) => Promise<T>): Promise<T> {
  const config = readConfig();
  return await withPools(config, async (pools) => {
    const writer = startOrderWriter({
      ...writerSettings(config),
      store: createOrderStore(pools.write),
      onBug: (error) => console.error(`weir: a bug in the order writer: ${describe(error)}`),
    });
    try {
      return await use(
        new DeadLetters({
          pool: pools.read,
          place: (order) => writer.place(toNewOrder(order), order.deadlineMs),
          replaysPerSecond: REPLAYS_PER_SECOND,
        }),
      );
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      throw new TaskFailure(error.message, { cause: error });
    } finally {
      await writer.stop(STOP_TIMEOUT_MS);
    }
  });
}

function userName(): string {
  try {
    return userInfo().username || "task";
  } catch {
    return "task";
  }
}

function shown(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
