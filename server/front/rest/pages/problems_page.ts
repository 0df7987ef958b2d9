/**
 * The page of problems: each reason with its title, its status, and what a caller does about it. The
 * type of a problem is the address of its place on this page.
 *
 * Tested in tests/server/front/rest/pages_test.ts.
 */
import { TRPCError } from "@trpc/server";
import { getHTTPStatusCodeFromError } from "@trpc/server/http";
import type { RefusalReason } from "../../../../client/contract/refusal.ts";
import { CODE_OF_REASON } from "../../../router/errors.ts";
import { PROBLEM_WORDS } from "../problem_words.ts";

const REASONS = Object.keys(CODE_OF_REASON) as RefusalReason[];

export const PROBLEMS_STYLE = `:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 45rem; margin: 2rem auto; padding: 0 1rem; }
dt { margin-top: 1.5rem; font-weight: 600; }
dd { margin: 0.25rem 0 0; }
:target { outline: 2px solid; outline-offset: 0.25rem; }
`;

export const PROBLEMS_HTML = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Weir: problems</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/problems.css">
</head>
<body>
<h1>Problems</h1>
<p>A request that fails is answered with <code>application/problem+json</code>. Its
<code>reason</code> is one of these. <a href="docs">All operations</a></p>
<dl>
${REASONS.map(entryOf).join("\n")}
</dl>
</body>
</html>
`;

function entryOf(reason: RefusalReason): string {
  const { title, advice } = PROBLEM_WORDS[reason];
  const status = getHTTPStatusCodeFromError(new TRPCError({ code: CODE_OF_REASON[reason] }));
  return `<dt id="${reason}"><code>${reason}</code> (${status}): ${html(title)}</dt>
<dd>${html(advice).replaceAll(/\`([^\`]+)\`/g, "<code>$1</code>")}</dd>`;
}

function html(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
