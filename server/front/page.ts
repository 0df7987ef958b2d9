/**
 * The dashboard page: static files that `deno task page` puts into `client/dashboard/dist`.
 *
 * Tested in tests/page/dashboard_test.ts.
 */

const FOLDER = new URL("../../client/dashboard/dist/", import.meta.url);

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
};

/**
 * Only scripts and styles of the page may run, and they may talk to this host only.
 * @param embedOrigins of pages that may put this one into a frame.
 */
function securityHeaders(embedOrigins: readonly string[]) {
  const framedBy = embedOrigins.length === 0 ? "'none'" : embedOrigins.join(" ");
  return {
    "content-security-policy":
      "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; " +
      "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; " +
      `frame-ancestors ${framedBy}`,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
  };
}

/**
 * Answers `GET /` and the page's files; 404 for everything else.
 * @param embedOrigins of pages that may put this one into a frame.
 */
export async function servePage(
  method: string,
  pathname: string,
  embedOrigins: readonly string[],
): Promise<Response> {
  if (method !== "GET" && method !== "HEAD") {
    return new Response("method not allowed\n", { status: 405, headers: { allow: "GET, HEAD" } });
  }
  const name = pathname === "/" ? "index.html" : pathname.slice(1);
  const [, ending] = /^[a-z0-9_-]+\.([a-z]+)$/.exec(name) ?? [];
  const contentType = CONTENT_TYPES[ending ?? ""];
  if (contentType === undefined) return new Response("not found\n", { status: 404 });
  try {
    const body = await Deno.readFile(new URL(name, FOLDER));
    return new Response(body, {
      headers: {
        ...securityHeaders(embedOrigins),
        "content-type": contentType,
        "cache-control": "no-cache",
      },
    });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return pathname === "/"
      ? new Response("The page is not built: run `deno task page`.\n", { status: 404 })
      : new Response("not found\n", { status: 404 });
  }
}
