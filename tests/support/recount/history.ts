/**
 * The history of a run under faults: every attempt with its answer. At the end the history is
 * checked against the stored orders.
 *
 * The check does not know how Weir works. It compares the answers with the contract: an
 * acknowledged order is stored, a refused one is not, and one key is one order. An order may be
 * stored in the database or kept as an open dead letter. The overflow must be empty before the
 * check.
 */
import type { PlaceInput } from "../../../client/contract/order.ts";

export type Answer =
  | {
    readonly kind: "acknowledged";
    readonly status: "committed" | "spilled";
    readonly orderId: string;
    readonly replayed: boolean;
    readonly totalMinor: number;
    readonly placedAt: string;
  }
  | { readonly kind: "refused"; readonly reason: string }
  /** The connection broke, or no answer came in time. Anything may have happened. */
  | { readonly kind: "none"; readonly error: string };

export interface Attempt {
  readonly store: string;
  readonly key: string;
  /** The content of the order, as `contentOf` writes it. */
  readonly content: string;
  /** 1 for the first attempt under this key. */
  readonly number: number;
  /** Milliseconds of a monotonic clock. */
  readonly sentAt: number;
  readonly answeredAt: number;
  readonly answer: Answer;
}

/** An order in the database, or an open dead letter. */
export interface StoredRow {
  readonly store: string;
  readonly key: string;
  readonly orderId: string;
  readonly content: string;
  readonly totalMinor: number;
  readonly placedAt: string;
}

export interface Stored {
  readonly orders: readonly StoredRow[];
  readonly letters: readonly Pick<StoredRow, "store" | "key" | "content">[];
}

/** Each kind of violation, with the keys (`store/key`) that show it. */
export interface Violations {
  readonly lost: readonly string[];
  readonly invented: readonly string[];
  readonly doubled: readonly string[];
  readonly refusedButStored: readonly string[];
  readonly contradictory: readonly string[];
}

/** The content of an order as text. The order of fields does not matter, nor does `deadlineMs`. */
export function contentOf(
  order: Pick<PlaceInput, "currency" | "lines" | "customerRef" | "metadata">,
): string {
  return JSON.stringify([
    order.currency,
    order.lines.map(({ sku, quantity, unitPriceMinor }) => [sku, quantity, unitPriceMinor]),
    order.customerRef ?? null,
    Object.entries(order.metadata ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)),
  ]);
}

/** All attempts of the clients of one run. */
export class History {
  readonly attempts: Attempt[] = [];
  readonly #sent = new Map<string, number>();

  constructor(readonly seed: number) {}

  /** Counts one more attempt under a key. @returns its number. */
  begin(store: string, key: string): number {
    const number = (this.#sent.get(`${store}/${key}`) ?? 0) + 1;
    this.#sent.set(`${store}/${key}`, number);
    return number;
  }

  record(attempt: Attempt): void {
    this.attempts.push(attempt);
  }

  /** The ids of the orders that were acknowledged with `status`. */
  acknowledged(status: "committed" | "spilled"): Set<string> {
    return new Set(
      this.attempts.flatMap(({ answer }) =>
        answer.kind === "acknowledged" && answer.status === status ? [answer.orderId] : []
      ),
    );
  }

  /** The number of attempts with each outcome: a status, a reason, or `no answer`. */
  outcomes(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { answer } of this.attempts) {
      const outcome = outcomeOf(answer);
      counts[outcome] = (counts[outcome] ?? 0) + 1;
    }
    return counts;
  }

  check(stored: Stored): Violations {
    const byKey = Map.groupBy(this.attempts, ({ store, key }) => `${store}/${key}`);
    const rows = Map.groupBy(stored.orders, ({ store, key }) => `${store}/${key}`);
    const letters = new Set(stored.letters.map((row) => `${row.store}/${row.key} ${row.content}`));
    const keysWith = (fits: (key: string, attempts: readonly Attempt[]) => boolean) =>
      [...byKey].filter(([key, attempts]) => fits(key, attempts)).map(([key]) => key).sort();
    const isKept = (key: string, { answer, content }: Attempt) =>
      rows.get(key)?.some((row) => row.content === content) === true ||
      isAcknowledged(answer, "spilled") && letters.has(`${key} ${content}`);
    return {
      lost: keysWith((key, attempts) =>
        attempts.some((one) => one.answer.kind === "acknowledged" && !isKept(key, one))
      ),
      invented: [...rows].filter(([key, found]) =>
        found.some(({ content }) => !byKey.get(key)?.some((one) => one.content === content))
      ).map(([key]) => key).sort(),
      doubled: [...rows].filter(([, found]) => found.length > 1).map(([key]) => key).sort(),
      refusedButStored: keysWith((key, attempts) => isRefusedButStored(rows.get(key), attempts)),
      contradictory: keysWith((key, attempts) => contradicts(rows.get(key)?.[0], attempts)),
    };
  }

  /** @throws Error that names the seed and the keys, when the history does not fit `stored`. */
  expectHolds(stored: Stored): void {
    const violations: [kind: string, keys: readonly string[]][] = Object.entries(
      this.check(stored),
    );
    const found = violations.filter(([, keys]) => keys.length > 0);
    if (found.length === 0) return;
    const lines = found.map(([kind, keys]) => {
      const shown = keys.slice(0, 5).map((key) => `${key} (${this.#told(key)})`);
      return `${kind}: ${keys.length}, such as ${shown.join("; ")}`;
    });
    throw new Error(`WEIR_TEST_SEED=${this.seed}\n${lines.join("\n")}`);
  }

  #told(of: string): string {
    return this.attempts.filter(({ store, key }) => `${store}/${key}` === of)
      .map(({ number, answer }) => `${number}: ${outcomeOf(answer)}`).join(", ");
  }
}

/** The outcome of an answer, in one word. */
export function outcomeOf(answer: Answer): string {
  if (answer.kind === "none") return "no answer";
  return answer.kind === "refused" ? answer.reason : answer.status;
}

function isAcknowledged(answer: Answer, status: "committed" | "spilled"): boolean {
  return answer.kind === "acknowledged" && answer.status === status;
}

/** True when every attempt with the stored content was refused for certain. */
function isRefusedButStored(
  rows: readonly StoredRow[] | undefined,
  attempts: readonly Attempt[],
): boolean {
  if (rows === undefined) return false;
  return rows.some(({ content }) => {
    const same = attempts.filter((one) => one.content === content);
    return same.length > 0 && same.every(({ answer }) => isDefiniteRefusal(answer));
  });
}

function isDefiniteRefusal(answer: Answer): boolean {
  return answer.kind === "refused" && answer.reason !== "outcome_unknown";
}

/** True when the answers for one key contradict each other or the row. */
function contradicts(row: StoredRow | undefined, attempts: readonly Attempt[]): boolean {
  const contents = new Set(attempts.map(({ content }) => content));
  const orderIds = new Set(row === undefined ? [] : [row.orderId]);
  const committedContents = new Set<string>();
  const committedTimes = new Set(row === undefined ? [] : [row.placedAt]);
  let firsts = 0;
  for (const { answer, content } of attempts) {
    if (answer.kind === "refused") {
      if (answer.reason === "idempotency_mismatch" && contents.size === 1) return true;
      continue;
    }
    if (answer.kind === "none") continue;
    orderIds.add(answer.orderId);
    if (row?.content === content && answer.totalMinor !== row.totalMinor) return true;
    if (answer.status === "spilled") continue;
    committedContents.add(content);
    committedTimes.add(answer.placedAt);
    if (!answer.replayed) firsts++;
  }
  const times = committedContents.size === 0 ? 1 : committedTimes.size;
  return orderIds.size > 1 || committedContents.size > 1 || times > 1 || firsts > 1;
}

/** The `quantile` of `values` (0.99: the p99), rounded to a tenth. */
export function quantileOf(values: readonly number[], quantile: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * quantile))] ?? NaN;
  return Math.round(value * 10) / 10;
}

export interface AnswerTimes {
  readonly p50: number;
  readonly p99: number;
}

/** The waiting times of callers, in milliseconds. */
export function answerMsOf(attempts: readonly Attempt[]): AnswerTimes {
  const times = attempts.map(({ sentAt, answeredAt }) => answeredAt - sentAt);
  return { p50: quantileOf(times, 0.5), p99: quantileOf(times, 0.99) };
}

/**
 * The milliseconds that "at once" may take on a machine that usually answers as in `usual`. A
 * quarter of a second is several times what an idle machine needs. A busy machine is several times
 * slower, so its usual time counts three times.
 */
export function atOnceMs(usual: AnswerTimes): number {
  return 250 + 3 * usual.p99;
}
