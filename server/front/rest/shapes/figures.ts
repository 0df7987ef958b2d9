/**
 * Shapes of a dashboard's figures. The contract has each field's rule.
 *
 * Tested in tests/server/front/rest/fuzz_test.ts.
 */
import { z } from "zod";
import type {
  CurrencyFigures,
  MinuteSums,
  ProductSums,
  Snapshot,
  WindowSums,
} from "../../../../client/contract/snapshot.ts";
import { shapeOf } from "./same.ts";

const sum = z.string().describe("A sum over orders, as a decimal string.");
const time = z.string();

const windowSums = shapeOf<WindowSums>()(z.object({
  orders: z.int(),
  units: sum,
  revenueMinor: sum,
  cancelledOrders: z.int(),
  cancelledRevenueMinor: sum,
}));

const minuteSums = shapeOf<MinuteSums>()(z.object({
  minute: time,
  orders: z.int(),
  units: sum,
  revenueMinor: sum,
}));

const productSums = shapeOf<ProductSums>()(z.object({
  sku: z.string(),
  units: sum,
  revenueMinor: sum,
}));

const currencyFigures = shapeOf<CurrencyFigures>()(z.object({
  currency: z.string(),
  today: windowSums,
  last60m: windowSums,
  hasDetail: z.boolean().describe("False: `minutes` and `topProducts` are left out."),
  minutes: z.array(minuteSums),
  topProducts: z.array(productSums),
}));

export const snapshot = shapeOf<Snapshot>()(z.object({
  scope: z.string().describe("The store, or `*` for all stores together."),
  epoch: z.int(),
  version: z.int(),
  asOf: time.describe("Each order committed before this moment is in the figures, once."),
  ageMs: z.number().describe("The time of the database less `asOf`, in milliseconds."),
  stale: z.boolean().describe("True while orders of seconds ago may be missing."),
  source: z.enum(["live", "cache", "database"]),
  minute: time,
  currencies: z.array(currencyFigures),
}));
