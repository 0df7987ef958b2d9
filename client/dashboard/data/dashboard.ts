/**
 * The dashboard's data: one live subscription to the figures and one to the actors' states, over
 * one connection. Signals hold the data and change only when a frame arrives.
 *
 * The key says what to ask for: its own store if it has one, and nothing that it has no scope for.
 * When the connection is lost, the last figures and states stay until newer ones come.
 * Tested in tests/client/dashboard/data/situation_test.ts and tests/page/store_key_test.ts.
 */
import { batch, type ReadonlySignal, signal } from "@preact/signals";
import { createWeirClient, type OpsStatus, type Snapshot, type WeirClient } from "../../mod.ts";
import {
  type Access,
  isBrowserToken,
  isUnknownProcedure,
  lackOfFigures,
  mayFollow,
  storeToShow,
} from "./access.ts";
import { keepSubscribed } from "./feed.ts";
import { type Problem, problemOfLink } from "./problem.ts";
import { askUntilAnswered } from "./question.ts";
import { rank, type Ranking } from "./ranking.ts";

export type Connection = "connecting" | "connected" | "reconnecting";

/**
 * A snapshot and its arrival. Times are `Date.now()`, which unlike a monotonic clock counts sleep.
 */
export interface Shown {
  readonly snapshot: Snapshot;
  readonly receivedAt: number;
  /** The silence of the database, as far as it is known; null: it answers. */
  readonly silence: Silence | null;
  /** The order of the currencies on the screen. */
  readonly ranking: Ranking;
}

export interface Silence {
  readonly since: number;
  /** True when this page saw the silence begin. Else it may be longer. */
  readonly isExact: boolean;
}

export interface Dashboard {
  /** Another one for each dashboard that this page opens. */
  readonly serial: number;
  /** The store whose figures are shown; null: all stores. */
  readonly storeId: ReadonlySignal<string | null>;
  /** Undefined until the server has said what the key is for. */
  readonly access: ReadonlySignal<Access | undefined>;
  readonly connection: ReadonlySignal<Connection>;
  /** The time since which there is no connection; null: there is one. */
  readonly awaySince: ReadonlySignal<number | null>;
  readonly shown: ReadonlySignal<Shown | null>;
  /** True when `shown` came over the present connection. */
  readonly isCurrent: ReadonlySignal<boolean>;
  /** The server's clock less the browser's, which may be wrong. Milliseconds, 0 until known. */
  readonly clockOffsetMs: ReadonlySignal<number>;
  readonly status: ReadonlySignal<OpsStatus | null>;
  readonly figuresProblem: ReadonlySignal<Problem | null>;
  readonly statusProblem: ReadonlySignal<Problem | null>;
  close(): void;
}

export interface DashboardOptions {
  readonly url: string;
  readonly token: string;
  /** The store that the viewer asked for. A key for some stores shows one of its own. */
  readonly storeId: string | null;
  /** Called when the key is for another store than the one asked for. Nothing is shown then. */
  readonly onOtherStore: (storeId: string) => void;
  /** Called when the server has said what the key is for. */
  readonly onAccepted: () => void;
  /** Called when the key is not accepted. */
  readonly onUnauthenticated: (problem: Problem) => void;
}

/** A snapshot says `stale` when the database has been silent for this long. */
const STALE_AFTER_MS = 5_000;

let opened = 0;

/** Connects, asks what the key is for, and subscribes. */
export function openDashboard(options: DashboardOptions): Dashboard {
  const client = createWeirClient(options);
  const state = createState(options.storeId);
  const isLink = isBrowserToken(options.token);
  const onProblem = (place: { value: Problem | null }) => (found: Problem) => {
    const problem = isLink ? problemOfLink(found) : found;
    place.value = problem;
    if (problem.reason === "unauthenticated") options.onUnauthenticated(problem);
  };
  const feeds = { client, state, onProblem };
  const ends = [
    askUntilAnswered<Access>({
      ask: (signal) =>
        client.api.whoami.query(undefined, { signal }).catch((error) => {
          if (isUnknownProcedure(error)) return null;
          throw error;
        }),
      onAnswer: (access) => {
        const shown = storeToShow(access, options.storeId);
        if (access !== null) options.onAccepted();
        batch(() => {
          state.access.value = access;
          state.storeId.value = shown;
          state.figuresProblem.value = null;
        });
        if (shown !== null && options.storeId !== null && shown !== options.storeId) {
          return options.onOtherStore(shown);
        }
        if (mayFollow(access, "ops.onStatus")) ends.push(followStatus(feeds));
        else connectionOf(state).onStarted(); // the answer came, and perhaps nothing else will
        if (access === null || mayFollow(access, "dashboard.live")) ends.push(followFigures(feeds));
        else state.figuresProblem.value = finalProblem(lackOfFigures(access));
      },
      onProblem: onProblem(state.figuresProblem),
    }),
  ];
  return {
    ...state,
    serial: ++opened,
    close: () => {
      for (const end of ends) end();
      void client.close();
    },
  };
}

function createState(storeId: string | null) {
  return {
    storeId: signal(storeId),
    access: signal<Access | undefined>(undefined),
    connection: signal<Connection>("connecting"),
    awaySince: signal<number | null>(Date.now()),
    shown: signal<Shown | null>(null),
    isCurrent: signal(false),
    clockOffsetMs: signal(0),
    status: signal<OpsStatus | null>(null),
    figuresProblem: signal<Problem | null>(null),
    statusProblem: signal<Problem | null>(null),
  };
}

interface Feeds {
  readonly client: WeirClient;
  readonly state: ReturnType<typeof createState>;
  readonly onProblem: (place: { value: Problem | null }) => (problem: Problem) => void;
}

function followFigures({ client, state, onProblem }: Feeds): () => void {
  const { storeId, shown, isCurrent, figuresProblem, clockOffsetMs } = state;
  return keepSubscribed<{ data: Snapshot }>({
    subscribe: (handlers) =>
      client.api.dashboard.live.subscribe(
        {
          ...(storeId.value === null ? {} : { storeId: storeId.value }),
          lastEventId: idOf(shown.value),
        },
        handlers,
      ),
    onData: ({ data }) => {
      const now = Date.now();
      batch(() => {
        shown.value = follow(isCurrent.value ? shown.value : null, data, now);
        clockOffsetMs.value = Date.parse(data.asOf) + data.ageMs - now;
        isCurrent.value = true;
        figuresProblem.value = null;
      });
    },
    ...connectionOf(state),
    onProblem: onProblem(figuresProblem),
  });
}

function followStatus({ client, state, onProblem }: Feeds): () => void {
  const { status, statusProblem } = state;
  return keepSubscribed<OpsStatus>({
    subscribe: (handlers) => client.api.ops.onStatus.subscribe(undefined, handlers),
    onData: (data) => {
      batch(() => {
        status.value = data;
        statusProblem.value = null;
      });
    },
    ...connectionOf(state),
    onProblem: onProblem(statusProblem),
  });
}

/** The handlers that follow the connection, alike for both feeds. */
function connectionOf({ connection, awaySince, isCurrent }: Feeds["state"]) {
  return {
    onStarted: () => {
      batch(() => {
        connection.value = "connected";
        awaySince.value = null;
      });
    },
    onLost: () => {
      batch(() => {
        if (connection.value === "connected") connection.value = "reconnecting";
        awaySince.value ??= Date.now();
        isCurrent.value = false;
      });
    },
  };
}

/**
 * Makes the figures to show from a `snapshot` that arrived at `now`.
 * @param before the figures before it over the same connection; null: there were none.
 */
export function follow(before: Shown | null, snapshot: Snapshot, now: number): Shown {
  const silence = !snapshot.stale
    ? null
    : before?.silence ?? { since: now - STALE_AFTER_MS, isExact: before !== null };
  const ranking = rank(before?.ranking ?? null, snapshot);
  return { snapshot, receivedAt: now, silence, ranking };
}

/** The age of the figures at `now`. */
export function ageOf({ snapshot, receivedAt }: Shown, now: number): number {
  return snapshot.ageMs + Math.max(0, now - receivedAt);
}

function finalProblem(sentence: string): Problem {
  return { reason: "forbidden", sentence, retryAfterMs: null };
}

function idOf(shown: Shown | null): string | null {
  return shown === null ? null : `${shown.snapshot.epoch}:${shown.snapshot.version}`;
}
