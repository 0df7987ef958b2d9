/**
 * The page to read the description and to try it: Swagger UI and the few lines that start it.
 *
 * Swagger UI waits for the end of an answer before it shows it, and an event stream has none. So the
 * page's own `fetch` shows the first seconds of a stream.
 *
 * Tested in tests/page/rest/docs_page_test.ts.
 */

export const DOCS_HTML = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Weir: REST</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="stylesheet" href="docs/docs.css">
</head>
<body>
<main id="docs"></main>
<noscript>This page needs JavaScript. The description itself is at openapi.json.</noscript>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/docs.js"></script>
</body>
</html>
`;

export const DOCS_STYLE = `body { margin: 0; background: #fafafa; }
#docs { max-width: 1460px; margin: 0 auto; }
`;

/** A stream is shown as it is after this time. */
const STREAM_MS = 4_000;

export const DOCS_SCRIPT = `"use strict";

async function firstSeconds(url, options) {
  const stopping = new AbortController();
  const answer = await fetch(url, { ...options, signal: stopping.signal });
  const type = answer.headers.get("content-type") ?? "";
  if (!type.startsWith("text/event-stream")) return answer;
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  const timer = setTimeout(() => stopping.abort(), ${STREAM_MS});
  let text = "";
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) text += part.value;
  } catch {
    text += ": the stream goes on; this page shows its first seconds\\n";
  }
  clearTimeout(timer);
  return new Response(text, { status: answer.status, headers: answer.headers });
}

SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#docs",
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
  validatorUrl: null,
  displayRequestDuration: true,
  requestInterceptor: (request) => ({ ...request, userFetch: firstSeconds }),
});
`;
