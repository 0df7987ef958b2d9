/**
 * The watch over the problems: it looks each second and at each change of an actor, knows which
 * problems stand, and says each in the log when it begins, while it lasts and when it ends.
 *
 * A problem that comes and goes makes few lines. It ends only when it has been away for some seconds.
 * When it begins again soon after its end, that time doubles, up to a minute.
 */
import type { ProblemName, StandingProblem } from "../../../client/contract/ops_status.ts";
import { every } from "../../every.ts";
import { END_AFTER_MS, type Finding, type ProblemRule } from "./rule.ts";
import type { Signs } from "./signs.ts";

const LOOK_EVERY_MS = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
/** A cause explains its consequences for this long after its end, since they end later. */
const EXPLAINS_MS = 10_000;
/** A problem that begins again within this time comes and goes. */
const AGAIN_MS = 300_000;
const MAX_END_AFTER_MS = 60_000;

export interface ProblemLog {
  info(line: string, figures: Record<string, unknown>): void;
  warn(line: string, figures: Record<string, unknown>): void;
  error(line: string, figures: Record<string, unknown>): void;
}

export interface ProblemWatchOptions {
  readonly rules: readonly ProblemRule[];
  readonly signs: Signs;
  /** Monotonic, milliseconds. */
  readonly now: () => number;
  readonly log: ProblemLog;
}

export interface ProblemWatch {
  /** The problems that stand now, in the order of the rules. */
  standing(): readonly StandingProblem[];
  /** Looks at once. */
  look(): void;
  /** Calls `listener` when a problem has begun or ended. @returns a function that ends it. */
  onChange(listener: () => void): () => void;
  /** Looks no more. */
  stop(): Promise<void>;
}

/** Starts looking. */
export function startProblemWatch(options: ProblemWatchOptions): ProblemWatch {
  const states = options.rules.map((rule) => new ProblemState(rule, options));
  const listeners = new Set<() => void>();
  let lookedAt = options.now();
  const look = (isTurn: boolean) => {
    const now = options.now();
    const moment = { now, lateMs: isTurn ? Math.max(0, now - lookedAt - LOOK_EVERY_MS) : 0 };
    if (isTurn) lookedAt = now;
    const found = states.map(({ rule }) => rule.look(options.signs, moment));
    const isCause = (name: ProblemName) =>
      states.some((state, index) =>
        state.rule.name === name && (found[index] !== null || state.explains(now))
      );
    let changed = false;
    for (const [index, state] of states.entries()) {
      const isExplained = state.rule.causes?.some(isCause) === true;
      if (state.take(found[index] ?? null, isExplained, now)) changed = true;
    }
    if (changed) { for (const listener of listeners) listener(); }
  };
  const looking = every(LOOK_EVERY_MS, () => Promise.resolve(look(true)));
  return {
    standing: () => states.flatMap((state) => state.standing ?? []),
    look: () => look(false),
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stop: () => looking.stop(),
  };
}

/** A problem between its begin and its end. */
interface Standing {
  readonly since: string;
  readonly begunAt: number;
  /** When a look last found it. */
  foundAt: number;
  saidAt: number;
  /** The counts of the latest line. */
  saidCounts: string;
  finding: Finding;
}

class ProblemState {
  #standing: Standing | null = null;
  /** The first of the looks in a row that found it; null: the latest look did not. */
  #foundSince: number | null = null;
  #endedAt: number | null = null;
  #endAfterMs: number;

  constructor(readonly rule: ProblemRule, readonly options: ProblemWatchOptions) {
    this.#endAfterMs = this.#shortestMs;
  }

  get standing(): StandingProblem | null {
    if (this.#standing === null) return null;
    const { since, finding: { detail, counts = {} } } = this.#standing;
    return { name: this.rule.name, since, detail, counts };
  }

  /** True while the consequences of this problem may still be there. */
  explains(now: number): boolean {
    if (this.#standing !== null) return true;
    return this.#endedAt !== null && now - this.#endedAt < EXPLAINS_MS;
  }

  /** Takes in what a look has found. @returns true when the problem has begun or ended. */
  take(finding: Finding | null, isExplained: boolean, now: number): boolean {
    if (this.#standing !== null) return this.#goesOn(this.#standing, finding, now);
    if (finding === null || isExplained) {
      this.#foundSince = null;
      return false;
    }
    this.#foundSince ??= now;
    if (now - this.#foundSince < (this.rule.beginAfterMs ?? 0)) return false;
    this.#begin(finding, now);
    return true;
  }

  get #shortestMs(): number {
    return this.rule.endAfterMs ?? END_AFTER_MS;
  }

  #begin(finding: Finding, now: number): void {
    const isAgain = this.#endedAt !== null && now - this.#endedAt < AGAIN_MS;
    this.#endAfterMs = isAgain
      ? Math.max(this.#shortestMs, Math.min(MAX_END_AFTER_MS, this.#endAfterMs * 2))
      : this.#shortestMs;
    this.#standing = {
      since: new Date().toISOString(),
      begunAt: now,
      foundAt: now,
      saidAt: now,
      saidCounts: textOf(finding),
      finding,
    };
    this.#say("begins", this.#standing, now);
  }

  #goesOn(standing: Standing, finding: Finding | null, now: number): boolean {
    if (finding === null) {
      if (now - standing.foundAt < this.#endAfterMs) return false;
      this.#standing = null;
      this.#foundSince = null;
      this.#endedAt = now;
      this.#say("ended", standing, standing.foundAt);
      return true;
    }
    standing.foundAt = now;
    standing.finding = finding;
    if (this.#isDue(standing, now)) {
      standing.saidAt = now;
      standing.saidCounts = textOf(finding);
      this.#say("lasts", standing, now);
    }
    return false;
  }

  #isDue({ saidAt, saidCounts, finding }: Standing, now: number): boolean {
    const { again = "minute" } = this.rule;
    if (again === "never" || now - saidAt < MINUTE_MS) return false;
    return again === "minute" || saidCounts !== textOf(finding) || now - saidAt >= HOUR_MS;
  }

  #say(phase: "begins" | "lasts" | "ended", { begunAt, finding }: Standing, until: number): void {
    const { name, words, over, level = "warn", isSaid = true } = this.rule;
    if (!isSaid) return;
    const seconds = Math.round((until - begunAt) / 1_000);
    const { detail, counts = {} } = finding;
    const figures = { problem: name, phase, seconds, ...counts };
    const { log } = this.options;
    if (phase === "ended") return log.info(`${over}, after ${seconds} s${listOf(counts)}`, figures);
    const lasting = phase === "lasts" ? ` (for ${seconds} s)` : "";
    log[level](`${words}${lasting}: ${detail}${listOf(counts)}`, figures);
  }
}

/** `[spilledOrders 3, queuedOrders 0]`, since a line for people shows no other figures. */
function listOf(counts: Readonly<Record<string, number>>): string {
  const list = Object.entries(counts).map(([name, count]) => `${name} ${count}`);
  return list.length === 0 ? "" : ` [${list.join(", ")}]`;
}

function textOf({ detail, counts }: Finding): string {
  return JSON.stringify([detail, counts]);
}
