/**
 * The front: the parts that all requests and connections of the server share.
 *
 * Tested in tests/server/front.
 */
import type { Services } from "../router/context.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { AnswerBudget } from "./answers/answer_budget.ts";
import type { ByteBudget } from "./connections/byte_budget.ts";
import type { Streams } from "./connections/streams.ts";
import type { Visitors } from "./connections/visitors.ts";
import type { Door } from "./door.ts";
import type { EventStream } from "./event_stream.ts";
import type { Scraped } from "./metrics_door.ts";
import type { SlowClients } from "./slow_clients.ts";

export interface Front {
  readonly services: Services;
  readonly metrics: Metrics;
  readonly scraped: Scraped;
  readonly isReady: () => boolean;
  readonly door: Door;
  readonly embedOrigins: readonly string[];
  readonly metricsPort: number | null;
  readonly metricsToken: string | null;
  readonly visitors: Visitors;
  /** Pays for bodies and messages that are not there in full. */
  readonly unread: ByteBudget;
  readonly answers: AnswerBudget;
  readonly slowClients: SlowClients;
  readonly eventStreams: Set<EventStream>;
  readonly streams: Streams;
  readonly keepAliveMs: number;
  isStopping: boolean;
}
