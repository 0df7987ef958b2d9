/**
 * Scopes: everything that an API key can be allowed.
 * Tested in tests/server/router/errors_test.ts.
 */
import { z } from "zod";

export const SCOPES = ["orders:write", "orders:read", "dashboard:read", "ops"] as const;
export const scopeInput = z.enum(SCOPES);
export type Scope = z.output<typeof scopeInput>;
