/**
 * The problems that an instance reports, in words for a page, each with a tone.
 *
 * Pure. A name that this page does not know comes from a newer instance. It is shown as it is.
 */
import type { ProblemName, StandingProblem } from "../../mod.ts";
import type { Tone } from "./health.ts";

interface Words {
  readonly tone: Tone;
  readonly title: string;
}

const WORDS: Readonly<Record<ProblemName, Words>> = {
  not_prepared: { tone: "bad", title: "This instance waits for its database" },
  database_out: { tone: "bad", title: "The database is out" },
  reads_out: { tone: "bad", title: "The database answers no reads" },
  connections_few: { tone: "watch", title: "The server allows few connections" },
  primary_unknown: { tone: "bad", title: "No host of the database takes writes" },
  keys_unreadable: { tone: "bad", title: "API keys cannot be looked up" },
  folds_failing: { tone: "bad", title: "Folds fail" },
  folds_behind: { tone: "bad", title: "Orders come faster than folds take them" },
  figures_old: { tone: "bad", title: "The figures stand still" },
  drift: { tone: "bad", title: "Figures are not what their orders add up to" },
  listen_unheard: { tone: "watch", title: "LISTEN is not heard" },
  redis_away: { tone: "bad", title: "Redis is away" },
  redis_refuses: { tone: "watch", title: "The Redis user lacks a right" },
  overflow_absent: { tone: "quiet", title: "There is no overflow" },
  overflow_unavailable: { tone: "watch", title: "The overflow is away" },
  overflow_not_durable: { tone: "watch", title: "The overflow is not used" },
  overflow_nearly_full: { tone: "bad", title: "The overflow is nearly full" },
  overflow_waiting: { tone: "watch", title: "Orders wait in the overflow" },
  drain_stalled: { tone: "bad", title: "The overflow is not drained" },
  orders_set_aside: { tone: "bad", title: "Orders of the overflow are set aside" },
  orders_shed: { tone: "bad", title: "More orders come than the database commits" },
  dead_letters: { tone: "watch", title: "Dead letters are open" },
  clocks_apart: { tone: "watch", title: "Clocks are far apart" },
  upkeep_failing: { tone: "watch", title: "A side step fails" },
  process_stalls: { tone: "watch", title: "The process stood still" },
  bug: { tone: "bad", title: "The program has met an unexpected error" },
};

/** A problem as the page shows it. */
export interface ShownProblem extends Words {
  readonly name: string;
  /** ISO 8601, by the instance's clock. */
  readonly since: string;
  /** The cause and the figures. */
  readonly detail: string;
}

/** The problems as shown, in their order. @param problems undefined: of an older instance. */
export function shownProblems(problems: readonly StandingProblem[] | undefined): ShownProblem[] {
  return (problems ?? []).map(({ name, since, detail, counts }) => {
    const known = Object.hasOwn(WORDS, name) ? WORDS[name] : null;
    const { tone, title } = known ?? { tone: "watch", title: spaced(name) };
    const figures = Object.entries(counts).map(([name, count]) => `${spaced(name)}: ${count}`);
    return { name, tone, title, since, detail: [detail, ...figures].join("; ") };
  });
}

/** `spilledOrders` and `spilled_orders` as `spilled orders`. */
function spaced(name: string): string {
  return name.replaceAll("_", " ").replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
