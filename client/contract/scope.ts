/**
 * Scopes: everything that an API key can be allowed.
 */
import { z } from "zod";

export const SCOPES = ["orders:write", "orders:read", "dashboard:read", "ops"] as const;
export const scopeInput = z.enum(SCOPES);
export type Scope = z.output<typeof scopeInput>;
