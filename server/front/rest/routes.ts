/**
 * Routes: from the path of a request to the operations at that path, and the values in it.
 *
 * Tested in tests/server/front/rest/routes_test.ts.
 */
import { type Operation, OPERATIONS } from "./operations.ts";
import { API_PATH } from "./paths.ts";

export interface Route {
  /** The operations at this path by their method. */
  readonly operations: ReadonlyMap<string, Operation>;
  /** The values of the path's parameters, decoded. */
  readonly values: Readonly<Record<string, string>>;
}

interface Template {
  readonly segments: readonly string[];
  readonly operations: Map<string, Operation>;
}

const TEMPLATES = templatesOf(OPERATIONS);

/** The route of a path; null: nothing stands there. */
export function routeOf(path: string): Route | null {
  if (!path.startsWith(`${API_PATH}/`)) return null;
  const given = path.slice(API_PATH.length + 1).split("/");
  for (const { segments, operations } of TEMPLATES) {
    if (segments.length !== given.length) continue;
    const values: Record<string, string> = {};
    const matches = segments.every((segment, index) => {
      const text = given[index]!;
      if (!segment.startsWith("{")) return segment === text;
      values[segment.slice(1, -1)] = decoded(text);
      return text !== "";
    });
    if (matches) return { operations, values };
  }
  return null;
}

/** The templates of all paths. One without parameters comes before those that it could be taken for. */
function templatesOf(operations: readonly Operation[]): Template[] {
  const templates = new Map<string, Template>();
  for (const operation of operations) {
    const { path } = operation;
    const segments = path.slice(1).split("/");
    const template = templates.get(path) ?? { segments, operations: new Map() };
    template.operations.set(operation.method, operation);
    templates.set(path, template);
  }
  const parameters = ({ segments }: Template) =>
    segments.filter((one) => one.startsWith("{")).length;
  return [...templates.values()].toSorted((a, b) => parameters(a) - parameters(b));
}

/** The text of a segment. One that is wrongly encoded stays as it is: no shape takes it. */
function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
