/**
 * The primary among several hosts. All hosts are asked at the same time, so a silent one holds up
 * nobody, and the first that can be written to is taken. It is asked again only when it is in doubt.
 *
 * Two hosts may both say that they can be written to, when an old primary wakes up. The one with the
 * higher timeline was promoted later, and is taken.
 *
 * libpq tries its hosts one after the other (target_session_attrs), which costs the time of each host
 * that is silent.
 */
import { connect, type Sql } from "../driver.ts";
import { classify, isAway, NotConnected } from "../failure.ts";
import { CONNECTION, SQLSTATE } from "../failure/codes.ts";
import { notConnected } from "../socket.ts";
import { type Host, onlyHost, understand } from "../url.ts";

/** After the first answer of a primary, others have this time to say that they are one too. */
const RIVAL_MS = 50;
/** Once a host has said that it is a standby, silent hosts have this time to answer. */
const SILENT_MS = 1_000;
/**
 * While others are silent, a standby and a host that is away are asked again after this time. A standby
 * may be promoted meanwhile, and Patroni restarts it when the leader is gone.
 */
const AGAIN_MS = 250;
/** All who need the primary wait for one search, so no caller may make it longer. */
const SEARCH_MS = 5_000;

const OPTIONS = {
  max: 1,
  max_lifetime: null,
  backoff: () => 0,
  connection: { application_name: "weir primary" },
};

interface Answer {
  readonly host: Host;
  readonly isPrimary: boolean;
  /** 0: the server does not tell. */
  readonly timeline: number;
}

/** The primary of one connection string. */
export class Primary {
  #host: Host | null = null;
  #isInDoubt = true;
  #finding: Promise<Host> | null = null;
  readonly #movers = new Set<() => void>();

  /** @param url names several hosts */
  constructor(readonly url: string) {}

  /**
   * The primary: the last one found, unless it is in doubt.
   * @throws NotConnected with the code of a standby when at least one host answered as such, else with
   *   that of a host which cannot be reached
   */
  readonly find = (timeoutMs: number): Promise<Host> => {
    const isAsking = this.#finding !== null;
    if (this.#host !== null && !this.#isInDoubt && !isAsking) return Promise.resolve(this.#host);
    this.#finding ??= this.#ask(Math.min(timeoutMs, SEARCH_MS)).finally(() => this.#finding = null);
    return this.#finding;
  };

  /** Something failed with the primary: it is asked again before its next connection. */
  doubt(): void {
    this.#isInDoubt = true;
  }

  /** Calls `moved` whenever the primary is another one than before. @returns what ends that */
  onMoved(moved: () => void): () => void {
    this.#movers.add(moved);
    return () => this.#movers.delete(moved);
  }

  async #ask(timeoutMs: number): Promise<Host> {
    this.#isInDoubt = false; // a doubt that comes meanwhile stays
    try {
      const before = this.#host;
      const host = await askAll(this.url, timeoutMs);
      const isSame = before === null || (before.name === host.name && before.port === host.port);
      this.#host = host;
      if (!isSame) this.#movers.forEach((moved) => moved());
      return host;
    } catch (error) {
      this.#isInDoubt = true;
      throw error;
    }
  }
}

const primaries = new Map<string, Primary>();

/** The primary of a connection string, one for the whole process; null: it has only one host. */
export function primaryOf(url: string): Primary | null {
  if (understand(url).target.hosts.length < 2) return null;
  let primary = primaries.get(url);
  if (primary === undefined) primaries.set(url, primary = new Primary(url));
  return primary;
}

/** The host that can be written to. @throws as `Primary.find` */
async function askAll(url: string, timeoutMs: number): Promise<Host> {
  const { hosts } = understand(url).target;
  const answers = new Map<Host, Answer>();
  const failures = new Map<Host, NotConnected>();
  const asks: Sql[] = [];
  const { promise, resolve: end } = Promise.withResolvers<void>();
  let isOver = false;
  const timers: ReturnType<typeof setTimeout>[] = [];
  const after = (ms: number, then: () => void) => {
    if (!isOver) timers.push(setTimeout(then, ms));
  };
  const hear = (host: Host): void => {
    const sql = connect(onlyHost(url, host), OPTIONS, timeoutMs);
    asks.push(sql);
    ask(sql, host).then((answer) => {
      answers.set(host, answer);
      after(answer.isPrimary ? RIVAL_MS : SILENT_MS, end);
      if (!answer.isPrimary) after(AGAIN_MS, () => hear(host));
    }, (error: unknown) => {
      failures.set(host, notConnected(error, host));
      if (isAway(classify(error))) after(AGAIN_MS, () => hear(host));
    }).finally(() => {
      void sql.end({ timeout: 0 }).catch(() => undefined);
      if (hosts.every((one) => answers.has(one) || failures.has(one))) end();
    });
  };
  after(timeoutMs, end);
  hosts.forEach(hear);
  await promise;
  isOver = true;
  timers.forEach(clearTimeout);
  for (const host of answers.keys()) failures.delete(host); // a standby may be away for a moment
  const silent = hosts.length - answers.size - failures.size;
  await Promise.all(asks.map((sql) => sql.end({ timeout: 0 }).catch(() => undefined)));
  return primaryAmong([...answers.values()], [...failures.values()], silent);
}

/** @throws NotConnected when none of them is a primary */
function primaryAmong(
  answers: readonly Answer[],
  failures: readonly NotConnected[],
  silent: number,
): Host {
  const [primary] = answers.filter(({ isPrimary }) => isPrimary)
    .toSorted((one, other) => other.timeline - one.timeline);
  if (primary !== undefined) return primary.host;
  throw noPrimary(answers.map(({ host }) => host), failures, silent);
}

async function ask(sql: Sql, host: Host): Promise<Answer> {
  // As one text: nothing is prepared, which would stay in a pooler's session.
  const [row] = await sql.unsafe<{ standby: boolean }[]>(
    "SELECT pg_catalog.pg_is_in_recovery() AS standby",
  ).simple();
  if (row?.standby !== false) return { host, isPrimary: false, timeline: 0 };
  return { host, isPrimary: true, timeline: await timelineOf(sql).catch(() => 0) };
}

/** The first eight digits of the name of the log's file are the timeline. */
async function timelineOf(sql: Sql): Promise<number> {
  const [row] = await sql.unsafe<{ file: string }[]>(
    "SELECT pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()) AS file",
  ).simple();
  return Number.parseInt(row?.file.slice(0, 8) ?? "0", 16);
}

function noPrimary(
  standbys: readonly Host[],
  failures: readonly NotConnected[],
  silent: number,
): NotConnected {
  const met = standbys.map((host) =>
    notConnected(new NotConnected("it is a standby", SQLSTATE.readOnlyTransaction), host)
  );
  const silence = silent === 0 ? [] : [
    new NotConnected(`no answer of ${silent} hosts in time`, CONNECTION.connectTimeout),
  ];
  const all = together([...met, ...failures, ...silence]);
  return new NotConnected(all.message, met[0]?.code ?? all.code, { cause: all });
}

/**
 * One error of all hosts, the same whichever host was asked first. A host that refuses connections
 * may only be stopped, so the code is that of another host if there is one.
 */
function together(failures: readonly NotConnected[]): NotConnected {
  const isRefused = ({ code }: NotConnected) => Number(code === CONNECTION.refused);
  const sorted = failures.toSorted((one, other) =>
    isRefused(one) - isRefused(other) || (one.message < other.message ? -1 : 1)
  );
  const [first, ...others] = sorted;
  if (first === undefined) throw new Error("a target without a host");
  if (others.length === 0) return first;
  return new NotConnected(sorted.map(({ message }) => message).join("; "), first.code);
}
