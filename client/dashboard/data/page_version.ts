/**
 * The version of the page. A server that comes back may have a newer page than the one that runs.
 *
 * `build.ts` writes a hash of the sources into the page's HTML. After each reconnection the page reads
 * that HTML again. A page that nobody uses is loaded again by itself, at most once in ten minutes, so
 * that two instances of different versions cannot keep it loading for ever.
 *
 * Tested in tests/page/wall_test.ts.
 */
import { effect, type ReadonlySignal, signal } from "@preact/signals";
import type { Connection } from "./dashboard.ts";

export interface PageVersionOptions {
  readonly connection: ReadonlySignal<Connection>;
  /** True when nobody would lose anything. */
  readonly mayReload: () => boolean;
}

const RELOADED_SLOT = "weir.reloadedAt";
const RELOAD_GAP_MS = 600_000;

/** Follows the version. @returns true once the server has another page than this one */
export function followPageVersion(options: PageVersionOptions): ReadonlySignal<boolean> {
  const isOutdated = signal(false);
  let wasLost = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const look = async () => {
    clearTimeout(timer);
    isOutdated.value = isOther(await readVersion());
    if (!isOutdated.value || !options.mayReload()) return;
    const waitMs = reloadedAt() + RELOAD_GAP_MS - Date.now();
    if (waitMs > 0) timer = setTimeout(look, waitMs);
    else if (noteReload()) location.reload();
  };
  effect(() => {
    const connection = options.connection.value;
    if (connection === "reconnecting") wasLost = true;
    if (connection !== "connected" || !wasLost) return;
    wasLost = false;
    void look();
  });
  return isOutdated;
}

/** True when `version` is known and not the one of this page. */
function isOther(version: string | null): boolean {
  const own = versionIn(document.querySelector("script[src]")?.getAttribute("src") ?? "");
  return version !== null && own !== null && version !== own;
}

/** The version that the server has now; null when it does not say. */
async function readVersion(): Promise<string | null> {
  try {
    const response = await fetch(new URL(".", location.href), { cache: "no-store" });
    return response.ok ? versionIn(await response.text()) : null;
  } catch {
    return null; // the connection is lost again, and its return asks again
  }
}

function versionIn(html: string): string | null {
  return /app\.js\?v=([0-9a-f]+)/.exec(html)?.[1] ?? null;
}

function reloadedAt(): number {
  try {
    return Number(sessionStorage.getItem(RELOADED_SLOT) ?? 0);
  } catch {
    return 0;
  }
}

/** @returns false when this browser keeps nothing, so that nothing would bound the reloads. */
function noteReload(): boolean {
  try {
    sessionStorage.setItem(RELOADED_SLOT, String(Date.now()));
    return true;
  } catch {
    return false;
  }
}
