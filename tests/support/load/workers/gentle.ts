/**
 * The thread of `gentle.ts`: it places orders at a steady rate and reports each answer. In the
 * thread of a busy test, the answers would look late.
 */
import { type Answer, authorization, request } from "../raw_calls.ts";
import { anInput } from "../orders.ts";

/** The first message to the thread. */
export interface GentleTask {
  readonly url: string;
  readonly token: string;
  readonly storeId: string;
  readonly ratePerSecond: number;
}

/** Every later message to the thread: orders sent from now on belong to this phase. */
export interface GentlePhase {
  readonly phase: number;
}

/** A message from the thread. */
export type GentleNews =
  | {
    readonly kind: "answered";
    readonly phase: number;
    readonly ms: number;
    /** Null: acknowledged. Else the reason of the refusal, or `no answer`. */
    readonly reason: string | null;
  }
  /** The phase has ended, and this many orders were sent in it. */
  | { readonly kind: "ended"; readonly phase: number; readonly sent: number };

/** Longer than any promise of the contract about one order. */
const NO_ANSWER_MS = 30_000;

let phase = 0;
let sent = 0;

self.onmessage = ({ data }: MessageEvent<GentleTask | GentlePhase>) => {
  if ("url" in data) return void pace(data);
  tell({ kind: "ended", phase, sent });
  phase = data.phase;
  sent = 0;
};

function tell(news: GentleNews): void {
  self.postMessage(news);
}

/** Sends an order at each turn, and waits for no answer. Never ends by itself. */
async function pace(task: GentleTask): Promise<never> {
  const begunAt = performance.now();
  for (let turn = 0;; turn++) {
    const dueMs = begunAt + turn * 1_000 / task.ratePerSecond - performance.now();
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, dueMs)));
    sent++;
    void placeOne(task, phase);
  }
}

async function placeOne({ url, token, storeId }: GentleTask, phase: number): Promise<void> {
  const sentAt = performance.now();
  const reason = await request(`${url}/trpc/orders.place`, {
    method: "POST",
    headers: { "content-type": "application/json", ...authorization(token) },
    body: JSON.stringify(anInput({ storeId })),
    signal: AbortSignal.timeout(NO_ANSWER_MS),
  }).then(reasonOf, () => "no answer");
  tell({ kind: "answered", phase, ms: performance.now() - sentAt, reason });
}

/** Null for an acknowledgement. */
function reasonOf({ status, text }: Answer): string | null {
  if (status === 200) return null;
  const [, reason] = /"reason":"(\w+)"/.exec(text) ?? [];
  return reason ?? `HTTP ${status}`;
}
