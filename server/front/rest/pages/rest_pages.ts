/**
 * The pages that explain REST: the description to read and to try, by Swagger UI out of node_modules,
 * and the reasons of problems. Nothing of them comes from another host, and their links are relative,
 * so they work below a proxy's path. They hold no key: a reader types it in.
 *
 * Tested in tests/server/front/rest/pages_test.ts and tests/page/rest/docs_page_test.ts.
 */
import { answerWith, problemOfStatus } from "../problem.ts";
import type { RestAnswer } from "../rest_answer.ts";
import { DOCS_PATH, PROBLEMS_PATH } from "../paths.ts";
import { DOCS_HTML, DOCS_SCRIPT, DOCS_STYLE } from "./docs_page.ts";
import { PROBLEMS_HTML, PROBLEMS_STYLE } from "./problems_page.ts";

const LIBRARY = new URL("../../../../node_modules/swagger-ui-dist/", import.meta.url);

const HTML = "text/html; charset=utf-8";
const CSS = "text/css; charset=utf-8";
const SCRIPT = "text/javascript; charset=utf-8";

/** Only scripts of this service may run, and they may talk to this service only. */
const SECURITY_HEADERS = {
  "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; " +
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; " +
    "frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
};

/** A file: its type, and its text or its name in the library. */
type File = readonly [type: string, source: { readonly text: string } | { readonly name: string }];

const FILES: ReadonlyMap<string, File> = new Map<string, File>([
  [DOCS_PATH, [HTML, { text: DOCS_HTML }]],
  [PROBLEMS_PATH, [HTML, { text: PROBLEMS_HTML }]],
  [`${DOCS_PATH}/docs.js`, [SCRIPT, { text: DOCS_SCRIPT }]],
  [`${DOCS_PATH}/docs.css`, [CSS, { text: DOCS_STYLE }]],
  [`${DOCS_PATH}/problems.css`, [CSS, { text: PROBLEMS_STYLE }]],
  [`${DOCS_PATH}/swagger-ui.css`, [CSS, { name: "swagger-ui.css" }]],
  [`${DOCS_PATH}/swagger-ui-bundle.js`, [SCRIPT, { name: "swagger-ui-bundle.js" }]],
]);

/** The bytes of the files, each read when somebody first asks. Anybody may ask for them at once. */
const bytes = new Map<string, Promise<Uint8Array | null>>();

/** Answers a request for one of the pages, or for a file of theirs. */
export async function restPage(method: string, path: string): Promise<RestAnswer> {
  if (method !== "GET" && method !== "HEAD") {
    const allow = "GET, HEAD";
    return answerWith(problemOfStatus(405, `this path takes ${allow}`), { allow });
  }
  // The links of the page are relative, and hold without a slash at the end of its path alone.
  if (path === `${DOCS_PATH}/`) return { status: 308, headers: { location: "../docs" }, body: "" };
  const file = FILES.get(path);
  if (file === undefined) return answerWith(problemOfStatus(404, "no such page"));
  const headers = { ...SECURITY_HEADERS, "content-type": file[0], "cache-control": "no-cache" };
  const body = await bytesOf(path, file);
  if (body === null) return answerWith(problemOfStatus(404, MISSING));
  return { status: 200, headers, body };
}

const MISSING = "swagger-ui-dist is not in node_modules: run `deno install`";

/** Null: the library is not there. */
function bytesOf(path: string, [, source]: File): Promise<Uint8Array | null> {
  let known = bytes.get(path);
  if (known === undefined) {
    known = "text" in source
      ? Promise.resolve(new TextEncoder().encode(source.text))
      : Deno.readFile(new URL(source.name, LIBRARY)).catch(unlessMissing);
    bytes.set(path, known);
    known.catch(() => bytes.delete(path));
  }
  return known;
}

function unlessMissing(error: unknown): null {
  if (error instanceof Deno.errors.NotFound) return null;
  throw error;
}
