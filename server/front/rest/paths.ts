/**
 * The paths of REST. The pages that explain it are pages like the dashboard, and no part of the API:
 * they need no key, and a page of another origin has no business with them.
 *
 * Tested in tests/server/front/rest/rest_test.ts.
 */

/** The path below which everything of this version stands. */
export const API_PATH = "/api/v1";
/** The page to read the description and to try it. */
export const DOCS_PATH = `${API_PATH}/docs`;
/** The page that explains the reasons of problems. */
export const PROBLEMS_PATH = `${API_PATH}/problems`;

const ROOT_PATH = "/api";
const DESCRIPTION = "openapi.json";
/** Many tools look for a description at the second one. */
const DESCRIPTION_PATHS = [`${API_PATH}/${DESCRIPTION}`, `/${DESCRIPTION}`];

/** True for a path of REST, be there something or not. */
export function isRest(path: string): boolean {
  if (isDescription(path)) return true;
  return (path === ROOT_PATH || path.startsWith(`${ROOT_PATH}/`)) && !isRestPage(path);
}

/** True for the pages that explain REST, and for the files of theirs. */
export function isRestPage(path: string): boolean {
  return path === DOCS_PATH || path.startsWith(`${DOCS_PATH}/`) || path === PROBLEMS_PATH;
}

/** True for a path of the description. */
export function isDescription(path: string): boolean {
  return DESCRIPTION_PATHS.includes(path);
}
