/** All scenes, in the order in which they are played and stand in the fixture. */
import { busy } from "./scenes/busy.ts";
import { dashboards } from "./scenes/dashboards.ts";
import { deadLetters } from "./scenes/dead_letters.ts";
import { front } from "./scenes/front.ts";
import { http } from "./scenes/http.ts";
import { keys } from "./scenes/keys.ts";
import { ops } from "./scenes/ops.ts";
import { orders } from "./scenes/orders.ts";
import { outage } from "./scenes/outage.ts";
import { overflow } from "./scenes/overflow.ts";
import { sockets } from "./scenes/sockets.ts";
import { stopping } from "./scenes/stopping.ts";
import { tokens } from "./scenes/tokens.ts";
import { wrongOrders } from "./scenes/wrong_orders.ts";
import type { Scene } from "./scene.ts";

export const SCENES: readonly Scene[] = [
  front,
  http,
  sockets,
  keys,
  tokens,
  orders,
  wrongOrders,
  dashboards,
  ops,
  deadLetters,
  busy,
  stopping,
  outage,
  overflow,
];
