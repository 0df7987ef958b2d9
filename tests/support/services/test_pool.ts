/** The pool by which a test makes and revokes API keys, beside the instances that it tests. */
import { Pool } from "../../../sql/connection/pool.ts";

/** Opens a pool of one connection. The caller ends it. */
export function openTestPool(url: string): Pool {
  return new Pool({ url, name: "test", maxConnections: 1, statementTimeoutMs: 5_000 });
}
