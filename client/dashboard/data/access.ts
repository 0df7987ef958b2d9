/**
 * The access that an API key or a browser token gives: the store it is for, and in words what it may
 * do and what it may not.
 *
 * An instance of an older version may not know `whoami`, as in the middle of a deploy. The page then
 * asks for everything, and the server's refusals say what is missing.
 */
import { errorDataOf, type Scope, type Whoami } from "../../mod.ts";

/** Null: the server cannot tell what the key is for. */
export type Access = Whoami | null;

const ABILITIES: Readonly<Record<Scope, string>> = {
  "orders:write": "place and cancel orders",
  "orders:read": "read orders",
  "dashboard:read": "read figures",
  ops: "see and steer the actors",
};

/** The stores that the key is for; null: all of them. An older server knows of one store alone. */
export function storesOf(access: Access): readonly string[] | null {
  if (access === null) return null;
  const { storeId, stores = storeId === null ? null : [storeId] } = access as
    & Pick<Whoami, "storeId">
    & Partial<Whoami>;
  return stores;
}

/** The store to show when `asked` is asked for; null: all stores together. */
export function storeToShow(access: Access, asked: string | null): string | null {
  const stores = storesOf(access);
  if (stores === null || (asked !== null && stores.includes(asked))) return asked;
  return stores[0] ?? null;
}

/** The subscriptions of the page, each with the scope that it needs. */
const SCOPE_OF = { "dashboard.live": "dashboard:read", "ops.onStatus": "ops" } as const;

/** True unless the key or the token surely may not follow this. */
export function mayFollow(access: Access, path: keyof typeof SCOPE_OF): boolean {
  if (access === null) return true;
  const { scopes, procedures = null } = access as
    & Pick<Whoami, "scopes">
    & Partial<Pick<Whoami, "procedures">>; // an older server knows of no tokens
  return scopes.includes(SCOPE_OF[path]) && (procedures?.includes(path) ?? true);
}

/** True for a text that is a browser token, such as a share link has. An API key has no dots. */
export function isBrowserToken(text: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(text);
}

/** The sentences for a key that may not read figures: what it may do, and what is missing. */
export function lackOfFigures({ name, scopes, procedures = null }: Whoami): string {
  if (procedures !== null && scopes.includes(SCOPE_OF["dashboard.live"])) {
    return `The token “\u2068${name}\u2069” shows no figures: it is not for dashboard.live.`;
  }
  // A name can hold text of any direction. The two marks keep it from turning the sentence round.
  const may = scopes.length === 0 ? "do nothing" : listed(scopes.map((scope) => ABILITIES[scope]));
  return `The key “\u2068${name}\u2069” may ${may}. ` +
    "Figures need a key with the scope dashboard:read.";
}

/** True for the answer of a server that does not know the question. */
export function isUnknownProcedure(error: unknown): boolean {
  return errorDataOf(error)?.code === "NOT_FOUND";
}

/** `a`, `a and b`, `a, b and c`. */
function listed(parts: readonly string[]): string {
  const last = parts.at(-1) ?? "";
  return parts.length < 2 ? last : `${parts.slice(0, -1).join(", ")} and ${last}`;
}
