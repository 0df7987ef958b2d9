/**
 * SQL through a pooler that hands the server's session to somebody else after each transaction.
 *
 * A setting of the session would stay behind for strangers, and those of strangers would hold here. So
 * every statement runs in a transaction of its own, which begins with Weir's settings and reads them
 * back. The settings end with the transaction.
 *
 * A statement takes three round trips instead of one: BEGIN, the settings together with the statement,
 * and COMMIT. Nothing is prepared, because the next server would not know it.
 *
 * Whole suites run through a real pooler by `deno task test:pooled`.
 */
import type postgres from "postgres";
import { type Sql, transaction, type Tx } from "../driver.ts";
import { type SetUp, setUp } from "../set_up.ts";

type Statement = postgres.PendingQuery<postgres.Row[]>;

/** @returns `sql` with each statement and each transaction under the settings of `needed` */
export function sharedSql(sql: Sql, needed: SetUp): Sql {
  sql.options.prepare = false; // the driver reads it at each statement
  const alone = (statement: Statement, run: (tx: Tx) => Statement) =>
    runsLater(statement, () =>
      transaction(sql, modeOf(""), async (tx) => {
        const [, rows] = await Promise.all([setUp(tx, needed, "transaction"), run(tx)]);
        return rows;
      }));
  const unsafe = (...call: Parameters<Sql["unsafe"]>) =>
    alone(sql.unsafe(...call), (tx) => tx.unsafe(...call));
  const begin = (
    ...call: [use: (tx: Tx) => unknown] | [mode: string, use: (tx: Tx) => unknown]
  ) => {
    const [mode, use] = call.length === 1 ? ["", call[0]] as const : call;
    return transaction(sql, modeOf(mode), async (tx) => {
      await setUp(tx, needed, "transaction");
      return await use(tx);
    });
  };
  return new Proxy(sql, {
    apply: (_sql, _this, call: [TemplateStringsArray, ...never[]]) => {
      const made = sql(...call) as Statement;
      const isStatement = Array.isArray(call[0].raw);
      return isStatement ? alone(made, (tx) => tx(...call) as Statement) : made;
    },
    get: (_sql, name) => {
      if (name === "unsafe") return unsafe;
      return name === "begin" ? begin : Reflect.get(sql, name);
    },
  });
}

/** The mode for BEGIN, without a gap that the defaults of a role or a database would fill. */
function modeOf(mode: string): string {
  const isolation = /isolation level/i.test(mode) ? "" : "isolation level read committed ";
  const access = /read (only|write)/i.test(mode) ? "" : " read write";
  return `${isolation}${mode}${access} not deferrable`;
}

/**
 * Makes a statement run in another way once somebody waits for it. Until then it may become a part of
 * another statement: the driver makes no difference between the two.
 */
function runsLater(statement: Statement, run: () => Promise<unknown>): Statement {
  let running: Promise<unknown> | undefined;
  const begun = () => running ??= run();
  const waited: Pick<Promise<unknown>, "then" | "catch" | "finally"> = {
    then: (done, failed) => begun().then(done, failed),
    catch: (failed) => begun().catch(failed),
    finally: (last) => begun().finally(last),
  };
  return Object.assign(statement, waited as unknown as Partial<Statement>);
}
