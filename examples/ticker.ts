/**
 * A ticker for the terminal: today's orders and revenue of one store or of all, by currency, live.
 *
 * On a terminal one line is written over; elsewhere each change is a line of its own. The line
 * begins with how far it can be trusted:
 *
 * - `live`: the figures hold every order that is in the database.
 * - `stale`: Weir's database does not answer; these are the last figures.
 * - `reconnecting`: Weir does not answer; these are the last figures. The ticker tries again.
 *
 * Run it with `WEIR_KEY=… deno run -A examples/ticker.ts [store]`; Ctrl-C ends it.
 */
import { WebSocket } from "ws";
import { createWeirClient, errorDataOf, type Snapshot, type WeirClient } from "../client/mod.ts";

export interface TickerOptions {
  readonly weir: WeirClient;
  /** Left out: all stores together. */
  readonly storeId?: string;
  /** Gets each new line; a line that is like the one before is left out. */
  readonly show: (line: string) => void;
  /** The figures cannot be had with this key; the ticker has ended. */
  readonly onRefused: (message: string) => void;
}

const AGAIN_MS = 1_000;

/** Starts a ticker. @returns what ends it. */
export function startTicker(options: TickerOptions): () => void {
  const { weir, storeId, show, onRefused } = options;
  const input = storeId === undefined ? {} : { storeId };
  let newest: { readonly id: string; readonly snapshot: Snapshot } | null = null;
  let isConnected = false;
  let isStopped = false;
  let shown = "";
  let subscription: { unsubscribe(): void } | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const refresh = () => {
    if (isStopped) return;
    const line = lineOf(newest?.snapshot ?? null, isConnected);
    if (line !== shown) show(shown = line);
  };
  const lost = () => {
    isConnected = false;
    refresh();
  };
  const subscribe = () => {
    // With the id of the newest frame Weir sends nothing that is older.
    const lastEventId = newest?.id;
    subscription = weir.api.dashboard.live.subscribe({ ...input, lastEventId }, {
      onData: ({ id, data: snapshot }) => {
        newest = { id, snapshot };
        isConnected = true;
        refresh();
      },
      // The client connects again by itself and goes on behind the newest frame.
      onConnectionStateChange: ({ state }) => {
        if (state !== "pending") lost();
      },
      // Weir has ended the stream: the instance stops, or has no figures yet.
      onComplete: () => again(AGAIN_MS),
      onError: (error) => {
        const data = errorDataOf(error);
        if (data !== null && data.retryAfterMs === undefined) return onRefused(error.message);
        again(data?.retryAfterMs ?? AGAIN_MS);
      },
    });
  };
  const again = (ms: number) => {
    lost();
    if (isStopped) return;
    timer = setTimeout(subscribe, ms * (1 + Math.random() / 2));
  };
  refresh();
  subscribe();
  return () => {
    isStopped = true;
    clearTimeout(timer);
    subscription?.unsubscribe();
  };
}

function lineOf(snapshot: Snapshot | null, isConnected: boolean): string {
  if (snapshot === null) return "connecting";
  const { scope, asOf, stale, currencies } = snapshot;
  const trust = isConnected ? stale ? "stale" : "live" : "reconnecting";
  const figures = currencies.map(({ currency, today }) =>
    `${currency} ${today.orders} orders ${money(today.revenueMinor, currency)}`
  );
  const since = trust === "live" ? "" : ` (as of ${asOf.slice(11, 19)} UTC)`;
  const store = scope === "*" ? "all stores" : scope;
  return `${trust}${since} ${store}: ${figures.join(" | ") || "no orders today"}`;
}

/**
 * A sum as text. It comes as a decimal string of minor units, because it can be larger than a
 * JavaScript number holds. `Intl` knows how many digits the minor unit has, a few rare currencies
 * aside.
 */
function money(minor: string, currency: string): string {
  const format = new Intl.NumberFormat("en", { style: "currency", currency });
  const digits = format.resolvedOptions().maximumFractionDigits ?? 2;
  if (digits === 0) return minor;
  const sign = minor.startsWith("-") ? "-" : "";
  const padded = minor.replace("-", "").padStart(digits + 1, "0");
  return `${sign}${padded.slice(0, -digits)}.${padded.slice(-digits)}`;
}

/** Ends the line before it is written anew, and cuts it to the width of the terminal. */
function showOnTerminal(line: string): void {
  const { columns } = Deno.consoleSize();
  Deno.stdout.writeSync(new TextEncoder().encode(`\r\x1b[2K${line.slice(0, columns - 1)}`));
}

if (import.meta.main) {
  const token = Deno.env.get("WEIR_KEY") ?? "";
  if (token === "") {
    console.error("WEIR_KEY is missing: an API key with the scope dashboard:read");
    Deno.exit(2);
  }
  const url = Deno.env.get("WEIR_URL") ?? "http://127.0.0.1:8080";
  const [storeId] = Deno.args;
  startTicker({
    // Deno's own WebSocket is slow with messages over a kilobyte.
    weir: createWeirClient({ url, token, WebSocket }),
    ...(storeId === undefined ? {} : { storeId }),
    show: Deno.stdout.isTerminal() ? showOnTerminal : (line) => console.log(line),
    onRefused: (message) => {
      console.error(message);
      Deno.exit(1);
    },
  });
}
