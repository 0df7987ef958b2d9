/**
 * SQL through a pooler that hands the server's session to somebody else after each transaction.
 *
 * A setting of the session would stay behind for strangers, and those of strangers would hold here. So
 * every statement runs in a transaction of its own, which begins with Weir's settings and reads them
 * back. The settings end with the transaction.
 *
 * A statement takes three round trips instead of one: BEGIN, the settings together with the statement,
 * and COMMIT. One more is for parameters, whose types the driver asks for each time: nothing is
 * prepared, because the next server would not know it.
 *
 * Whole suites run through a real pooler by `deno task test:pooled`.
 */
import type postgres from "postgres";
import { type Sql, transaction, type Tx } from "../driver.ts";
import { codeOf } from "../failure.ts";
import { SQLSTATE } from "../failure/codes.ts";
import { StandbyAlone } from "../failure/standby_alone.ts";
import { type SetUp, setUp } from "../set_up.ts";

type Statement = postgres.PendingQuery<postgres.Row[]>;

const ISOLATION = "isolation level read committed";

/**
 * Asks the server once, so that an unfit one says so now.
 * @returns `sql` with each statement and each transaction under the settings of `needed`
 * @throws as `setUp` does
 */
export async function shareSql(sql: Sql, needed: SetUp): Promise<Sql> {
  sql.options.prepare = false; // the driver reads it at each statement
  const mustAsk = await transaction(sql, ISOLATION, async (tx) => {
    await setUp(tx, needed, "transaction");
    const [row] = await tx.unsafe<{ must_ask: boolean }[]>(`
      SELECT pg_catalog.current_setting('transaction_read_only') = 'on'
             AND NOT pg_catalog.pg_is_in_recovery() AS must_ask`);
    return row?.must_ask === true;
  });
  // To ask a standby for writes is an error even where nothing is written.
  return new Shared(sql, needed, mustAsk ? " read write" : "").sql;
}

class Shared {
  readonly sql: Sql;

  constructor(readonly plain: Sql, readonly needed: SetUp, readonly access: string) {
    const unsafe = (...call: Parameters<Sql["unsafe"]>) =>
      this.#alone(plain.unsafe(...call), (tx) => tx.unsafe(...call));
    const begin = (
      ...call: [use: (tx: Tx) => unknown] | [mode: string, use: (tx: Tx) => unknown]
    ) => {
      const [mode, use] = call.length === 1 ? ["", call[0]] as const : call;
      return this.#run(mode, async (tx) => {
        await setUp(tx, needed, "transaction");
        return await use(tx);
      });
    };
    this.sql = new Proxy(plain, {
      apply: (_sql, _this, call: [TemplateStringsArray, ...never[]]) => {
        const made = plain(...call) as Statement;
        const isStatement = Array.isArray(call[0].raw);
        return isStatement ? this.#alone(made, (tx) => tx(...call) as Statement) : made;
      },
      get: (_sql, name) => {
        if (name === "unsafe") return unsafe;
        return name === "begin" ? begin : Reflect.get(plain, name);
      },
    });
  }

  /** A statement that runs in a transaction of its own. */
  #alone(statement: Statement, run: (tx: Tx) => Statement): Statement {
    return runsLater(statement, () =>
      this.#run("", async (tx) => {
        const [, rows] = await Promise.all([setUp(tx, this.needed, "transaction"), run(tx)]);
        return rows;
      }));
  }

  /** BEGIN says everything that a role's or a database's defaults would decide otherwise. */
  async #run<T>(mode: string, use: (tx: Tx) => Promise<T>): Promise<T> {
    const isolation = /isolation level/i.test(mode) ? mode : `${ISOLATION} ${mode}`;
    const access = /read only/i.test(mode) ? "" : this.access;
    let hasBegun = false;
    try {
      return await transaction(this.plain, `${isolation}${access} not deferrable`, (tx) => {
        hasBegun = true;
        return use(tx);
      });
    } catch (error) {
      const isRefused = !hasBegun && codeOf(error) === SQLSTATE.featureNotSupported;
      throw isRefused ? new StandbyAlone() : error;
    }
  }
}

/**
 * Makes a statement run in another way once somebody waits for it. A statement that nobody waits for is
 * a part of another one: the driver has one class for both.
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
