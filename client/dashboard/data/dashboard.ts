/**
 * The dashboard's data: one live subscription to the figures and one to the actors' states, over
 * one connection. Signals hold the data and change only when a frame arrives.
 *
 * When the connection is lost, the last figures and states stay until newer ones come.
 */
import { type ReadonlySignal, signal } from "@preact/signals";
import { createWeirClient, type OpsStatus, type Snapshot } from "../../mod.ts";
import { keepSubscribed } from "./feed.ts";
import type { Problem } from "./problem.ts";

export type CurrencyFigures = Snapshot["currencies"][number];

export type Connection = "connecting" | "connected" | "reconnecting";

/**
 * A snapshot and its arrival. Times are `Date.now()`, which unlike a monotonic clock counts sleep.
 */
export interface Shown {
  readonly snapshot: Snapshot;
  readonly receivedAt: number;
  /** The silence of the database, as far as it is known; null: it answers. */
  readonly silence: Silence | null;
}

export interface Silence {
  readonly since: number;
  /** True when this page saw the silence begin. Else it may be longer. */
  readonly isExact: boolean;
}

export interface Dashboard {
  readonly storeId: string | null;
  readonly connection: ReadonlySignal<Connection>;
  readonly shown: ReadonlySignal<Shown | null>;
  /** True when `shown` came over the present connection. */
  readonly isCurrent: ReadonlySignal<boolean>;
  readonly status: ReadonlySignal<OpsStatus | null>;
  readonly figuresProblem: ReadonlySignal<Problem | null>;
  readonly statusProblem: ReadonlySignal<Problem | null>;
  close(): void;
}

export interface DashboardOptions {
  readonly url: string;
  readonly token: string;
  readonly storeId: string | null;
  /** Called when the key is not accepted. */
  readonly onUnauthenticated: (problem: Problem) => void;
}

/** A snapshot says `stale` when the database has been silent for this long. */
const STALE_AFTER_MS = 5_000;

/** Connects and subscribes. */
export function openDashboard(options: DashboardOptions): Dashboard {
  const { url, token, storeId } = options;
  const client = createWeirClient({ url, token });
  const connection = signal<Connection>("connecting");
  const shown = signal<Shown | null>(null);
  const isCurrent = signal(false);
  const status = signal<OpsStatus | null>(null);
  const figuresProblem = signal<Problem | null>(null);
  const statusProblem = signal<Problem | null>(null);

  const onStarted = () => {
    connection.value = "connected";
  };
  const onLost = () => {
    if (connection.value === "connected") connection.value = "reconnecting";
    isCurrent.value = false;
  };
  const onProblem = (place: { value: Problem | null }) => (problem: Problem) => {
    place.value = problem;
    if (problem.reason === "unauthenticated") options.onUnauthenticated(problem);
  };

  const endFigures = keepSubscribed<{ data: Snapshot }>({
    subscribe: (handlers) =>
      client.api.dashboard.live.subscribe(
        { ...(storeId === null ? {} : { storeId }), lastEventId: idOf(shown.value) },
        handlers,
      ),
    onData: ({ data }) => {
      shown.value = follow(isCurrent.value ? shown.value : null, data, Date.now());
      isCurrent.value = true;
      figuresProblem.value = null;
    },
    onStarted,
    onLost,
    onProblem: onProblem(figuresProblem),
  });
  const endStatus = keepSubscribed<OpsStatus>({
    subscribe: (handlers) => client.api.ops.onStatus.subscribe(undefined, handlers),
    onData: (data) => {
      status.value = data;
      statusProblem.value = null;
    },
    onStarted,
    onLost,
    onProblem: onProblem(statusProblem),
  });
  return {
    storeId,
    connection,
    shown,
    isCurrent,
    status,
    figuresProblem,
    statusProblem,
    close: () => {
      endFigures();
      endStatus();
      void client.close();
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
  return { snapshot, receivedAt: now, silence };
}

/** The age of the figures at `now`. */
export function ageOf({ snapshot, receivedAt }: Shown, now: number): number {
  return snapshot.ageMs + Math.max(0, now - receivedAt);
}

function idOf(shown: Shown | null): string | null {
  return shown === null ? null : `${shown.snapshot.epoch}:${shown.snapshot.version}`;
}
