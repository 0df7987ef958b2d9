/**
 * The contract: every shape and type that a client sees. This room imports nothing else of Weir's,
 * and every floor may import it.
 */
export * from "./broken_rule.ts";
export * from "./dead_letter.ts";
export * from "./error_details.ts";
export * from "./ops_runs.ts";
export * from "./ops_status.ts";
export * from "./order.ts";
export * from "./refusal.ts";
export * from "./refused.ts";
export * from "./scope.ts";
export * from "./snapshot.ts";
