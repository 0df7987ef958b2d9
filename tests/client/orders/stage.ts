/** A client's placing against an instance behind a hostile door, with time that runs faster. */
import { fetchWayOf } from "../../../client/api/fetch_once.ts";
import { openTransport } from "../../../client/api/transport.ts";
import { Pace } from "../../../client/orders/pace.ts";
import type { Placing } from "../../../client/orders/place.ts";
import { fastClock } from "../../support/doubles/client_clock.ts";
import { type HostileDoor, startHostileDoor } from "../../support/client/hostile_door.ts";
import { type InstanceTest, KEY, withInstance } from "../../support/services/instance.ts";

export interface PlacingStage extends InstanceTest {
  readonly door: HostileDoor;
  readonly placing: Placing;
  /** Closes the client. */
  readonly close: () => void;
  /** The number of rows in the database with this id. */
  rowsOf(orderId: string): Promise<number>;
}

export interface StageOptions {
  readonly random?: () => number;
  /** The runtime that the client takes itself to be in. */
  readonly userAgent?: string;
  /** The client's time runs so many times as fast. */
  readonly times?: number;
}

/** A second of the client takes a twentieth of one. */
const TIMES = 20;

export function withPlacing(
  test: (stage: PlacingStage) => Promise<void>,
  { random = Math.random, userAgent = navigator.userAgent, times = TIMES }: StageOptions = {},
): Promise<void> {
  return withInstance(async (instance) => {
    const door = await startHostileDoor(() => instance.url);
    const transport = openTransport({ url: door.url, token: KEY }, fetchWayOf(userAgent));
    const closing = new AbortController();
    const clock = fastClock(times, random);
    const placing = { transport, pace: new Pace(clock), clock, closed: closing.signal };
    try {
      await test({
        ...instance,
        door,
        placing,
        close: () => closing.abort(),
        rowsOf: async (orderId) => {
          const rows = await instance.database.sql`
            select from orders where order_id = ${orderId}`;
          return rows.length;
        },
      });
    } finally {
      closing.abort();
      await transport.close();
      await door.close();
    }
  });
}
